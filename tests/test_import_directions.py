"""Who may import whom, and who may read the environment: checked across the source tree.

Deployables (`services/*`, `functions/*`, `functions/tools/*`) use `shared/`, and nothing from each
other; nothing deployed knows `simulators`, `cli`, `devtools` or `benchmarks`; the core of the
stream handler is pure.
"""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent

COMPOSITION_ROOTS = frozenset({"__main__.py", "main.py"})
GENAI_SHELLS = (
    PurePosixPath("functions/tools/run_code/code_runs/gemini_code.py"),
    PurePosixPath("shared/ringdown/gemini/session.py"),
    PurePosixPath("shared/ringdown/gemini/setup.py"),
)
WEBSOCKET_SHELLS = frozenset(
    (
        PurePosixPath("shared/ringdown/gemini/session.py"),
        *(
            PurePosixPath("services/stream_handler") / name
            for name in (
                "admission.py",
                "media_stream.py",
                "server.py",
                "twilio/stream.py",
            )
        ),
    )
)
SPAN_EXPORT = PurePosixPath("services/stream_handler/record/span_export.py")
FIRESTORE_ADAPTER = PurePosixPath("shared/ringdown/stores/firestore")
FIRESTORE_CLIENT = (
    "google.cloud.firestore",
    "google.cloud.firestore_v1",
    "google.api_core",
    "grpc",
)
_TOOLS = ("ringdown_cli", "devtools")
CORE = PurePosixPath("services/stream_handler/call")
PURE = frozenset(
    [
        "__future__",
        "bisect",
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "itertools",
        "math",
        "operator",
        "re",
        "typing",
        "warnings",
        "msgspec",
        "ringdown.agents",
        "ringdown.calls",
        "ringdown.gemini.events",
        "ringdown.gemini.models",
        "ringdown.gemini.prices",
        "ringdown.agents.template_values",
        "ringdown.agents.templates",
        "ringdown.tools.arguments",
        "ringdown.tools.check",
        "ringdown.tools",
        "stream_handler.call",
    ]
)


@dataclass(frozen=True, slots=True)
class Source:
    path: PurePosixPath
    """Relative to the root of the tree."""
    imports: frozenset[str]
    """The dotted name of every module imported, and of every name imported from a module."""
    reads_environment: bool

    def imports_any(self, *packages: str) -> Iterator[str]:
        for name in sorted(self.imports):
            if any(_within(name, package) for package in packages):
                yield name


@functools.cache
def read_tree(root: Path) -> list[Source]:
    """Every Python file of the project, except tests and benchmarks."""
    paths = (
        path
        for folder in ("shared", "services", "functions", "simulators", "cli", "deploy", "devtools")
        for path in sorted((root / folder).rglob("*.py"))
    )
    return [read_source(root, path) for path in paths]


def read_source(root: Path, path: Path) -> Source:
    tree = ast.parse(path.read_text("utf-8"))
    inside = PurePosixPath(path.relative_to(root).as_posix())
    names = frozenset(name for node in ast.walk(tree) for name in _imported(node, inside))
    return Source(inside, names, any(_is_environment(node) for node in ast.walk(tree)))


def violations(sources: list[Source]) -> list[str]:
    """Violations of the rules, one line each."""
    return [
        f"{source.path} {problem}" for source in sources for problem in _problems(source, sources)
    ]


def _problems(source: Source, sources: list[Source]) -> Iterator[str]:
    path = source.path
    if source.reads_environment and path.name not in COMPOSITION_ROOTS:
        yield "reads the environment, which is for composition roots"
    if not path.is_relative_to(FIRESTORE_ADAPTER):
        yield from _may_not(source, *FIRESTORE_CLIENT)
    if path.is_relative_to("simulators"):
        yield from _may_not(source, "ringdown", "stream_handler", *_TOOLS, *_modules_of(sources))
    if _deployable(path) is not None or path.is_relative_to("shared"):
        yield from _deployed_problems(source, sources)
    if path.is_relative_to(CORE):
        impure = sorted(n for n in source.imports if not any(_within(n, pure) for pure in PURE))
        yield from (f"is pure and imports {name}" for name in impure)


def _deployed_problems(source: Source, sources: list[Source]) -> Iterator[str]:
    yield from _may_not(source, "simulators", "benchmarks", *_TOOLS)
    if source.path not in GENAI_SHELLS:
        yield from _may_not(source, "google.genai")
    if source.path not in WEBSOCKET_SHELLS:
        yield from _may_not(source, "websockets")
    deployable = _deployable(source.path)
    own = _modules_of(sources, deployable) if deployable is not None else set()
    yield from _may_not(source, *(_modules_of(sources) - own))


