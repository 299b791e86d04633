"""`agents publish`, `rollback`, `history` and `seed`."""

import datetime
import json

import pytest

from ringdown import clock
from ringdown.agents import Agent, packaged_document
from ringdown.documents import to_record
from ringdown.rehearsals import RETENTION, Rehearsal, Tally
from ringdown.rehearsals.store import keep_rehearsal
from ringdown.stores import Store
from tests.cli.agents.stored_agents import (
    DOCUMENT,
    TESTER,
    answering_revision,
    is_there,
    read,
    save,
    write,
)
from tests.cli.command_line import CommandLine

# Publishing


def test_a_draft_is_shown_and_becomes_the_agent(shop: CommandLine) -> None:
    save(shop)
    write(shop, {**DOCUMENT, "voice": "Puck", "testers": [TESTER], "publish": False}, draft=True)
    ran = shop.run("agents", "publish", "shop", answers="y\n")
    assert ran.status == 0, ran.all
    assert "-voice: Kore\n+voice: Puck\n" in ran.said
    assert "testers" not in ran.said, "who tested it is not part of the agent"
    assert read(shop).document == {**DOCUMENT, "voice": "Puck"}
    assert not is_there(shop, draft=True)


def test_a_draft_that_is_declined_stays_a_draft(shop: CommandLine) -> None:
    write(shop, {**DOCUMENT, "voice": "Puck", "testers": [TESTER]}, draft=True)
    ran = shop.run("agents", "publish", "shop", answers="\n")
    assert (ran.status, ran.complained.endswith("Nothing was changed.\n")) == (1, True)
    assert read(shop).document == DOCUMENT
    assert is_there(shop, draft=True)


def test_a_broken_draft_is_not_published(shop: CommandLine) -> None:
    write(shop, {**DOCUMENT, "voice": "Korr", "testers": [TESTER]}, draft=True)
    ran = shop.run("agents", "publish", "shop", "--yes")
    assert ran.status == 1
    assert 'there is no voice "Korr"' in ran.complained
    assert "Correct it first: ringdown agents edit shop --draft" in ran.complained
    assert read(shop).document == DOCUMENT


def test_there_must_be_a_draft_to_publish(shop: CommandLine) -> None:
    ran = shop.run("agents", "publish", "shop", "--yes")
    assert ran.status == 1
    assert ran.complained == ("shop has no draft. To make one: ringdown agents edit shop --draft\n")


# Rehearsals


def rehearse(shop: CommandLine, revision: str, *failing: str, ago_days: int = 1) -> None:
    """A rehearsal of the revision with ten calls, two of them failed if any did."""
    began_at = clock.now() - datetime.timedelta(days=ago_days)
    passed = 8 if failing else 10
    tally = Tally(persona="dana", planned=10, made=10, passed=passed, failing=failing)
    rehearsal = Rehearsal(
        id=f"{began_at:%Y%m%dT%H%M%S}",
        agent_id="shop",
        is_draft=True,
        agent_revision=revision,
        model="gemini-3.8-live",
        is_stand_in=True,
        began_at=began_at,
        ended_at=began_at,
        expires_at=began_at + RETENTION,
        tallies=(tally,),
    )

    async def keep(store: Store) -> None:
        await keep_rehearsal(store.documents, rehearsal, [])

    shop.with_store(keep)


def draft(shop: CommandLine) -> str:
    """Save a draft with another voice. Returns its revision."""
    document = {**DOCUMENT, "voice": "Puck"}
    write(shop, {**document, "testers": [TESTER]}, draft=True)
    return to_record(Agent, document, where="the draft").revision


def test_a_draft_that_was_never_rehearsed_is_published_anyway_or_not(
    shop: CommandLine,
) -> None:
    draft(shop)
    ran = shop.run("agents", "publish", "shop", answers="n\n")
    assert ran.status == 1
    assert "This draft has never been rehearsed." in ran.complained
    assert "Rehearse it: ringdown agents rehearse shop --draft" in ran.complained
    assert "Publish this as agents/shop anyway? [y/N]" in ran.complained
    assert shop.run("agents", "publish", "shop", answers="y\n").status == 0


