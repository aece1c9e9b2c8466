"""The command line, `python -m inference`: options to what is printed and written."""
