"""The bridge between Twilio Media Streams and Gemini Live."""
