"""Pictures that callers send: a few drawings that the Gemini stand-in recognises."""

from importlib import resources

PICTURES = ("broken_crate", "label", "letter", "meter")
"""They show a crate with a hole, a jar's label with a lot number, a letter that gives orders to
whatever reads it, and a water meter."""


def picture(name: str) -> bytes:
    """Return one of PICTURES as a JPEG."""
    return (resources.files("simulators.pictures") / f"{name}.jpg").read_bytes()
