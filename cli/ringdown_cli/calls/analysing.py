"""`calls analyse`: asks the agents' current questions about ended calls."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from ringdown import clock
from ringdown.agents.after_call import AfterCall
from ringdown.agents.check import findings
from ringdown.calls import CallRecord, CallStatus
from ringdown.calls.figures import count_again
from ringdown.calls.outcome_asking import ASK_WITHIN_S, NO_GEMINI, ask_outcome
from ringdown.calls.outcome_questions import about_usd, is_worth_asking
from ringdown.calls.outcomes import Outcome
from ringdown.calls.search import Search
from ringdown.calls.wording import money
from ringdown.gemini.models import TEXT_MODELS
from ringdown.gemini.text_model import TextModel
from ringdown.stores import Store
from ringdown_cli.calls.listing import gave_up, period_query
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.gemini_choice import chosen_gemini
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import counted

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Asked:
    record: CallRecord
    after_call: AfterCall


async def analyse_calls(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    gemini = chosen_gemini(surroundings.environ)
    if gemini is None:
        raise CannotGoOn(NO_GEMINI)
    async with chosen_store(arguments.store, surroundings) as store:
        asked = await _to_ask(arguments, surroundings, store)
        if not asked:
            terminal.say("Nothing to ask: these calls have answers already, or no questions.")
            return DONE
        cost = money(sum(about_usd(each.record, each.after_call) for each in asked))
        model = TEXT_MODELS[gemini.api]
        terminal.say(f"{counted(len(asked), 'call')} to ask {model} about: {cost} or less.")
        if not arguments.yes and not terminal.confirm("Ask?"):
            terminal.say("No questions were asked.")
            return DONE
        async with httpx2.AsyncClient(trust_env=False) as http:
            text_model = TextModel(http, gemini, model, within_s=ASK_WITHIN_S)
            problems = await _ask_all(asked, text_model, store)
    terminal.say(f"{len(asked) - len(problems)} of {counted(len(asked), 'call')} answered.")
    for problem in dict.fromkeys(problems):
        terminal.complain(problem)
    return BROKEN if problems else DONE


async def _to_ask(
    arguments: argparse.Namespace, surroundings: Surroundings, store: Store
) -> list[_Asked]:
    query = period_query(arguments, surroundings.now().astimezone(surroundings.zone))
    questions: dict[str, AfterCall | None] = {}
    asked: list[_Asked] = []
    search = Search(store, query)
    async for found in search.found():
        call = found.call
        if call.status is not CallStatus.ENDED:
            continue
        if call.agent_id not in questions:
            questions[call.agent_id] = await _present_questions(store, call.agent_id)
        record = await store.read_record(call.call_sid)
        if record is None:
            continue
        after_call = questions[call.agent_id] or record.call.agent.after_call
        if after_call is None or _is_known(record.outcome, after_call):
            continue
        if is_worth_asking(record):
            asked.append(_Asked(record, after_call))
    if search.gave_up_at is not None:
        surroundings.terminal.complain(gave_up(search.gave_up_at.astimezone(surroundings.zone)))
    return asked


def _is_known(outcome: Outcome | None, after_call: AfterCall) -> bool:
    if outcome is None or outcome.problem is not None:
        return False
    return outcome.questions == after_call.revision


async def _present_questions(store: Store, agent_id: str) -> AfterCall | None:
    stored = await store.read_agent(agent_id)
    agent = None if stored is None else findings(stored.document).agent
    return None if agent is None else agent.after_call


async def _ask_all(asked: Sequence[_Asked], model: TextModel, store: Store) -> list[str]:
    """Ask about each call, and store the outcomes. Returns a problem for each call that is still
    without answers."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(each: _Asked) -> str | None:
        async with turn:
            outcome = await ask_outcome(model, each.record, each.after_call, clock.now())
            await store.keep_outcome(each.record.call.call_sid, outcome)
            await count_again(store, each.record.call.created_at, clock.now())
            return outcome.problem

    problems = await asyncio.gather(*(one(each) for each in asked))
    return [problem for problem in problems if problem is not None]
