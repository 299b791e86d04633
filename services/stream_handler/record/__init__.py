"""Everything that is recorded about a call."""
