"""Personas call an agent on this machine: through the webhook, the handler and the audio path."""
