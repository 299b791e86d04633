"""`python -m benchmarks`: measures load and the first word, and prints Markdown tables."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from benchmarks import first_word
from benchmarks.load import HEADING, LoadPlan, measure_run, row
from benchmarks.machine import this_machine
from benchmarks.pipecat.environment import PIPECAT
from benchmarks.results import LoadPoint, Results, read_results, write_results
from benchmarks.rig.usage import TargetDied, find_pins, prefer_us
from benchmarks.tables import tables
from benchmarks.targets import TARGETS, Pipecat, Ringdown, Target
from devtools.locked_environment import InstallFailed
from devtools.processes import ProcessFailed, say
from ringdown_cli.command import count


@dataclass(frozen=True, slots=True)
class Options:
    plan: LoadPlan
    out: Path
    only: str | None


def read_options(argv: Sequence[str]) -> Options:
    """Parse the options; if one is invalid, say so and exit, as argparse does."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ",".join(target.name for target in TARGETS)
    parser.add_argument("--runs", type=count, default=5, help="how many times to run it all (5)")
    parser.add_argument(
        "--calls", type=_counts, default="1,10,25,50,100,150", help="parallel calls (%(default)s)"
    )
    usual = ",".join(target.name for target in TARGETS[:3])
    parser.add_argument(
        "--targets", type=_targets, default=usual, help=f"choose from {names} (%(default)s)"
    )
    parser.add_argument(
        "--ending", type=int, default=0, help="additional calls that end while measuring (0)"
    )
    parser.add_argument("--recorded", action="store_true", help="record ringdown's calls")
    parser.add_argument("--seconds", type=count, default=10, help="length of each measurement (10)")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="output folder")
    parser.add_argument("--only", choices=PARTS, help="measure only this; keep other results")
    given = parser.parse_args(argv)
    targets = map(_recorded, given.targets) if given.recorded else given.targets
    plan = LoadPlan(tuple(targets), given.calls, given.runs, given.seconds, given.ending)
    return Options(plan, given.out, given.only)


def main(argv: Sequence[str]) -> int:
    if not sys.platform.startswith("linux"):
        say("The benchmark pins cores and reads /proc, so it needs Linux.")
        return 2
    options = read_options(argv)
    if find_pins() is None:
        say("Only one core is available, so the target and the rig share it.")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        if any(isinstance(target, Pipecat) for target in options.plan.targets):
            PIPECAT.ensure()
        if not prefer_us():
            say("No permission to run at nice -20, so other programs distort the figures more.")
        results = measure_all(options)
    except (ProcessFailed, TargetDied) as failure:
        say(str(failure))
        return 1
    except InstallFailed as failure:
        say(f"{failure} Or leave it out:\n  python -m benchmarks --targets relay,ringdown")
        return 1
    say(f"\n{tables(results)}")
    return 0


def measure_all(options: Options) -> Results:
    """Measure part by part, and save the results after each."""
    path = options.out / "results.json"
    plan = options.plan
    results = Results(machine=this_machine(PIPECAT.folder), seconds=0.0, runs=0)
    if options.only is not None and path.exists():
        results = read_results(path)
    for part in PARTS if options.only is None else (options.only,):
        say(f"\n{PARTS[part]} …")
        for results in _measured(part, plan, results):  # noqa: B020 - each builds on the one before
            write_results(results, path)
    say(f"\nWrote {path}.")
    return results


PARTS = {"first": "Dial to first word", "load": "Load"}


def _measured(part: str, plan: LoadPlan, before: Results) -> Iterator[Results]:
    """The results, updated as each part is measured again."""
    runs = range(1, plan.runs + 1)
    if part == "first":
        words = [word for n in runs for word in first_word.measure(n, find_pins())]
        before = msgspec.structs.replace(before, first_word=words)
        yield before
        seconds = [second for n in runs for second in first_word.measure_clips(n, find_pins())]
        yield msgspec.structs.replace(before, first_second=seconds)
        return
    load: list[LoadPoint] = []
    say(f"{plan.runs} runs: about {plan.minutes:.0f} minutes. Leave the machine alone.")
    for run in runs:
        say(f"\nRun {run} of {plan.runs}\n{HEADING}")
        for point in measure_run(plan, run):
            load.append(point)
            say(row(point))
        yield msgspec.structs.replace(before, load=load.copy(), seconds=plan.seconds, runs=run)


def _recorded(target: Target) -> Target:
    return replace(target, recorded=True) if isinstance(target, Ringdown) else target


def _counts(text: str) -> tuple[int, ...]:
    return tuple(count(part) for part in text.split(","))


def _targets(text: str) -> tuple[Target, ...]:
    by_name = {target.name: target for target in TARGETS}
    unknown = set(text.split(",")) - set(by_name)
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown target {', '.join(sorted(unknown))}; choose from {', '.join(by_name)}"
        )
    return tuple(target for target in TARGETS if target.name in text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
