"""The assessment of a finished model on samples whose truth is known."""
