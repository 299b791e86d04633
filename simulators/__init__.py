"""Stand-ins for the outside world: a phone network, a Gemini Live server, and speech for both."""
