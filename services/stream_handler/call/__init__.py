"""The sans-I/O core: every decision of a call, with no socket, clock, task or log in it."""
