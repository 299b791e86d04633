"""`python -m benchmarks`: measure, show, and keep what was measured."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import HEADING, LoadPlan, measure_run, row
from benchmarks.machine import this_machine
from benchmarks.results import LoadPoint, Results, write_results
from benchmarks.rig.usage import TargetDied, find_pins
from benchmarks.targets import PIPECAT_PYTHON, TARGETS, Target
from ops.processes import ProcessFailed, say


@dataclass(frozen=True, slots=True)
class Options:
    plan: LoadPlan
    out: Path


def read_options(argv: Sequence[str]) -> Options:
    """Ends the process with a word on what is wrong, as argparse does."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ",".join(target.name for target in TARGETS)
    parser.add_argument("--runs", type=_count, default=5, help="how often to measure all (5)")
    parser.add_argument(
        "--calls", type=_counts, default="1,10,25,50,100,150", help="calls at once (%(default)s)"
    )
    parser.add_argument("--targets", type=_targets, default=names, help=names)
    parser.add_argument("--seconds", type=_count, default=10, help="of each measurement (10)")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="where results go")
    given = parser.parse_args(argv)
    return Options(LoadPlan(given.targets, given.calls, given.runs, given.seconds), given.out)


def main(argv: Sequence[str]) -> int:
    if not sys.platform.startswith("linux"):
        say("The benchmark pins cores and reads /proc: run it on Linux.")
        return 2
    options = read_options(argv)
    if find_pins() is None:
        say("Only one core may be used here: what is measured and what measures it share it.")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        measure_all(options)
    except (ProcessFailed, TargetDied) as failure:
        say(str(failure))
        return 1
    return 0


def measure_all(options: Options) -> None:
    """Measure run by run; what is there after each run is kept."""
    plan, path = options.plan, options.out / "results.json"
    load: list[LoadPoint] = []
    say(f"{plan.runs} runs: about {plan.minutes:.0f} minutes. Leave the machine alone meanwhile.")
    for run in range(1, plan.runs + 1):
        say(f"\nRun {run} of {plan.runs}\n{HEADING}")
        for point in measure_run(plan, run):
            load.append(point)
            say(row(point))
        results = Results(
            machine=this_machine(PIPECAT_PYTHON.parent.parent),
            load=load,
            seconds=plan.seconds,
            runs=run,
        )
        write_results(results, path)
    say(f"\nWrote {path}.")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


def _targets(text: str) -> tuple[Target, ...]:
    by_name = {target.name: target for target in TARGETS}
    unknown = set(text.split(",")) - set(by_name)
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))}: there are {', '.join(by_name)}"
        )
    return tuple(target for target in TARGETS if target.name in text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
