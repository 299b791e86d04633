"""Each planted mistake is found in every run; `python -m tests.devtools.rehearsals` tries ten."""

from pathlib import Path

import pytest

from ringdown.rehearsals.persona_text import packaged_personas
from tests.devtools.rehearsals.regressions import REGRESSIONS
from tests.devtools.rehearsals.rehearsing import SCENARIO, rehearse

_RUNS = 3


@pytest.mark.timeout(150)
@pytest.mark.parametrize("mistake", REGRESSIONS)
async def test_a_planted_mistake_is_found_each_time(mistake: str, tmp_path: Path) -> None:
    regression = REGRESSIONS[mistake]
    personas = [packaged_personas()[name] for name in regression.personas]

    made = await rehearse(tmp_path, regression.plant(SCENARIO), personas, runs=_RUNS)

    missed = [f"{run.persona.name} {run.run}" for run in made.runs if run.passed is not False]
    failed = {v.kind for run in made.runs for v in run.verdicts if v.passed is False}
    assert missed == [], f"{mistake} was not found"
    assert set(regression.kinds) <= failed, f"{mistake} was found, but for the wrong reason"
