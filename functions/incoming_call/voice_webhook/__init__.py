"""Answers Twilio's webhooks."""
