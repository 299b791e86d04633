"""Third-party clients that talk to our stand-ins: `make peers`.

Each has its own locked environment. A client of Gemini Live is a process that gets the endpoint and
the key as arguments, and the caller's voice on standard input (PCM16, 16 kHz). It asks for a
greeting, responds to calls of `lookup_account` and `end_call`, exits after the latter, and prints
how many interruptions it noticed. The Twilio stand-in calls the phone bots.
"""