def test_the_last_rehearsal_is_shown_beside_that_of_what_answers(shop: CommandLine) -> None:
    rehearse(shop, save(shop), ago_days=2)
    rehearse(shop, draft(shop))
    ran = shop.run("agents", "publish", "shop", answers="y\n")
    assert ran.status == 0, ran.all
    assert "1 persona, 10 of 10 calls passed (72–100 %)." in ran.said
    assert "\nThe published version, " in ran.said
    assert "tests the judge and the call, not the prompt" in ran.said
    assert "Publish this as agents/shop? [y/N]" in ran.complained


def test_a_draft_whose_rehearsal_is_worse_asks(shop: CommandLine) -> None:
    rehearse(shop, save(shop), ago_days=2)
    rehearse(shop, draft(shop), "The caller hears “twenty dollars”.")
    ran = shop.run("agents", "publish", "shop", answers="\n")
    assert ran.status == 1
    assert "dana newly fails: The caller hears" in ran.complained
    assert "anyway?" in ran.complained


def test_an_edit_after_the_rehearsal_asks(shop: CommandLine) -> None:
    rehearse(shop, draft(shop))
    write(shop, {**DOCUMENT, "voice": "Leda"}, draft=True)
    ran = shop.run("agents", "publish", "shop", answers="\n")
    assert "was of an earlier version of this draft." in ran.complained


def test_yes_answers_what_a_rehearsal_asks_and_it_is_still_said(shop: CommandLine) -> None:
    draft(shop)
    ran = shop.run("agents", "publish", "shop", "--yes")
    assert ran.status == 0
    assert "This draft has never been rehearsed." in ran.complained


# Going back


def test_history_tells_what_changed_and_what_answers(shop: CommandLine) -> None:
    first = save(shop)
    second = save(shop, voice="Puck")
    third = save(shop, instructions="You sell flowers.\nThe roses cost twelve dollars.\n")
    rows = json.loads(shop.run("agents", "history", "shop", "--json").said)
    assert [(row["revision"], row["state"], row["what_changed"]) for row in rows] == [
        (third, "answers calls", "instructions: +1 −1 lines"),
        (second, "", 'voice: "Kore" → "Puck"'),
        (first, "", "the oldest version kept"),
    ]


def test_back_to_the_revision_before(shop: CommandLine) -> None:
    first = save(shop)
    save(shop, voice="Puck")
    ran = shop.run("agents", "rollback", "shop", answers="y\n")
    assert ran.status == 0, ran.all
    assert "-voice: Puck" in ran.said
    assert answering_revision(shop) == first


def test_back_to_a_revision_by_the_beginning_of_its_name(shop: CommandLine) -> None:
    first = save(shop)
    save(shop, voice="Puck")
    save(shop, voice="Leda")
    ran = shop.run("agents", "rollback", "shop", first[:6], "--yes")
    assert ran.status == 0, ran.all
    assert answering_revision(shop) == first


def test_from_a_broken_document_back_to_its_last_good_revision(shop: CommandLine) -> None:
    save(shop)
    good = save(shop, voice="Puck")
    write(shop, {**DOCUMENT, "voice": "Korr"})
    ran = shop.run("agents", "rollback", "shop", "--yes")
    assert ran.status == 0, ran.all
    assert answering_revision(shop) == good
    assert read(shop).document["voice"] == "Puck"


def test_two_rollbacks_go_two_versions_back(shop: CommandLine) -> None:
    first = save(shop)
    second = save(shop, voice="Puck")
    save(shop, voice="Leda")
    answered = []
    for _ in range(2):
        assert shop.run("agents", "rollback", "shop", "--yes").status == 0
        answered.append(answering_revision(shop))
    assert answered == [second, first]


def test_no_rollback_leads_to_a_version_that_was_given_up(shop: CommandLine) -> None:
    good = save(shop)
    save(shop, voice="Puck")
    shop.run("agents", "rollback", "shop", "--yes")
    save(shop, voice="Leda")
    shop.run("agents", "rollback", "shop", "--yes")
    assert answering_revision(shop) == good


