"""Gemini: models, prices, endpoints and sessions."""
