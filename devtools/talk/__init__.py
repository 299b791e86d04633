"""A telephone in the browser: `make talk`."""
