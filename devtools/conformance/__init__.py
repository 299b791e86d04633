"""`make conformance`: records sessions and calls with the stand-ins and with the real services.

`gemini` and `twilio` record into `recording`; `comparison` lists how two recordings differ.
"""
