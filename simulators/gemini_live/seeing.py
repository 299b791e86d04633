"""Recognises the shipped pictures, even if they were scaled or encoded again.

A picture's mark says for each of 256 points whether it is brighter than the next one (a difference
hash): JPEG and scaling change few of them, but another picture differs in about half of them.
"""

import io
import itertools
from functools import cache

from PIL import Image

from simulators.pictures import PICTURES, picture

_SIDE = 16
_MOST_DIFFERENT = 40

Mark = tuple[bool, ...]


def known_picture(image: bytes) -> str | None:
    """Return which shipped picture this is, or None. Raises ValueError if it isn't an image."""
    mark = _mark(image)
    differing = {name: _differing(mark, known) for name, known in _known().items()}
    nearest = min(differing, key=differing.__getitem__)
    return nearest if differing[nearest] <= _MOST_DIFFERENT else None


def _differing(one: Mark, other: Mark) -> int:
    return sum(a is not b for a, b in zip(one, other, strict=True))


@cache
def _known() -> dict[str, Mark]:
    return {name: _mark(picture(name)) for name in PICTURES}


def _mark(image: bytes) -> Mark:
    try:
        opened = Image.open(io.BytesIO(image))
        grey = opened.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BOX)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("not a picture") from error
    light = grey.tobytes()
    rows = (light[row * (_SIDE + 1) :][: _SIDE + 1] for row in range(_SIDE))
    return tuple(left > right for row in rows for left, right in itertools.pairwise(row))
