"""The page on which a caller sends a photo or a text into the call."""
