"""Trademarks: are two marks visually similar?"""
