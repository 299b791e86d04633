"""The ringing tone that callers hear, which is that of the called number's country.

This continues the tone that the phone network has been playing. Tones and rhythms are from ITU-T
E.180, supplement 2; countries not listed get Europe's, the most common one.
"""

import msgspec


class Ring(msgspec.Struct, frozen=True):
    """One ring, and when the next one follows."""

    tones_hz: tuple[int, ...]
    tone_s: float
    every_ms: int
    times: int = 1
    gap_s: float = 0.2
    """The gap between the tones of a double ring."""


_NORTH_AMERICA = Ring((440, 480), tone_s=2.0, every_ms=6_000)
_BRITAIN = Ring((400, 450), tone_s=0.4, times=2, every_ms=3_000)
_EUROPE = Ring((425,), tone_s=1.0, every_ms=5_000)
_BY_PREFIX = {
    "+1": _NORTH_AMERICA,
    "+33": Ring((440,), tone_s=1.5, every_ms=5_000),
    "+34": Ring((425,), tone_s=1.5, every_ms=4_500),
    "+353": _BRITAIN,
    "+44": _BRITAIN,
    "+61": Ring((400, 425), tone_s=0.4, times=2, every_ms=3_000),
    "+64": _BRITAIN,
    "+65": Ring((425,), tone_s=0.4, times=2, every_ms=3_000),
    "+81": Ring((400,), tone_s=1.0, every_ms=3_000),
}


def ring_of(called: str) -> Ring:
    """Return the ring for a number in E.164 form; Europe's for anything else."""
    found = (ring for prefix, ring in _BY_PREFIX.items() if called.startswith(prefix))
    return next(found, _EUROPE)