def test_two_operators_who_both_go_back_are_where_one_would_be(shop: CommandLine) -> None:
    good = save(shop)
    save(shop, voice="Puck")
    assert shop.run("agents", "rollback", "shop", "--yes").status == 0
    ran = shop.run("agents", "rollback", "shop", "--yes")
    assert (ran.status, answering_revision(shop)) == (1, good)


def test_a_rollback_is_undone_by_naming_the_revision(shop: CommandLine) -> None:
    save(shop)
    second = save(shop, voice="Puck")
    shop.run("agents", "rollback", "shop", "--yes")
    assert shop.run("agents", "rollback", "shop", second, "--yes").status == 0
    assert answering_revision(shop) == second


def test_what_is_saved_after_a_rollback_is_gone_back_from(shop: CommandLine) -> None:
    first = save(shop)
    save(shop, voice="Puck")
    shop.run("agents", "rollback", "shop", "--yes")
    save(shop, voice="Puck")
    assert shop.run("agents", "rollback", "shop", "--yes").status == 0
    assert answering_revision(shop) == first


def test_back_to_what_answers_already_changes_nothing(shop: CommandLine) -> None:
    save(shop)
    second = save(shop, voice="Puck")
    ran = shop.run("agents", "rollback", "shop", second)
    assert (ran.status, ran.said) == (
        0,
        f"Revision {second} already answers calls. Nothing was changed.\n",
    )
    assert "rolled back" not in shop.run("agents", "history", "shop").said


def test_an_edit_that_nobody_has_looked_at_is_undone(shop: CommandLine) -> None:
    save(shop)
    second = save(shop, voice="Puck")
    write(shop, {**DOCUMENT, "voice": "Leda"})
    shop.run("agents", "rollback", "shop", "--yes")
    assert answering_revision(shop) == second


def test_history_has_rollbacks_as_events(shop: CommandLine) -> None:
    first = save(shop)
    second = save(shop, voice="Puck")
    shop.run("agents", "rollback", "shop", "--yes")
    rows = json.loads(shop.run("agents", "history", "shop", "--json").said)
    assert [(row["revision"], row["state"], row["what_changed"]) for row in rows] == [
        (first, "answers calls", f"rolled back from {second}"),
        (second, "", 'voice: "Kore" → "Puck"'),
        (first, "", "the oldest version kept"),
    ]


def test_back_to_nothing_is_told(shop: CommandLine) -> None:
    only = save(shop)
    ran = shop.run("agents", "rollback", "shop", "--yes")
    assert ran.status == 1
    assert "shop has no earlier revision to go back to." in ran.complained
    assert answering_revision(shop) == only


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("shop", "0000"), "shop has no revision 0000. To see all: ringdown agents history shop"),
        (("gone",), "There is no agent gone. Agents: shop."),
        (("shopp",), "There is no agent shopp. Did you mean shop? Agents: shop."),
    ],
)
def test_back_to_what_is_not_there_is_told(
    shop: CommandLine, argv: tuple[str, ...], told: str
) -> None:
    save(shop)
    ran = shop.run("agents", "rollback", *argv, "--yes")
    assert (ran.status, ran.complained) == (1, f"{told}\n")


def test_an_agent_that_was_never_looked_at_has_no_history(shop: CommandLine) -> None:
    write(shop, DOCUMENT, agent_id="new")
    ran = shop.run("agents", "history", "new")
    assert ran.status == 0
    assert "No revisions of new yet" in ran.complained


# Seeding


def test_a_new_store_gets_the_agent_that_ships(command_line: CommandLine) -> None:
    ran = command_line.run("agents", "seed")
    assert ran.status == 0, ran.all
    assert read(command_line, agent_id="default").document == packaged_document()


def test_an_agent_that_is_there_stays_as_it_is(command_line: CommandLine) -> None:
    write(command_line, DOCUMENT, agent_id="default")
    ran = command_line.run("agents", "seed")
    assert (ran.status, ran.said) == (
        0,
        "agents/default already exists. Nothing was changed.\n",
    )
    assert read(command_line, agent_id="default").document == DOCUMENT
