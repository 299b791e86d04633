"""`ringdown calls`: find calls, see what happened, follow them, restore lost records."""
