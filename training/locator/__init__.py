"""Training the locator."""
