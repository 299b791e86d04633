"""`ringdown agents`: read, change, try and publish what answers the phone."""
