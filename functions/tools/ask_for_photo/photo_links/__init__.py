"""Texts callers a link to the page where they can send photos."""
