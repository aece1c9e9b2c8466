"""Figures: metrics with their intervals, calibration, and their plots."""
