"""`ringdown doctor`: is this deployment ready for calls, and if not, what fixes it?

`deployment` describes what to check. Each check is a module with a pure judgement and a thin part
that does the I/O; `checks` lists them with their deadlines; `command` reports the results.
"""
