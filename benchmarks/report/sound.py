"""docs/sound.md: what becomes of speech on its way, and of its beginnings and ends. Pure."""

from collections.abc import Iterator
from typing import Literal

import msgspec

PAGE = "sound.md"


class Chain(msgspec.Struct, frozen=True):
    """Speech through a converter and µ-law, in chunks as they come, against the ideal."""

    name: str
    direction: Literal["up", "down"]
    snr_db: float
    """In the telephone band; µ-law's own noise included."""
    level_db: float
    late_ms: float
    """Until the converter gives the first sound."""
    lost_ms: float
    """What never comes out at the end."""


class Join(msgspec.Struct, frozen=True):
    """The sharpest bend of a join, against the sharpest of the sound beside it."""

    what: str
    how: str
    median: float
    p95: float
    clicks: float
    """Share of the places where the join is 1.5 times as sharp."""


class Loudness(msgspec.Struct, frozen=True):
    """Speech pressed against full scale by so many decibels, and then filtered."""

    pressed_db: float
    over: float
    """Peak of the filtered sound, against the most that µ-law can say."""
    cut_db: float
    """Distortion if it is cut there, against the sound."""
    turned_down_db: float
    """With the limiter."""


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    speech: str
    chains: list[Chain]
    joins: list[Join]
    loudness: list[Loudness]
    join_us: float
    """What fades and limiter add to a chunk of 40 ms that needs neither, in µs."""


_HEAD = """\
# Sound

*This page is written by `python -m benchmarks.sound` from what it measured.*

The speech is {speech}, each through the parts that are deployed and the telephone network's
stand-in, which plays frames of 20 ms as Twilio does. No person has judged it, and no recording of a
person is in the repository: `python -m benchmarks.sound --wav FILE` measures yours.
"""

_CHAINS = """\
## Speech through the chain

The model's chunks are 40 ms, the caller's 20 ms. Signal to noise is in the telephone band (300 to
3,400 Hz) against an ideal conversion; µ-law's own noise (about 38 dB below the sound) is in all of
them, so nothing can be much better than that. The plain cut takes every third sample down, and each
sample twice up. Aliases and images of single tones are in [performance.md](performance.md).
"""

_JOINS = """\
## Where sounds meet

A click is a bend of the wave that its surroundings do not have. The figure is the sharpest bend
(second difference) of the join, against the sharpest in the 100 ms beside it: 1 is as sharp as the
sound itself, and above 1.5 it is counted as a click. {places} vowels (harmonics of 90 to 250 Hz),
each joined at any place of its period; in speech the next consonant would hide what a join does.
"""

_JOINS_MEAN = """\
**What is ours is faded.** Each sound rises from silence within 5 ms. One that breaks off (the
model's session ends in the middle of a word) goes on for 5 ms with its last samples backwards and
upside down, and falls: nothing is held back for it, so it costs no delay. A sound that ends in
silence gets nothing.

**What Twilio holds cannot be faded.** At a barge-in `clear` empties Twilio's buffer, and where it
stops is known from its marks to ±200 ms. A fade sent behind the `clear` would smooth the cut only
if it went on from the very sample at which Twilio stopped; a millisecond off, it is a second edge.
So `clear` is followed by nothing. The same holds for ringing and waiting tones, which end by
`clear` when the agent speaks: to let them end by themselves would delay the first word. What a real
telephone network does with the cut has not been tried; some conceal it.
"""

_LOUD = """\
## Loud replies

Speech that was pressed against full scale passes it once it is filtered. A limiter turns it down
as a whole where it would, and up again within half a second; it finds the peak in the chunk that it
has, so it adds no delay. Sound that fits is not touched. Distortion is what is left of the sound
once its level is taken out, in frames of 20 ms, without µ-law.
"""

_TAIL = """\
Fades and limiter cost {join_us:.1f} µs a chunk of 40 ms that needs neither.

An agent's `volume_db` makes its voice louder or softer before the limiter. There is no automatic
gain: a voice that is louder or softer than the last one is the agent's choice
of voice, and telephones have their own.

## Ringing

Until the model speaks, callers hear the ringing tone of the country that they called
(`core/ringing.py`; ITU-T E.180): North America, Britain and Ireland, France, Spain, Australia, New
Zealand, Singapore, Japan; elsewhere the European one.
"""


def page(sound: Sound, places: int) -> str:
    """Markdown."""
    parts = [
        _HEAD.format(speech=sound.speech),
        _CHAINS,
        "\n".join(_chains(sound)),
        _JOINS.format(places=places),
        "\n".join(_joins(sound)),
        _JOINS_MEAN,
        _LOUD,
        "\n".join(_loudness(sound)),
        _TAIL.format(join_us=sound.join_us),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _chains(sound: Sound) -> Iterator[str]:
    yield "| direction | converter | signal to noise, dB | level, dB | late, ms | end lost, ms |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for c in sound.chains:
        figures = f"{c.snr_db:.1f} | {c.level_db:+.2f} | {c.late_ms:.0f} | {c.lost_ms:.0f}"
        yield f"| {c.direction} | {c.name} | {figures} |"


def _joins(sound: Sound) -> Iterator[str]:
    yield "| where | how | median | 95th percentile | clicks |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for j in sound.joins:
        yield f"| {j.what} | {j.how} | {j.median:.2f} | {j.p95:.2f} | {100 * j.clicks:.0f} % |"


def _loudness(sound: Sound) -> Iterator[str]:
    yield "| pressed by | peak after the filter | distortion if cut | with the limiter |"
    yield "| ---: | ---: | ---: | ---: |"
    for x in sound.loudness:
        cut = "none" if x.cut_db < -90 else f"{x.cut_db:.0f} dB"
        down = "none" if x.turned_down_db < -90 else f"{x.turned_down_db:.0f} dB"
        yield f"| {x.pressed_db:.0f} dB | {x.over:.2f} of the most | {cut} | {down} |"
