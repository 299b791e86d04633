"""Twilio's media streams."""
