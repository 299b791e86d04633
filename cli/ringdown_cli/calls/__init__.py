"""`ringdown calls`: find calls, see what happened, follow them, bring back lost records."""
