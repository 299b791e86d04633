"""`python -m benchmarks.soak`: many short calls, then faults at random; does anything leak?"""

import argparse
import asyncio
import datetime
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.installing import InstallFailed, ensure_extras
from benchmarks.soak import plot
from benchmarks.soak.holding import growths
from benchmarks.soak.page import PAGE, RANDOM, SHORT, page
from benchmarks.soak.running import Run, soaking
from devtools.processes import ProcessFailed, say


def main(argv: Sequence[str]) -> int:
    if not sys.platform.startswith("linux"):
        say("The soak reads /proc: run it on Linux.")
        return 2
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of faults at random (30)")
    parser.add_argument("--calls", type=int, default=1_000, help="short calls before (1000)")
    parser.add_argument("--at-once", type=int, default=10, help="of the short calls (10)")
    parser.add_argument("--seed", type=int, default=1, help="which faults are drawn (1)")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="where logs go")
    parser.add_argument("--docs", type=Path, help=f"write {PAGE} and its plots there")
    given = parser.parse_args(argv)
    try:
        ensure_extras()
        short, at_random = asyncio.run(_soak(given))
    except (InstallFailed, ProcessFailed) as failure:
        say(str(failure))
        return 1
    if given.docs is not None:
        _write(given.docs, short, at_random)
    return 1 if any([_tell("short calls", short), _tell("faults at random", at_random)]) else 0


async def _soak(given: argparse.Namespace) -> tuple[Run, Run]:
    shutil.rmtree(given.out, ignore_errors=True)
    async with soaking(given.out / "short") as soak:
        await soak.short_calls(given.calls, given.at_once)
        short = soak.run
    async with soaking(given.out / "random") as soak:
        await soak.faults_at_random(given.minutes * 60, given.seed)
        return short, soak.run


def _write(docs: Path, short: Run, at_random: Run) -> None:
    plot.draw(short.samples, docs / SHORT)
    plot.draw(at_random.samples, docs / RANDOM)
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    machine = {"system": platform.system(), "cores": str(os.cpu_count())}
    (docs / PAGE).write_text(page(short, at_random, machine, date), "utf-8")
    say(f"Wrote {docs / PAGE}.")


def _tell(what: str, run: Run) -> bool:
    """Say how it went; whether anything leaked, or a call failed."""
    leaks = [
        f"{growth.process}: {leak}" for growth in growths(run.samples) for leak in growth.leaks
    ]
    say(f"{what}: {run.calls} calls, {len(run.failures)} failures, {len(leaks)} leaks")
    for line in (*leaks, *run.failures):
        say(f"  ✗ {line}")
    return bool(leaks or run.failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
