"""Evidence: from scores to likelihood ratios, and the figures that assess these."""
