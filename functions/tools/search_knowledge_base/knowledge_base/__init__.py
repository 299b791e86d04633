"""Searches a knowledge base."""
