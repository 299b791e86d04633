"""What the real peers were seen to do, kept so that a run without keys does not forget it."""

import datetime
from pathlib import Path

import msgspec

from devtools.conformance.outcomes import Outcome


class PeerResults(msgspec.Struct, frozen=True):
    """One run against a real peer. `endpoint` and `model` say what answered."""

    date: datetime.date
    endpoint: str
    outcomes: dict[str, Outcome]
    model: str = ""


class Results(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest run against each peer; None for one that was never tried."""

    gemini: PeerResults | None = None
    twilio: PeerResults | None = None


def read_results(path: Path) -> Results:
    """Empty if there is no file; raises msgspec.DecodeError for one that is not ours."""
    if not path.exists():
        return Results()
    return msgspec.json.decode(path.read_bytes(), type=Results)


def write_results(path: Path, results: Results) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
