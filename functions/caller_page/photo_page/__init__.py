"""The page where a caller sends a photo or a text into the call."""
