"""Gemini: models, prices, how to reach it."""
