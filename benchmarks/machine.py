"""Describes the machine that the figures come from, and the packages they depend on."""

import datetime
import os
import platform
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from benchmarks.results import Machine

_PACKAGES = ("google-genai", "msgspec", "numpy", "picows", "uvloop", "websockets")
_OF_PIPECAT = ("pipecat-ai",)
_OPTIMISED = {"--enable-optimizations": "profile-guided", "--with-lto": "link-time"}


def this_machine(pipecat_environment: Path) -> Machine:
    """`pipecat_environment` is the virtual environment that pipecat runs in; it may be missing."""
    folders = [str(path) for path in pipecat_environment.glob("lib/python*/site-packages")]
    versions = {
        **dict(_versions(_PACKAGES, metadata.distributions())),
        **dict(_versions(_OF_PIPECAT, metadata.distributions(path=folders))),
    }
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        python=f"{platform.python_version()} ({_build()})",
        kernel=f"{platform.system()} {platform.release()}",
        versions=versions,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def _versions(
    names: tuple[str, ...], distributions: Iterable[metadata.Distribution]
) -> Iterator[tuple[str, str]]:
    return ((d.name, d.version) for d in distributions if d.name in names)


def _build() -> str:
    """Describe how this Python was optimised.

    The image's Python is built with both options; without them, ours is up to a third slower.
    """
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    kinds = [kind for option, kind in _OPTIMISED.items() if option in options]
    if not kinds:
        return "built without optimisation, so slower than the deployed one"
    return f"built with {' and '.join(kinds)} optimisation"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
