"""Evidence: from scores to likelihood ratios, and what these are worth."""
