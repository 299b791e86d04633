"""Recordings in a folder: one subfolder per call, one file per part."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ringdown.calls.recordings import KeptPart, RecordingPart, kept_part
from ringdown.errors import StoreUnavailable
from ringdown.stores.paths import document_id

_WITHIN_S = 5.0
_UNFINISHED = ".unfinished"
_Result = TypeVar("_Result")


class RecordingFiles:
    """Implements `ringdown.calls.recordings.RecordingStore`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep_part(self, call_sid: str, part: RecordingPart) -> None:
        await _in_a_thread(lambda: _keep(self._of(call_sid), part))

    async def list_parts(self, call_sid: str) -> tuple[KeptPart, ...]:
        return await _in_a_thread(lambda: _parts(self._of(call_sid)))

    async def read_part(self, call_sid: str, part: KeptPart) -> bytes:
        return await _in_a_thread(lambda: _read(self._of(call_sid) / part.name))

    async def erase_recording(self, call_sid: str) -> bool:
        return await _in_a_thread(lambda: _erase(self._of(call_sid)))

    async def close(self) -> None:
        pass

    def _of(self, call_sid: str) -> Path:
        return self._folder / document_id(call_sid)


async def _in_a_thread(work: Callable[[], _Result]) -> _Result:
    try:
        async with asyncio.timeout(_WITHIN_S):
            return await asyncio.to_thread(work)
    except TimeoutError:
        raise StoreUnavailable(f"the disk didn't answer in {_WITHIN_S:g} s") from None
    except OSError as error:
        raise StoreUnavailable(f"the file system refused: {error.strerror}") from error


def _keep(folder: Path, part: RecordingPart) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / part.kept.name
    unfinished = file.with_suffix(_UNFINISHED)
    unfinished.write_bytes(part.wav())
    unfinished.replace(file)  # a part exists completely or not at all


def _parts(folder: Path) -> tuple[KeptPart, ...]:
    if not folder.is_dir():
        return ()
    found = (kept_part(file.name, file.stat().st_size) for file in folder.iterdir())
    return tuple(sorted(part for part in found if part is not None))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _erase(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    shutil.rmtree(folder)
    return True
