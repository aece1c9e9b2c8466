"""The locator: which parts a photo of goods shows, and where."""
