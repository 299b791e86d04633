"""`ringdown agents`: read, change, try and publish the agents that answer the phone."""
