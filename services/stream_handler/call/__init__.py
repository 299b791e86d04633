"""The sans-I/O core: makes every decision of a call without sockets, clocks, tasks or logs."""
