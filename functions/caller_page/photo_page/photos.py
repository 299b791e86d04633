"""Converts a caller's picture to a small, plain JPEG, in a separate process.

A picture is a stranger's bytes, and decoders are written in C. So the process that decodes it has
limited memory and time and none of our environment, and calls survive if it dies.
"""

import asyncio
import os
import subprocess
import sys
import threading

from photo_page.refusals import REFUSED, Refusal, Refused
from ringdown.calls.uploads import LONGEST_SIDE_PX, MOST_PICTURE_BYTES
from ringdown.log import Log

WITHIN_S = 10.0
_log = Log("caller_page.photos")
_one_at_a_time = threading.Lock()
"""Limits memory: see MEMORY_BYTES in `reduce_photo`."""


async def reduced_photo(picture: bytes, *, within_s: float = WITHIN_S) -> bytes:
    """Convert a picture to JPEG, one at a time. Raises Refused."""
    return await asyncio.to_thread(_reduced, picture, within_s)


def _reduced(picture: bytes, within_s: float) -> bytes:
    limits = (str(LONGEST_SIDE_PX), str(MOST_PICTURE_BYTES))
    program = (sys.executable, "-P", "-m", "photo_page.reduce_photo", *limits)
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        with _one_at_a_time:
            done = subprocess.run(  # noqa: S603
                program, input=picture, capture_output=True, env=environ, timeout=within_s
            )
    except subprocess.TimeoutExpired:
        _log.warning("photo took too long", size=len(picture))
        raise Refused(Refusal.UNREADABLE) from None
    if done.returncode == 0:
        return done.stdout
    if done.returncode == REFUSED:
        raise Refused(Refusal(done.stdout.decode()))
    _log.warning("photo decoder failed", size=len(picture), status=done.returncode)
    raise Refused(Refusal.UNREADABLE)
