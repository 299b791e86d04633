"""`make call` leaves the same record on Firestore as in the embedded store."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from devtools.processes import python
from ringdown.tools import Json
from tests.emulator import VARIABLE

NUMBERS_VARY = frozenset({"usage", "cost_usd", "talk_s", "twilio_duration_s"})
"""Fields that depend on how long things took."""
HEARD = frozenset({"heard_by_caller", "heard_by_model"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)")
_ID = re.compile(r"\b(CA[0-9a-f]{32}|stream_handler/[\w.-]+|http://127\.0\.0\.1:\d+)\b")


@pytest.mark.real_time
@pytest.mark.timeout(180)
async def test_make_call_leaves_the_same_record_on_both_stores(
    tmp_path: Path, firestore_project: str
) -> None:
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GEMINI_", "TWILIO_"))
        and name not in ("PUBLIC_URL", "STREAM_URL", "STORE_URL")
    }
    embedded = {name: value for name, value in environ.items() if name != VARIABLE}
    folders = tmp_path / "embedded", tmp_path / "firestore"
    async with asyncio.TaskGroup() as group:
        for folder, found in zip(folders, (embedded, environ), strict=True):
            folder.mkdir()
            group.create_task(make_call(folder, found))
    of_embedded, of_firestore = (json.loads(record(folder)) for folder in folders)

    assert (folders[0] / "out/last/ringdown.db").exists()
    assert not (folders[1] / "out/last/ringdown.db").exists(), (
        "this call's record belongs in Firestore"
    )
    assert normalised(of_firestore) == normalised(of_embedded)
    assert of_embedded["problems"] == []


async def make_call(folder: Path, environ: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(python(), "-m", "devtools", "call"),
        cwd=folder,
        env=dict(environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


def record(folder: Path) -> str:
    return (folder / "out" / "last" / "call.json").read_text("utf-8")


def normalised(value: Json, key: str = "") -> Json:
    """`value` without ids, times, and anything that depends on times: how much of an interrupted
    sentence was heard, and usage. The fields and their types stay."""
    match value:
        case dict() if key in NUMBERS_VARY:
            return sorted(value)
        case dict():
            fields = {name: normalised(part, name) for name, part in value.items()}
            if fields.get("interrupted") is True:
                fields["text"] = str(value["text"]).split()[:3]
            return {name: part for name, part in fields.items() if name not in HEARD}
        case list():
            return [normalised(part, key) for part in value]
        case str():
            return _ID.sub("ID", _TIME.sub("TIME", value))
        case bool() | None:
            return value
        case int() | float() if key in NUMBERS_VARY or key.endswith("_ms"):
            return type(value).__name__
    return value
