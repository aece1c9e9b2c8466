"""The papers' tables and figures, one file each: `python -m training experiment NAME`."""
