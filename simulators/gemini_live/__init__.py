"""A Gemini Live server for tests and demonstrations: it listens, and replies from a scenario.

`protocol` says what is allowed on the wire, `conversation` decides what the model does, and
`server` moves bytes. Claims about the real service that weren't measured are marked [assumed].
"""
