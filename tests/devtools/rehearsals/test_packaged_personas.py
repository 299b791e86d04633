"""The personas that ship with Ringdown call the packaged agent."""

from pathlib import Path

import pytest

from ringdown.rehearsals.persona_text import packaged_personas
from tests.devtools.rehearsals.rehearsing import SCENARIO, failures, rehearse


@pytest.mark.timeout(150)
async def test_all_are_content_with_the_packaged_agent(tmp_path: Path) -> None:
    personas = packaged_personas()

    made = await rehearse(tmp_path, SCENARIO, list(personas.values()))

    assert failures(made) == []
    assert sorted(run.persona.name for run in made.runs) == [*personas]
    assert len(personas) == 12
