"""A Gemini Live server for tests and demonstrations: it listens, replies from a scenario, speaks.

`protocol` says what is allowed on the wire, `conversation` decides what the model does, `server`
moves bytes. Facts about the real service that were not measured are marked [assumed] there.
"""
