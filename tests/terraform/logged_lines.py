"""The lines that the code logs, read from its source, the way Cloud Logging stores them."""

import ast
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ringdown import log
from ringdown.log import Field, Log
from ringdown.tools import Json

_METHODS = frozenset({"info", "warning", "error", "exception"})


@dataclass(frozen=True, slots=True)
class Said:
    """A call of `_log.info` or similar: the message, and the names of its fields."""

    message: str
    fields: frozenset[str]


def said_in(folder: Path) -> Iterator[Said]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="_log"), attr=method),
                    args=[ast.Constant(value=str(message))],
                    keywords=keywords,
                ) if method in _METHODS:
                    yield Said(message, frozenset(k.arg for k in keywords if k.arg is not None))
                case _:
                    pass


def written(message: str, **fields: Field) -> str:
    """Format a message the way the code's logger does."""
    stream = io.StringIO()
    log.configure(stream)
    Log("ringdown.test").info(message, **fields)
    return stream.getvalue()


def entry(service: str, line: str) -> Json:
    """A line of a service's output, the way Cloud Logging stores it."""
    payload = json.loads(line)
    severity = payload.pop("severity")
    resource = {"type": "cloud_run_revision", "labels": {"service_name": service}}
    return {"resource": resource, "severity": severity, "jsonPayload": payload}
