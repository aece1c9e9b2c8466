"""All that an examination needs, from the intake of a file to the verified report."""
