"""Looks up a caller's account."""
