"""Has Gemini write and run code."""
