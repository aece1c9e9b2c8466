"""The command line, `python -m inference`: from options to printed and written results."""
