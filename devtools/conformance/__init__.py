"""`make conformance`: records sessions and calls with the stand-ins and the real services.

`gemini` and `twilio` fill a `recording`; `comparison` lists how two recordings differ.
"""
