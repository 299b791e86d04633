"""Reasons for refusing a photo or a text. The words for each are in `words.toml`."""

import enum
import http

REFUSED = 3
"""Exit status of `reduce_photo` when its standard output gives the reason."""


class Refusal(enum.StrEnum):
    NOTHING = "nothing"
    """Neither a photo nor a text was sent."""
    WRONG_KIND = "wrong_kind"
    """An unsupported format, or an animation."""
    TOO_BIG = "too_big"
    """Too many bytes or pixels."""
    UNREADABLE = "unreadable"
    """Damaged, cut off, or too slow to decode."""
    TEXT_TOO_LONG = "text_too_long"
    ENOUGH = "enough"
    """The call has reached its limit of photos and texts."""
    INTERRUPTED = "interrupted"
    """Only part of it arrived."""
    TRY_AGAIN = "try_again"
    """Something failed on our side."""

    @property
    def status(self) -> http.HTTPStatus:
        return _STATUS.get(self, http.HTTPStatus.UNPROCESSABLE_ENTITY)


_STATUS = {
    Refusal.TOO_BIG: http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Refusal.WRONG_KIND: http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Refusal.ENOUGH: http.HTTPStatus.CONFLICT,
    Refusal.INTERRUPTED: http.HTTPStatus.REQUEST_TIMEOUT,
    Refusal.TRY_AGAIN: http.HTTPStatus.SERVICE_UNAVAILABLE,
}


class Refused(Exception):
    """What was sent isn't accepted, and none of it is kept."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal)
