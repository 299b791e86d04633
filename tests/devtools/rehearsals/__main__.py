"""`python -m tests.devtools.rehearsals`: measures how often planted mistakes are found, and how
often the agent without one passes. Each is run ten times, on a clock that jumps, which takes some
minutes."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from devtools.processes import say
from ringdown.rehearsals.persona_text import packaged_personas
from ringdown_cli.command import count
from tests.devtools.rehearsals.regressions import REGRESSIONS
from tests.devtools.rehearsals.rehearsing import SCENARIO, failures, rehearse
from tests.jumping_loop import in_virtual_time


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.devtools.rehearsals")
    parser.add_argument(
        "--runs", type=count, default=10, help="calls by each persona (%(default)s)"
    )
    runs = parser.parse_args().runs
    personas, missed = packaged_personas(), 0
    with tempfile.TemporaryDirectory(prefix="ringdown-rehearsals-") as folder:
        say("| agent | persona | as expected |\n| --- | --- | ---: |")
        began_s = time.monotonic()
        made = in_virtual_time(
            rehearse(Path(folder, "0"), SCENARIO, list(personas.values()), runs=runs)
        )
        took_s = time.monotonic() - began_s
        for name in personas:
            passed = sum(run.passed is True for run in made.runs if run.persona.name == name)
            missed += runs - passed
            say(f"| unchanged | {name} | {passed} of {runs} pass |")
        for number, (mistake, regression) in enumerate(REGRESSIONS.items(), start=1):
            callers = [personas[name] for name in regression.personas]
            planted = regression.plant(SCENARIO)
            found = in_virtual_time(
                rehearse(Path(folder, str(number)), planted, callers, runs=runs)
            )
            for persona in callers:
                failed = sum(
                    run.passed is False for run in found.runs if run.persona.name == persona.name
                )
                missed += runs - failed
                say(f"| {mistake} | {persona.name} | {failed} of {runs} fail |")
    for failure in failures(made):
        say(failure)
    say(f"\n{len(personas)} personas, {runs} calls each: {took_s:.0f} s.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
