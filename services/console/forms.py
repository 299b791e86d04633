"""Reads the forms that pages send."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 4_000_000
"""Room for an agent's document twice, percent-encoded."""
_MOST_FIELDS = 5_000


class Form:
    """Fields by name; a name may occur more than once. Line endings are plain newlines."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = [(name, value.replace("\r\n", "\n")) for name, value in fields]

    def __contains__(self, name: str) -> bool:
        return any(each == name for each, _ in self._fields)

    def text(self, name: str) -> str:
        """Return a field without surrounding space; empty if it is missing."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        return next((value for each, value in self._fields if each == name), "")

    def all(self, name: str) -> list[str]:
        return [value for each, value in self._fields if each == name]


async def read_form(request: Request) -> Form:
    """Raises HTTPException if the body isn't a form, or is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "The text is too long for this form. Shorten it.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise HTTPException(400, "Can't read the form. Reload the page.") from None
    return Form(pairs)
