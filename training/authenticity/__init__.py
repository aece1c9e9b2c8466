"""Training the authenticity networks."""
