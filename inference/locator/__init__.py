"""The locator: the parts on a photo of goods, and their places."""
