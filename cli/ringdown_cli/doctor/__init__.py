"""`ringdown doctor`: is this deployment ready for a call, and if not, what fixes it?

`deployment` says what is looked at; each check is a module of its own, with a pure judgement and a
thin part that asks; `checks` lists them and gives each its deadline; `command` tells the person.
"""
