"""Calls tools over HTTP."""
