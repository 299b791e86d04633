"""Checks edited agents."""
