"""Caches clips in memory. They never change, so each process reads each clip once."""

from collections import OrderedDict

from ringdown.agents.clips import Clip, ClipStore
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores.deadline import store_deadline

FIND_WITHIN_S = 0.3
"""Short, because a caller is waiting, and the sentence can be spoken without the clip."""
MOST_BYTES = 16 * 1024 * 1024
"""More than half an hour of speech; the most recently used clips are kept."""

_log = Log(__name__)


class KnownClips:
    """Reads clips, and remembers them in case the store is slow or down."""

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[tuple[str, str], Clip] = OrderedDict()
        self._bytes = 0

    async def find(
        self, store: ClipStore, agent_id: str, key: str, *, within_s: float = FIND_WITHIN_S
    ) -> Clip | None:
        """Return the clip; None if it doesn't exist, or if the store is too slow or down.

        Never raises StoreUnavailable.
        """
        clip = self.known(agent_id, key)
        if clip is None:
            clip = await _read(store, agent_id, key, within_s)
            if clip is not None:
                self._remember(agent_id, clip)
        return clip

    def known(self, agent_id: str, key: str) -> Clip | None:
        """Return the clip if it is in memory; don't ask the store."""
        clip = self._known.get((agent_id, key))
        if clip is not None:
            self._known.move_to_end((agent_id, key))
        return clip

    def _remember(self, agent_id: str, clip: Clip) -> None:
        if (agent_id, clip.key) in self._known:
            return  # read twice at the same time
        self._known[agent_id, clip.key] = clip
        self._bytes += len(clip.mulaw)
        while self._bytes > self._most_bytes:
            _, oldest = self._known.popitem(last=False)
            self._bytes -= len(oldest.mulaw)


async def _read(store: ClipStore, agent_id: str, key: str, within_s: float) -> Clip | None:
    try:
        async with store_deadline(within_s):
            return await store.read_clip(agent_id, key)
    except RingdownError as error:
        _log.warning("clip could not be read", agent=agent_id, reason=str(error))
        return None
