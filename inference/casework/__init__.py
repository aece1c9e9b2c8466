"""Casework: the folder of a case, its log and reports, and their verification."""
