"""What came of looking for a behaviour. Facts are plain words, so that they can be compared."""

from collections.abc import Mapping

import msgspec

Facts = Mapping[str, str]


class Observed(msgspec.Struct, frozen=True, tag="observed"):
    """`note` has the peer's own words, for people; it is not compared."""

    facts: dict[str, str]
    note: str = ""


class NotObserved(msgspec.Struct, frozen=True, tag="not observed"):
    why: str


Outcome = Observed | NotObserved


class CannotTell(Exception):
    """The session did not get to where the behaviour shows; the message says why."""


def in_words(facts: Facts) -> str:
    """One line; a fact called "result" needs no name."""
    return "; ".join(
        value if name == "result" else f"{name}: {value or 'nothing'}"
        for name, value in facts.items()
    )
