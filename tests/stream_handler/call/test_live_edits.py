"""An edit of the agent reaches a live call."""

import msgspec

from ringdown.agents import Agent, Idle
from ringdown.calls import CallChanges
from stream_handler.call.actions import ConnectModel, SaveCall, UpdateModelContext
from stream_handler.call.events import (
    AgentEdited,
    ModelConnected,
    StreamStarted,
    StreamStopped,
)
from tests.ringdown.samples import a_call, an_agent
from tests.stream_handler.call.stage import Stage

NEW = msgspec.structs.replace(
    an_agent(), instructions="Offer the winter discount.", max_call_s=60, voice="Puck"
)
PATIENT = msgspec.structs.replace(
    an_agent(), idle=Idle(nudge_after_s=600.0, goodbye_after_s=1_200.0)
)


def edit(stage: Stage, agent: Agent = NEW) -> tuple[object, ...]:
    return stage.handle(AgentEdited(stage.now_ms, agent, agent.revision))


def test_the_model_gets_the_new_instructions_and_the_record_says_so() -> None:
    stage = Stage().greeted()

    update, save = edit(stage)

    assert isinstance(update, UpdateModelContext)
    assert "winter discount" in update.instructions
    assert save == SaveCall(CallChanges(applied_revisions=(NEW.revision,)))


def test_the_same_revision_is_told_once() -> None:
    stage = Stage().greeted()
    edit(stage)

    assert edit(stage) == ()


def test_the_revision_that_the_call_began_with_is_no_edit() -> None:
    call = a_call()
    stage = Stage(call).greeted()

    assert edit(stage, call.agent) == ()


def test_every_edit_is_in_the_record_and_going_back_is_one_too() -> None:
    call = a_call()
    stage = Stage(call).greeted()
    edit(stage)
    *_, save = edit(stage, call.agent)

    assert save == SaveCall(CallChanges(applied_revisions=(NEW.revision, call.agent.revision)))


def test_an_edit_of_other_settings_sends_no_instructions() -> None:
    call = a_call()
    stage = Stage(call).greeted()

    actions = edit(stage, msgspec.structs.replace(an_agent(), max_call_s=60))

    assert [type(action) for action in actions] == [SaveCall]


def test_an_edit_while_the_model_connects_is_told_once_it_listens() -> None:
    stage = Stage(a_call())
    [connect, *_] = stage.handle(StreamStarted(0.0))
    edit(stage)
    actions = stage.handle(ModelConnected(500.0))

    assert isinstance(connect, ConnectModel)
    [update] = [action for action in actions if isinstance(action, UpdateModelContext)]
    assert "winter discount" in update.instructions


def test_an_edit_after_the_end_does_nothing() -> None:
    stage = Stage().greeted()
    stage.handle(StreamStopped(stage.now_ms))

    assert edit(stage) == ()


def test_an_edit_is_told_with_the_clock_of_then_and_the_new_agents_place() -> None:
    stage = Stage(a_call(agent=PATIENT)).greeted()
    stage.pass_ms(120_000)
    agent = msgspec.structs.replace(
        an_agent(), instructions="It is {local_time}.", time_zone="Europe/Berlin"
    )

    update, _ = edit(stage, agent)

    assert isinstance(update, UpdateModelContext)
    assert update.instructions.startswith("It is 10:32.\n\n")
    assert update.instructions.endswith("Monday, 2026-11-02, 10:32 in Europe/Berlin (UTC+01:00).")


def test_time_going_by_is_no_edit() -> None:
    agent = msgspec.structs.replace(
        PATIENT, instructions="It is {local_time}.", time_zone="Europe/Berlin"
    )
    stage = Stage(a_call(agent=agent)).greeted()
    stage.pass_ms(120_000)
    edited = msgspec.structs.replace(agent, max_call_s=900)

    assert [type(action) for action in edit(stage, edited)] == [SaveCall]
