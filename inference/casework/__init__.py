"""The casework: the folder of a case and its log, reports, and whether all of it still agrees."""
