"""What is found out about calls that are over."""
