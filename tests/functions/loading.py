"""Loads a function as the platform does, and undoes what that leaves behind in the process."""

import asyncio
import contextlib
import io
import json
import os
import selectors
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

import functions_framework
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from ringdown.tools import Json

FUNCTIONS = Path(__file__).parents[2] / "functions"


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    client: TestClient
    _output: io.StringIO

    def log(self) -> list[dict[str, Json]]:
        """Every line logged since the function was loaded."""
        return [json.loads(line) for line in self._output.getvalue().splitlines()]

    def messages(self) -> list[str]:
        return [line["message"] for line in self.log()]


class _PacedSelector(selectors.DefaultSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / self._speed)


class _PacedLoop(asyncio.SelectorEventLoop):
    def __init__(self, speed: float) -> None:
        super().__init__(_PacedSelector(speed))
        self._speed = speed

    def time(self) -> float:
        return super().time() * self._speed


@contextlib.contextmanager
def loaded_function(
    target: str, folder: Path, environ: Mapping[str, str], *, clock_speed: float = 1.0
) -> Iterator[LoadedFunction]:
    """Serve `folder`/main.py on one event loop, with only `environ` for settings.

    `clock_speed` is the speed of the loop's clock: at 0.1, each deadline is ten times longer.
    """
    output = io.StringIO()
    with (
        _only_environ(environ),
        _restored_imports(),
        TestClient(
            _loaded(target, folder / "main.py", output),
            backend_options={"loop_factory": partial(_PacedLoop, clock_speed)},
        ) as client,
    ):
        yield LoadedFunction(client, output)


def loaded_app(target: str, source: Path, environ: Mapping[str, str], output: TextIO) -> ASGIApp:
    """The function in `source`, which reads `environ` while it loads, and logs to `output`."""
    with _only_environ(environ), _restored_imports():
        return _loaded(target, source, output)


def _loaded(target: str, source: Path, output: TextIO) -> ASGIApp:
    with contextlib.redirect_stdout(output):  # loading chooses the stream of the log
        app: ASGIApp = functions_framework.create_app(  # type: ignore[no-untyped-call]
            target, str(source)
        )
    return app


@contextlib.contextmanager
def _only_environ(environ: Mapping[str, str]) -> Iterator[None]:
    """functions-framework leaves FUNCTION_TARGET and FUNCTION_SIGNATURE_TYPE behind."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _restored_imports() -> Iterator[None]:
    """functions-framework appends the folder to sys.path and calls every function `main`."""
    path, main = sys.path[:], sys.modules.get("main")
    try:
        yield
    finally:
        sys.path[:] = path
        if main is None:
            sys.modules.pop("main", None)
        else:
            sys.modules["main"] = main
