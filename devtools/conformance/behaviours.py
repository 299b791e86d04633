"""What a behaviour is: something we rely on, where we know it from, and how it is tried."""

from dataclasses import dataclass
from enum import Enum

from devtools.conformance.observing import Observer
from devtools.conformance.outcomes import Facts
from devtools.conformance.scripts import Script


class SourceKind(Enum):
    """How we know; the value is what a reader sees."""

    DOCUMENTATION = "documentation"
    REPORTED = "reported"
    SDK = "SDK"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Source:
    kind: SourceKind
    where: str
    """A link in Markdown, or words."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Run `script` against an endpoint, then `observe` what it recorded.

    `expected` is what the source says; the stand-in should show the same.
    """

    script: Script
    observe: Observer
    expected: Facts


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`depends` says what of ours would go wrong were it otherwise.

    Without a probe, `by_hand` says how a person tries it, or why nobody can.
    """

    id: str
    statement: str
    source: Source
    depends: str
    probe: Probe | None = None
    by_hand: str = ""
