"""A Twilio caller and a Gemini Live endpoint on one clock, with marks in the audio itself."""