def _may_not(source: Source, *packages: str) -> Iterator[str]:
    return (f"imports {name}" for name in source.imports_any(*packages))


def _modules_of(sources: list[Source], deployable: PurePosixPath | None = None) -> set[str]:
    """Top-level names that a deployable (or all of them) provides; they all have `main`."""
    return {
        _top_level_name(source.path, folder)
        for source in sources
        if (folder := _deployable(source.path)) is not None and deployable in (None, folder)
    } - {"main"}


def _top_level_name(path: PurePosixPath, deployable: PurePosixPath) -> str:
    if path.is_relative_to("services"):
        return deployable.name  # a package
    return path.relative_to(deployable).parts[0].removesuffix(".py")  # files next to main.py


def _deployable(path: PurePosixPath) -> PurePosixPath | None:
    """The folder of the deployable that `path` belongs to."""
    depth = 3 if path.is_relative_to("functions/tools") else 2
    if path.parts[0] in ("services", "functions") and len(path.parts) > depth:
        return PurePosixPath(*path.parts[:depth])
    return None


def _imported(node: ast.AST, path: PurePosixPath) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        base = ".".join((*_package(path, node.level), *([node.module] if node.module else [])))
        for alias in node.names:
            yield f"{base}.{alias.name}"


def _package(path: PurePosixPath, level: int) -> tuple[str, ...]:
    """The package that the dots of a relative import stand for."""
    if level == 0:
        return ()
    above = path.parts[1:] if path.parts[0] in ("shared", "services") else path.parts
    return above[: len(above) - level]


def _is_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id == "os" and node.attr in ("environ", "environb", "getenv")
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return node.module == "os" and bool(names & {"environ", "environb", "getenv"})
    return False


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


# The project


def test_the_tree_keeps_the_directions() -> None:
    sources = read_tree(ROOT)

    assert len(sources) > 50, "most of the tree wasn't found"
    assert violations(sources) == []


def test_the_sdk_is_imported_only_where_allowed() -> None:
    deployed = [
        s for s in read_tree(ROOT) if s.path.parts[0] in ("shared", "services", "functions")
    ]

    importing = [s.path for s in deployed if any(s.imports_any("google.genai"))]

    assert sorted(importing) == sorted(GENAI_SHELLS)


def test_only_its_adapter_imports_firestores_client() -> None:
    importing = [s.path for s in read_tree(ROOT) if any(s.imports_any(*FIRESTORE_CLIENT))]

    assert importing == [FIRESTORE_ADAPTER / "client.py", FIRESTORE_ADAPTER / "database.py"]


def test_opentelemetry_is_imported_only_to_export_spans() -> None:
    importing = [s.path for s in read_tree(ROOT) if any(s.imports_any("opentelemetry"))]

    assert importing == [SPAN_EXPORT]


def test_only_functions_load_the_functions_framework() -> None:
    """Other deployables don't have it."""
    shared = [s for s in read_tree(ROOT) if s.path.is_relative_to("shared")]

    framework = [s.path.name for s in shared if any(s.imports_any("functions_framework"))]
    importing = [s.path for s in read_tree(ROOT) if any(s.imports_any("ringdown.tools.function"))]

    assert framework == ["function.py"]
    assert importing != []
    assert all(path.match("functions/tools/*/main.py") for path in importing)


# The rules themselves


CLEAN = {
    "shared/ringdown/calls/__init__.py": "import msgspec\nfrom ringdown.tools import Json\n",
    "shared/ringdown/stores/firestore/client.py": "from google.cloud import firestore\n",
    "services/stream_handler/__main__.py": "import os\nos.environ\n",
    "shared/ringdown/gemini/session.py": "from google import genai\nimport websockets\n",
    "services/stream_handler/server.py": "from websockets.asyncio.server import serve\n",
    "services/stream_handler/call/session.py": (
        "import enum\nfrom collections.abc import Iterator\nfrom typing import assert_never\n"
        "from ringdown.calls import Call\nfrom stream_handler.call import transcript\n"
        "from . import playback\n"
    ),
    "functions/incoming_call/main.py": (
        "import os\nfrom voice_webhook.webhook import Webhook\nos.getenv('A')\n"
    ),
    "functions/incoming_call/voice_webhook/webhook.py": "from ringdown.calls import Call\n",
    "functions/tools/lookup_account/main.py": "from accounts import look_up\n",
    "functions/tools/lookup_account/accounts.py": "import yaml\n",
    "simulators/twilio/line.py": "from simulators.speech import pcm\nfrom . import clock\n",
    "devtools/stack.py": "from stream_handler.settings import Settings\nimport simulators.twilio\n",
}


