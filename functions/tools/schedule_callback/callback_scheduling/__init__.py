"""Schedules callbacks."""
