"""Polls the store every second for the photos and texts that callers send."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ringdown.calls import Call
from ringdown.calls.uploads import Upload, UploadStore
from ringdown.errors import RingdownError
from ringdown.log import Log
from stream_handler.rounds import Rounds

LOOK_EVERY_S = 1.0
_LOOK_WITHIN_S = 2.5

_log = Log(__name__)


@dataclass(slots=True, eq=False)
class _Follower:
    call_sid: str
    seen: int
    news: list[Upload] = field(default_factory=list)


class UploadWatch:
    """Polls for the uploads of all calls in the process, with one store request per round.

    Like `AgentWatch`, it polls instead of using a listener, and for the same reasons.
    """

    def __init__(self, store: UploadStore, *, every_s: float = LOOK_EVERY_S) -> None:
        self._store = store
        self._rounds = Rounds(every_s)
        self._one_at_a_time = asyncio.Lock()
        self._looked = -1
        self._followers: set[_Follower] = set()
        self._is_away = False

    async def uploads(self, call_sid: str, *, seen: int = 0) -> AsyncIterator[Upload]:
        """Yield the call's uploads numbered above `seen`, each once and in order.

        If the store fails, they are yielded once it is back.
        """
        follower = _Follower(call_sid, seen)
        self._followers.add(follower)
        try:
            while True:
                await self._rounds.next()
                async with self._one_at_a_time:
                    if self._looked != self._rounds.current:
                        self._looked = self._rounds.current
                        await self._look()
                while follower.news:
                    yield follower.news.pop(0)
        finally:
            self._followers.discard(follower)

    async def so_far(self, call: Call) -> tuple[Upload, ...]:
        """Return what the caller sent in earlier streams of the call.

        Empty if the store fails: `uploads` then yields them once it is back.
        """
        if not call.uploads:
            return ()
        return (await self._later({call.call_sid: 0})).get(call.call_sid, ())

    async def _look(self) -> None:
        seen: dict[str, int] = {}
        for one in self._followers:
            seen[one.call_sid] = min(one.seen, seen.get(one.call_sid, one.seen))
        found = await self._later(seen)
        for one in self._followers:
            new = [upload for upload in found.get(one.call_sid, ()) if upload.n > one.seen]
            one.news += new
            one.seen = max([one.seen, *(upload.n for upload in new)])

    async def _later(self, seen: dict[str, int]) -> dict[str, tuple[Upload, ...]]:
        try:
            async with asyncio.timeout(_LOOK_WITHIN_S):
                found = await self._store.later_uploads(seen)
        except (RingdownError, TimeoutError) as error:
            if not self._is_away:
                _log.warning(
                    "can't check for uploads", reason=str(error) or "the store was too slow"
                )
            self._is_away = True
            return {}
        self._is_away = False
        return found
