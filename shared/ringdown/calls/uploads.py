"""What callers send from their phones during a call: pictures and lines of text.

calls/{sid}/uploads/{n}     deleted after the call unless its agent has `keep_photos`

Uploads were made harmless when they were received: a picture is a JPEG that Ringdown encoded again,
without location or other metadata, and a text is plain.
"""

import datetime
import enum
from typing import Protocol

import msgspec

from ringdown.calls import Call, CallStore

MOST_IN_A_CALL = 5
MOST_PICTURE_BYTES = 400_000
"""Enough for a JPEG of 1,024 px. Bytes are stored as text, so this fills half of a Firestore
document."""
LONGEST_SIDE_PX = 1_024
MOST_TEXT_CHARS = 500
KEPT_FOR = datetime.timedelta(hours=4)
"""The longest call that Twilio allows. An upload that outlives its call is deleted by then."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A picture or a text, never both."""

    id: str
    """The same for every delivery of one upload, so a form sent twice counts once."""
    received_at: datetime.datetime
    picture: bytes = b""
    """JPEG, at most MOST_PICTURE_BYTES."""
    text: str = ""
    """One or more lines, at most MOST_TEXT_CHARS."""
    n: int = 0
    """The upload's number in the call, from 1 in order of arrival; assigned by the store."""

    def __post_init__(self) -> None:
        if bool(self.picture) == bool(self.text):
            raise ValueError("an upload is either a picture or a text")
        if len(self.picture) > MOST_PICTURE_BYTES or len(self.text) > MOST_TEXT_CHARS:
            raise ValueError("the upload is too large")


class Reception(enum.StrEnum):
    """What became of an upload."""

    TAKEN = "taken"
    TOO_MANY = "too_many"
    """The call already has MOST_IN_A_CALL."""
    NOT_IN_CALL = "not_in_call"
    """The call is unknown or over, or was transferred to a person."""


class UploadStore(Protocol):
    """Stores uploads. Every method raises StoreUnavailable when the store doesn't answer."""

    async def add_upload(self, call_sid: str, upload: Upload) -> Reception:
        """Keep the upload, if the agent has the caller on the line and there aren't too many.

        Simultaneous uploads get different numbers. Repeating an upload (the same `id`) succeeds and
        changes nothing.
        """

    async def later_uploads(self, seen: dict[str, int]) -> dict[str, tuple[Upload, ...]]:
        """Return each call's uploads after the last number in `seen`, in order.

        Leaves out calls that have none. Makes one request, however many calls there are.
        """

    async def delete_uploads(self, call_sid: str) -> None:
        """Delete all of a call's uploads; having none isn't an error."""


class EndedUploadStore(CallStore, UploadStore, Protocol):
    """The methods needed to delete uploads after a call."""


async def delete_after_call(store: EndedUploadStore, call_sid: str) -> None:
    """Delete a call's uploads unless its agent keeps them; raises what the store raises.

    Call it once Twilio says that the call is over, so that nothing more is added.
    """
    call = await store.read_call(call_sid)
    if call is not None and call.uploads and not call.agent.keep_photos:
        await store.delete_uploads(call_sid)


async def kept_pictures(store: UploadStore, call: Call) -> dict[int, bytes]:
    """Return a call's pictures by number, if its agent keeps them; raises what the store raises."""
    if not (call.agent.keep_photos and call.uploads):
        return {}
    found = await store.later_uploads({call.call_sid: 0})
    return {upload.n: upload.picture for upload in found.get(call.call_sid, ()) if upload.picture}