def planted(root: Path, path: str, text: str) -> list[str]:
    """The violations found in a clean tree once `path` contains `text`."""
    for name, content in {**CLEAN, path: text}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    return violations(read_tree(root))


def test_a_clean_tree_is_found_clean(tmp_path: Path) -> None:
    assert planted(tmp_path, "cli/ringdown_cli/__init__.py", "") == []


SERVICE, CORE_FILE = "services/stream_handler/words.py", "services/stream_handler/call/state.py"
WEBHOOK, TOOL = (
    "functions/incoming_call/voice_webhook/answering.py",
    "functions/tools/lookup_account/more.py",
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (SERVICE, "from google import genai"),
        (SERVICE, "from google.genai import types"),
        (SERVICE, "import google.genai.live"),
        ("services/stream_handler/model_side.py", "from google import genai"),
        ("shared/ringdown/gemini/wire.py", "from google.genai import types"),
        ("shared/ringdown/gemini/__init__.py", "from google import genai"),
        ("shared/ringdown/gemini/models.py", "import websockets"),
        (CORE_FILE, "from ringdown.gemini.session import GeminiLive"),
        (WEBHOOK, "import google.genai"),
        (SERVICE, "import websockets"),
        (WEBHOOK, "from websockets.sync.client import connect"),
        (SERVICE, "def f():\n    from google.cloud import firestore"),
        ("shared/ringdown/stores/sqlite.py", "import google.cloud.firestore"),
        ("shared/ringdown/stores/transitions.py", "from google.api_core import exceptions"),
        (SERVICE, "import grpc.aio"),
        ("cli/ringdown_cli/calls.py", "from google.cloud.firestore import AsyncClient"),
        (SERVICE, "import os\nos.environ['A']"),
        (SERVICE, "import os\nos.getenv('A')"),
        ("shared/ringdown/settings.py", "from os import environ"),
        ("simulators/twilio/settings.py", "import os\nx = os.environ.get('A')"),
        (CORE_FILE, "import asyncio"),
        (CORE_FILE, "import time"),
        (CORE_FILE, "from random import random"),
        (CORE_FILE, "import logging"),
        (CORE_FILE, "import websockets"),
        (CORE_FILE, "import datetime"),
        (CORE_FILE, "from ringdown.log import Log"),
        (CORE_FILE, "from ringdown import log"),
        (CORE_FILE, "from ringdown.stores import Store"),
        (CORE_FILE, "from ringdown.audio.telephone import level_dbfs"),
        (CORE_FILE, "from .. import tones"),
        (CORE_FILE, "from ..twilio import sender"),
        (WEBHOOK, "import stream_handler"),
        (WEBHOOK, "from stream_handler.settings import Settings"),
        (WEBHOOK, "from accounts import look_up"),
        (TOOL, "import voice_webhook"),
        (TOOL, "from stream_handler.call import events"),
        (SERVICE, "from voice_webhook.webhook import Webhook"),
        ("shared/ringdown/calls/__init__.py", "import stream_handler.call"),
        ("shared/ringdown/calls/__init__.py", "from voice_webhook.webhook import Webhook"),
        ("shared/ringdown/calls/__init__.py", "import simulators"),
        ("shared/ringdown/calls/__init__.py", "import devtools.stack"),
        (SERVICE, "from simulators.twilio import line"),
        (WEBHOOK, "from devtools import stack"),
        (SERVICE, "from benchmarks.results import Delay"),
        (TOOL, "import simulators.speech"),
        ("simulators/twilio/line.py", "from ringdown.calls import Call"),
        ("simulators/twilio/line.py", "import stream_handler"),
        ("simulators/twilio/line.py", "from devtools import stack"),
        ("simulators/twilio/line.py", "import voice_webhook"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, path: str, text: str) -> None:
    found = planted(tmp_path, path, text)

    assert found, f"{text!r} in {path} was not found"
    assert all(line.startswith(f"{path} ") for line in found), found
