"""The operators' command line: running the parts on one machine, and placing a simulated call."""
