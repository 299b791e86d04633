"""Checks every edit of an agent or a draft; the composition root that functions-framework loads.

Firestore sends an event for every write to `agents/{id}` and `drafts/{id}`, sometimes twice and in
any order. Each event opens the store anew: edits are rare, and this way an idle instance has no
open connection that could go stale.
"""

import os
import sys

import functions_framework.aio
from cloudevents.http.event import CloudEvent

from agent_edits.edit_events import take_edit
from ringdown import clock, log
from ringdown.clip_making import ClipMaker
from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import GeminiBackend, read_optional_gemini_backend
from ringdown.gemini.model_session import LiveModel
from ringdown.settings import SettingsReader
from ringdown.stores import open_store, read_store_url


def _clip_maker(backend: GeminiBackend | None) -> ClipMaker | None:
    """Return None without a Gemini backend, so that no clips are made."""
    if backend is None:
        return None

    def open_model() -> LiveModel:
        # The SDK takes a second to load, and for most events no clip is missing.
        from ringdown.gemini.session import GeminiLive

        return GeminiLive(backend)

    return ClipMaker(open_model)


log.configure(app="agent_edited")
try:
    _settings = SettingsReader(os.environ)
    _store_url = read_store_url(_settings)
    _clips = _clip_maker(read_optional_gemini_backend(_settings))
    _settings.finish()
except ConfigurationError as error:
    sys.exit(str(error))


@functions_framework.aio.cloud_event
async def agent_edited(event: CloudEvent) -> None:
    await take_edit(
        event.get_attributes(),
        open_agents=lambda: open_store(_store_url),
        clips=_clips,
        now=clock.now(),
    )
