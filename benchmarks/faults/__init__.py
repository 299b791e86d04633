"""Faults injected into real processes over real sockets: what is decided, heard and lost.

`python -m benchmarks.faults` (`make faults`) injects each ten times; the tests inject each once.
"""
