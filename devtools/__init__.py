"""Runs and shows the line on one machine. Nothing that is deployed imports this."""
