"""Sends callers text messages."""
