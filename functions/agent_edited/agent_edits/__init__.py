"""Checks agents that were edited."""
