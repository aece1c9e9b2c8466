"""Mark sets, their pairs, and similar marks edited from drawings."""
