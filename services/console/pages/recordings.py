"""Serves a call's audio to its page in ranges, so that listeners can skip around."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from console.desk import Desk
from ringdown.calls.recorded_sound import RecordedSound, recorded_sound
from ringdown.log import Log, call_bound

_RANGE = re.compile(r"bytes=(?:(?P<first>\d{1,15})-(?P<last>\d{0,15})|-(?P<at_end>\d{1,15}))", re.A)
_log = Log(__name__)


def recording_address(call_sid: str) -> str:
    return f"/calls/{call_sid}/recording.wav"


class RecordingPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [Route(recording_address("{call_sid}"), self.play)]

    async def play(self, request: Request) -> Response:
        """Serve the audio; logs who listened to which call whenever it is read from the start."""
        call_sid = request.path_params["call_sid"]
        sound = await self._sound(call_sid)
        size = sound.wav_bytes
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        first, end = (0, size) if asked is None else _bytes_of(asked, size)
        if first == 0:
            with call_bound(call_sid):
                _log.info("recording played", by=request.state.person.name)
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - first)}
        if asked is not None:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        return StreamingResponse(
            sound.wav(first, end),
            200 if asked is None else 206,
            headers=headers,
            media_type="audio/wav",
        )

    async def _sound(self, call_sid: str) -> RecordedSound:
        """Return the call's audio. Raises HTTPException without audio or a record of the call."""
        store = self._desk.store
        known = await store.read_call(call_sid) is not None
        sound = await recorded_sound(store.recordings, call_sid) if known else None
        if sound is None:
            raise HTTPException(404, f"No recording of call {call_sid} found.")
        return sound


def _bytes_of(asked: re.Match[str], size: int) -> tuple[int, int]:
    """Return the first byte of a range, and the one after its last.

    Raises HTTPException for an unsatisfiable range (RFC 9110, section 14).
    """
    if asked["at_end"] is not None:
        first, end = max(0, size - int(asked["at_end"])), size
    else:
        first = int(asked["first"])
        end = min(int(asked["last"]) + 1, size) if asked["last"] else size
    if first >= end:
        raise HTTPException(
            416, "The recording is shorter than that.", headers={"Content-Range": f"bytes */{size}"}
        )
    return first, end
