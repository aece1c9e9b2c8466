"""Makes weights: data sets, losses, the training loop and its assessment."""
