"""A store can keep the run of any call, however large."""

import msgspec
import pytest
from msgspec.structs import replace

from ringdown.rehearsals import PersonaRun, Verdict
from ringdown.rehearsals.bounds import MOST_BYTES, bounded
from ringdown.rehearsals.store import keep_rehearsal, read_runs
from ringdown.stores import Store
from ringdown.tools import Json
from tests.ringdown.rehearsals.reports import a_rehearsal, mixed_runs
from tests.ringdown.rehearsals.samples import a_record, a_run, a_tool_call, served
from tests.ringdown.samples import a_call
from tests.ringdown.stores.test_document_sizes import largest_call

FOUR_BYTES = "🙂"


def deep(levels: int) -> dict[str, Json]:
    value: dict[str, Json] = {}
    for _ in range(levels):
        value = {"value": [value]}
    return value


def tool_calls(args: dict[str, Json], count: int = 1) -> PersonaRun:
    call = replace(a_tool_call("lookup_account", args), output=args, error=FOUR_BYTES * 9_000)
    calls = [replace(call, id=str(n), idempotency_key=str(n)) for n in range(count)]
    return a_run(a_record(tool_calls=calls), ledger=served(*calls))


def much_said() -> PersonaRun:
    turn = replace(a_record().turns[0], text="తె" * 50_000)
    turns = [replace(turn, n=n, start_ms=n * 1_000) for n in range(1_000)]
    verdicts = [
        Verdict(kind="heard", passed=n != 999, what=FOUR_BYTES * 5_000) for n in range(1_000)
    ]
    return replace(
        a_run(a_record(turns=turns)),
        verdicts=tuple(verdicts),
        said=a_run().said * 1_000,
        alerts=(FOUR_BYTES * 9_000,) * 1_000,
        silences_ms=(3_000,) * 9_000,
        unmet=FOUR_BYTES * 9_000,
        partial=FOUR_BYTES * 9_000,
    )


RUNS = {
    "the largest call": a_run(replace(a_record(), call=largest_call())),
    "a long conversation": much_said(),
    "deep arguments": tool_calls(deep(15)),
    "large arguments": tool_calls({"value": FOUR_BYTES * 65_000}, 200),
    "many arguments": tool_calls({"value": FOUR_BYTES * 900}, 500),
    "half a character": a_run(a_record(turns=[replace(a_record().turns[0], text="\ud83d")])),
    "nothing": replace(a_run(), record=None),
}


@pytest.mark.parametrize("name", RUNS)
async def test_any_call_is_kept(store: Store, name: str) -> None:
    run = RUNS[name]
    rehearsal = a_rehearsal(run)
    await keep_rehearsal(store.documents, rehearsal, [run])

    [kept] = await read_runs(store.documents, rehearsal.id)

    assert len(msgspec.json.encode(kept)) <= MOST_BYTES
    assert (kept.persona.name, kept.run, kept.passed) == (run.persona.name, run.run, run.passed)


def test_of_a_usual_call_all_that_is_shown_is_kept() -> None:
    for run in mixed_runs():
        kept = bounded(run)
        assert kept.record is not None
        assert run.record is not None
        assert (kept.verdicts, kept.said, kept.is_shortened) == (run.verdicts, run.said, False)
        assert kept.record.turns == run.record.turns
        assert kept.record.tool_calls == run.record.tool_calls
        assert kept.record.call.agent.language == run.record.call.agent.language


def test_what_is_left_out_is_told_and_is_no_failure() -> None:
    kept = bounded(much_said())
    assert kept.is_shortened
    assert kept.verdicts[0].passed is False


def test_a_callers_number_and_the_prompt_are_not_kept_twice() -> None:
    agent = replace(a_call().agent, instructions="Secret prices.", transfer_numbers={"a": "+1415"})
    kept = bounded(a_run(a_record(agent=agent)))
    written = msgspec.json.encode(kept).decode()
    assert "Secret prices" not in written
    assert "transfer_numbers" not in written or '+1415"' not in written
    assert f"revision {agent.revision}" in written
