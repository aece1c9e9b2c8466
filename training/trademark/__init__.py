"""Training the trademark networks."""
