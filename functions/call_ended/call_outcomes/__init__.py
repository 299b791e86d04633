"""Determines the outcome of calls that are over."""
