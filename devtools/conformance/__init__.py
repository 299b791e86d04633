"""`make conformance`: what the stand-ins assume of Twilio and Gemini Live, compared with the real.

`scripts` drive sessions over `wire`; what came is a `recording`; `observing` reads facts from it.
`gemini` and `twilio` list the behaviours; `comparison` and `page` are what is made of them.
"""
