"""The Gemini stand-in, tried by the same sessions as the real service."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from devtools.conformance.behaviours import Behaviour
from devtools.conformance.command import MODEL
from devtools.conformance.gemini import GEMINI
from devtools.conformance.outcomes import NotObserved, Observed, Outcome
from devtools.conformance.page import write_page
from devtools.conformance.recording_run import observe_all
from devtools.conformance.results import read_results
from devtools.conformance.stand_in import running_stand_in
from devtools.conformance.twilio import TWILIO

DOCS = Path(__file__).parents[3] / "docs"
PROBED = [behaviour for behaviour in GEMINI if behaviour.probe is not None]

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    async def observe() -> Mapping[str, Outcome]:
        async with running_stand_in(MODEL) as endpoint:
            return await observe_all(
                GEMINI,
                endpoint,
                at_once=12,
                folder=tmp_path_factory.mktemp("recordings"),
                tell=lambda behaviour, outcome: None,
            )

    return asyncio.run(observe())


@pytest.mark.real_time
@pytest.mark.parametrize("behaviour", PROBED, ids=lambda behaviour: behaviour.id)
def test_the_stand_in_does_as_the_source_says(
    behaviour: Behaviour, seen: Mapping[str, Outcome]
) -> None:
    outcome = seen[behaviour.id]

    assert not isinstance(outcome, NotObserved), f"{behaviour.id}: {outcome.why}"
    assert behaviour.probe is not None
    assert outcome.facts == behaviour.probe.expected, behaviour.statement


@pytest.mark.real_time
def test_the_page_is_what_make_conformance_writes(seen: Mapping[str, Outcome]) -> None:
    page = write_page(GEMINI, TWILIO, seen, read_results(DOCS / "conformance.json"))

    assert (DOCS / "conformance.md").read_text("utf-8") == page, "run `make conformance`"


def test_every_behaviour_has_a_name_of_its_own_and_a_way_to_try_it() -> None:
    behaviours = (*GEMINI, *TWILIO)
    names = [behaviour.id for behaviour in behaviours]

    assert len(set(names)) == len(names)
    assert [b.id for b in behaviours if b.probe is None and not b.by_hand] == []


@pytest.mark.real_time
def test_refusals_keep_the_peers_own_words(seen: Mapping[str, Outcome]) -> None:
    outcome = seen["unknown-voice"]

    assert isinstance(outcome, Observed)
    assert "NoSuchVoice" in outcome.note
