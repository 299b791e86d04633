"""Plans the model's turns, the same for every target: some are interrupted. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.rig.marks import Piece

CHUNK_MS = 40
_GREETING_CHUNKS = 25
_SHORTEST_CHUNKS, _LONGEST_CHUNKS = 25, 62  # 1 to 2.5 s
_PAUSES_S = (0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Turn:
    """`chunks` pieces of the marked audio, starting at `first`, then a pause."""

    first: int
    chunks: int
    interrupted: bool
    pause_s: float


def turns(seed: int, pieces: Sequence[Piece]) -> Iterator[Turn]:
    """Yield endless turns. The first, the greeting, begins with a burst and isn't interrupted.

    A turn begins in silence and, unless interrupted, ends outside a burst.
    """
    dice = random.Random(seed)  # noqa: S311 - must be repeatable
    first = dice.choice([n for n, piece in enumerate(pieces) if _begins_with_burst(piece)])
    yield Turn(first, _whole(first, _GREETING_CHUNKS, pieces), False, dice.uniform(*_PAUSES_S))
    quiet = [n for n, piece in enumerate(pieces) if _begins_in_silence(piece)]
    while True:
        first = dice.choice(quiet)
        chunks = dice.randint(_SHORTEST_CHUNKS, _LONGEST_CHUNKS)
        interrupted = dice.random() < 0.5
        if not interrupted:
            chunks = _whole(first, chunks, pieces)
        yield Turn(first, chunks, interrupted, dice.uniform(*_PAUSES_S))


def _begins_with_burst(piece: Piece) -> bool:
    return piece.mark is not None and not piece.begins_in_burst


def _begins_in_silence(piece: Piece) -> bool:
    """Otherwise, a burst could be mistaken for the end of one from the previous turn."""
    if piece.mark is not None:
        return piece.mark.offset > len(piece.pcm) // 2
    return not piece.begins_in_burst


def _whole(first: int, chunks: int, pieces: Sequence[Piece]) -> int:
    """Return `chunks`, plus as many as it takes to finish a burst that has begun."""
    while pieces[(first + chunks) % len(pieces)].begins_in_burst:
        chunks += 1
    return chunks
