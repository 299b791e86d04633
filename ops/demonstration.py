"""The demonstration call: every part a process of its own, real speech, and a verdict."""

from pathlib import Path

SCENARIO = Path(__file__).parent.parent / "simulators" / "scenarios" / "demonstration.yaml"
