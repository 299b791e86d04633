"""Reads what a caller sent, within limits, and makes it harmless."""

import hashlib
import unicodedata
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from photo_page.photos import reduced_photo
from photo_page.refusals import Refusal, Refused
from ringdown.calls.uploads import MOST_TEXT_CHARS, Upload
from ringdown.clock import now
from ringdown.request_body import BodyTooLarge, read_body

MOST_BYTES = 10 * 1024 * 1024
"""Phone photos are usually 3 MB, and 8 MB at 50 megapixels."""
_BODY_WITHIN_S = 30.0
_MOST_FORM_CHARS = 20_000
"""A longer text isn't shown again, because its page could exceed the instance's memory."""
_FILES = 2  # one from the camera, one chosen from the phone


class Sent:
    """A form as it arrived, with a photo or a text that hasn't been checked yet."""

    def __init__(self, photo: bytes, text: str) -> None:
        self._photo = photo
        self.text = text

    @property
    def is_photo(self) -> bool:
        return bool(self._photo)

    async def upload(self) -> Upload:
        """Return the upload to store. Raises Refused.

        The same photo or text gets the same id, so that sending it twice counts once.
        """
        if self._photo:
            jpeg = await reduced_photo(self._photo)
            return Upload(id=_id(b"photo", jpeg), received_at=now(), picture=jpeg)
        text = plain_text(self.text)
        if not text:
            raise Refused(Refusal.NOTHING)
        if len(text) > MOST_TEXT_CHARS:
            raise Refused(Refusal.TEXT_TOO_LONG)
        return Upload(id=_id(b"text", text.encode()), received_at=now(), text=text)


async def read_sent(request: Request) -> Sent:
    """Read a form of at most MOST_BYTES. Raises Refused."""
    try:
        if int(request.headers.get("Content-Length", "0")) > MOST_BYTES:
            raise BodyTooLarge
        body = await read_body(request.stream(), at_most=MOST_BYTES, within_s=_BODY_WITHIN_S)
    except BodyTooLarge:
        raise Refused(Refusal.TOO_BIG) from None
    except (TimeoutError, ClientDisconnect):
        raise Refused(Refusal.INTERRUPTED) from None
    return await _parsed(request, body)


def plain_text(text: str) -> str:
    """Remove invisible characters (control characters, direction marks, tags), but keep line
    breaks."""
    lines = "\n".join(text.splitlines())
    seen = (c for c in lines if c == "\n" or not unicodedata.category(c).startswith("C"))
    return "".join(seen).strip()


async def _parsed(request: Request, body: bytes) -> Sent:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, chunks(), max_files=_FILES, max_fields=1, max_part_size=MOST_BYTES
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError, ValueError):
        raise Refused(Refusal.NOTHING) from None
    try:
        photos = [part for part in form.getlist("photo") if isinstance(part, UploadFile)]
        contents = [await part.read() for part in photos]
        field = form.get("text")
        text = field if isinstance(field, str) else ""
        if len(text) > _MOST_FORM_CHARS:
            raise Refused(Refusal.TEXT_TOO_LONG)
        return Sent(next(filter(None, contents), b""), text)
    finally:
        await form.close()


def _id(kind: bytes, content: bytes) -> str:
    return hashlib.sha256(kind + b"|" + content).hexdigest()[:32]
