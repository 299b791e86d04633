"""The operators' command line: agents, numbers, calls, callers, doctor."""
