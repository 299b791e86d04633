"""Lets personas call an agent on this machine, through the webhook, handler and audio path."""
