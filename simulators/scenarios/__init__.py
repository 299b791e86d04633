"""Scenarios that come with the simulators."""
