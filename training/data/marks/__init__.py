"""Marks: a set of them, its pairs, and lookalikes made from drawings."""
