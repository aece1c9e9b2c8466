"""The rendered reference set: parts of a house that does not exist, their counterfeits, and what was altered."""
