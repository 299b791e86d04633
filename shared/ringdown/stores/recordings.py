"""Where a process keeps recordings."""

import re
from dataclasses import dataclass
from pathlib import Path

from ringdown.calls.recordings import RecordingStore
from ringdown.settings import SettingsReader

_BUCKET = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,221}[a-z0-9])/?")


@dataclass(frozen=True, slots=True)
class RecordingPlace:
    name: str
    """`gs://BUCKET`, or a folder."""
    storage_url: str | None = None
    """The endpoint for buckets, if not Google's."""


def read_recordings(reader: SettingsReader) -> RecordingPlace | None:
    """Read RECORDINGS from a process's settings; `reader.finish()` reports problems.

    STORAGE_EMULATOR_HOST names an emulator, as it does for Google's own libraries.
    """
    name = reader.optional("RECORDINGS")
    if name is None:
        return None
    if "://" in name and not _BUCKET.fullmatch(name):
        reader.problem(
            f"RECORDINGS is {name!r}. Set it to gs://BUCKET or to a folder, or leave it out to keep"
            " recordings next to the SQLite file (with Firestore, there are none)."
        )
    return RecordingPlace(name, reader.optional("STORAGE_EMULATOR_HOST"))


def open_recordings(place: RecordingPlace) -> RecordingStore:
    if bucket := _BUCKET.fullmatch(place.name):
        from ringdown.stores.recording_bucket import GOOGLE_URL, RecordingBucket

        return RecordingBucket(bucket["bucket"], place.storage_url or GOOGLE_URL)
    from ringdown.stores.recording_files import RecordingFiles

    return RecordingFiles(Path(place.name))
