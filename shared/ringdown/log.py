"""Structured logging for Cloud Logging: one JSON object per line, with the SID of its call.

Our own code logs through `Log`, which keeps INFO and above, whatever the logger's name; libraries
log only warnings and above.

A message is static; what varies goes into fields. Every line written while a call is bound carries
its `call_sid`. Never log phone numbers, words spoken or tool arguments; the one exception, records
that the store didn't accept, is marked and compressed (`ringdown.calls.dead_letters`).
"""

import contextlib
import contextvars
import datetime
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

import msgspec

Field = str | int | float | bool | None

_call_sid: contextvars.ContextVar[str | None] = contextvars.ContextVar("call_sid", default=None)
_FIELDS = "ringdown_fields"


class Log:
    """A logger whose methods take a static message and named fields."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._logger.setLevel(logging.INFO)

    def info(self, message: str, **fields: Field) -> None:
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Field) -> None:
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: Field) -> None:
        self._write(logging.ERROR, message, fields)

    def exception(self, message: str, **fields: Field) -> None:
        """Log an error with the traceback of the exception being handled."""
        self._write(logging.ERROR, message, fields, exc_info=True)

    def _write(
        self, level: int, message: str, fields: dict[str, Field], *, exc_info: bool = False
    ) -> None:
        self._logger.log(level, message, extra={_FIELDS: fields}, exc_info=exc_info)


@contextlib.contextmanager
def call_bound(call_sid: str) -> Iterator[None]:
    """Add `call_sid` to every line logged in the `with` block, and in tasks started there."""
    token = _call_sid.set(call_sid)
    try:
        yield
    finally:
        _call_sid.reset(token)


def _nothing_more(_call_sid: str) -> Mapping[str, Field]:
    return {}


def configure(
    stream: TextIO | None = None,
    *,
    app: str | None = None,
    of_call: Callable[[str], Mapping[str, Field]] = _nothing_more,
) -> None:
    """Send all logging to `stream` (standard output by default). Each line names `app`; a call's
    lines also have the fields that `of_call` returns for its SID."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_JsonFormatter(app, of_call))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class _JsonFormatter(logging.Formatter):
    """Cloud Logging's structured format: `severity`, `message`, `time` and free fields."""

    def __init__(self, app: str | None, of_call: Callable[[str], Mapping[str, Field]]) -> None:
        super().__init__()
        self._app = app
        self._of_call = of_call

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        entry: dict[str, Field] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": at.isoformat(timespec="milliseconds"),
            "logger": record.name,
        }
        if self._app is not None:
            entry["app"] = self._app
        call_sid = _call_sid.get()
        if call_sid is not None:
            entry["call_sid"] = call_sid
            entry.update(self._of_call(call_sid))
        fields = getattr(record, _FIELDS, None)
        if isinstance(fields, dict):
            entry.update(fields)
        if record.exc_info:
            entry["stack_trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()
