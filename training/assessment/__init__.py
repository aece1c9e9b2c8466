"""A finished model against samples whose truth is known."""
