"""`python -m benchmarks.faults`: inject every fault, show and write down what was seen."""

import argparse
import asyncio
import datetime
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.faults import ours
from benchmarks.faults.every import FAULTS
from benchmarks.faults.fault import Fault, Seen
from benchmarks.faults.page import PAGE, Row, line, page
from benchmarks.faults.world import World, running_world
from devtools.processes import ProcessFailed, say


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how often each (10)")
    parser.add_argument("--only", default="", help="those whose name holds this")
    parser.add_argument("--out", type=Path, default=Path("out/faults"), help="where logs go")
    parser.add_argument("--docs", type=Path, help=f"write {PAGE} there")
    given = parser.parse_args(argv)
    faults = [fault for fault in FAULTS if given.only in fault.name]
    if not faults:
        parser.error(f"no fault's name holds {given.only!r}")
    try:
        rows = asyncio.run(_inject_all(faults, given.times, given.out))
    except ProcessFailed as failure:
        say(str(failure))
        return 1
    if given.docs is not None:
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        (given.docs / PAGE).write_text(page(rows, _machine(), date), "utf-8")
        say(f"Wrote {given.docs / PAGE}.")
    return 1 if any(row.fault.problems(list(row.seen)) for row in rows) else 0


async def _inject_all(faults: Sequence[Fault], times: int, out: Path) -> list[Row]:
    """Worlds are shared, for a fault must leave its world as it was.

    Two worlds with one handler are used at once, for the calls mostly wait; the one with two
    handlers and twenty calls is alone.
    """
    shutil.rmtree(out, ignore_errors=True)
    injecting = partial(_inject_in_a_world, times=times, out=out)
    alone = [fault for fault in faults if fault.handlers > 1]
    of_processes = [fault for fault in faults if fault in ours.FAULTS and fault not in alone]
    others = [fault for fault in faults if fault not in (*alone, *of_processes)]
    rows = await asyncio.gather(injecting("processes", of_processes), injecting("others", others))
    return [*rows[0], *await injecting("two-handlers", alone), *rows[1]]


async def _inject_in_a_world(
    name: str, faults: Sequence[Fault], *, times: int, out: Path
) -> list[Row]:
    rows: list[Row] = []
    if not faults:
        return rows
    async with running_world(out / name, handlers=faults[0].handlers) as world:
        for fault in faults:
            rows.append(Row(fault, await _inject(fault, world, times)))
            say(line(rows[-1]))
            for problem in fault.problems(list(rows[-1].seen)):
                say(f"       ✗ {problem}")
    return rows


async def _inject(fault: Fault, world: World, times: int) -> list[Seen]:
    try:
        return await fault.inject(world, times)
    except Exception as error:  # noqa: BLE001 - half an hour of figures is not lost to one fault
        return [Seen(problem=repr(error))]


def _machine() -> dict[str, str]:
    return {"system": platform.system(), "cores": str(os.cpu_count())}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
