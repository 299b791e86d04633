"""Everything that is kept of a call."""
