from simulators.gemini_live.fixtures import gemini_live_server

__all__ = ["gemini_live_server"]
