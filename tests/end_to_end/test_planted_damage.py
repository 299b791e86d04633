"""The judge must find damage planted in the audio on its way through real sockets.

All calls run in parallel through one stack; one is left alone and must be found intact.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from devtools.demonstration import heard_by_caller, heard_by_model
from devtools.gemini_stand_in import ModelSession, read_sessions
from devtools.judge import Heard
from devtools.processes import free_port
from devtools.stack import Stack
from ringdown.agents import packaged_agent
from ringdown.stores import open_store
from simulators.twilio import Call
from simulators.twilio.runner import ScriptFailed, run_script
from simulators.twilio.script import Script
from simulators.twilio.script_file import load_script
from tests.end_to_end.damaging_proxy import (
    CallDamage,
    DamagingProxy,
    LostFrame,
    LostSamples,
    SwappedChunks,
    damaging_proxy,
)
from tests.ringdown.seeding import write_agent
from tests.whole_line import phone_network, running_gemini, running_line, settings_with

SCENARIO = Path(__file__).with_name("short_call.yaml")


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to a call's audio, and in which direction the damage must be found."""

    called: str
    name: str
    damage: Callable[[], CallDamage]
    to_model_intact: bool = True
    to_caller_intact: bool = True


CASES = (
    Case("+14155550100", "nothing", CallDamage),
    Case("+14155550101", "lost frame up", lambda: CallDamage(LostFrame()), to_model_intact=False),
    Case("+14155550102", "samples up", lambda: CallDamage(LostSamples()), to_model_intact=False),
    Case("+14155550103", "swapped up", lambda: CallDamage(SwappedChunks()), to_model_intact=False),
    Case(
        "+14155550104",
        "lost frame down",
        lambda: CallDamage(to_caller=LostFrame()),
        to_caller_intact=False,
    ),
    Case(
        "+14155550105",
        "samples down",
        lambda: CallDamage(to_caller=LostSamples()),
        to_caller_intact=False,
    ),
    Case(
        "+14155550106",
        "swapped down",
        lambda: CallDamage(to_caller=SwappedChunks()),
        to_caller_intact=False,
    ),
)


@pytest.mark.timeout(150)
async def test_planted_damage_is_found_and_nothing_else(tmp_path: Path) -> None:
    script = load_script(SCENARIO)
    proxy_port, stream_port = free_port(), free_port()
    async with (
        running_gemini(SCENARIO, tmp_path / "model") as gemini,
        damaging_proxy(proxy_port, f"ws://127.0.0.1:{stream_port}") as proxy,
        running_line(
            settings_with(tmp_path, gemini, stream_port=stream_port, stream_url=proxy.url)
        ) as stack,
    ):
        await _give_each_number_its_agent(stack)
        calls = await asyncio.gather(*(_call(stack, proxy, script, case) for case in CASES))
    sessions = {
        session.instructions.split("\n")[0]: session
        for session in read_sessions(tmp_path / "model")
    }
    found = {
        case.name: _judged(call, script, sessions[case.called])
        for case, call in zip(CASES, calls, strict=True)
    }
    for case in CASES:
        to_model, to_caller = found[case.name]
        assert all(h.ok for h in to_model) is case.to_model_intact, (case.name, to_model)
        assert all(h.ok for h in to_caller) is case.to_caller_intact, (case.name, to_caller)


async def _give_each_number_its_agent(stack: Stack) -> None:
    """Each agent's instructions are its number, which identifies its model session."""
    async with open_store(stack.store_url) as store:
        for case in CASES:
            agent = msgspec.structs.replace(
                packaged_agent(), instructions=case.called, notice="", tools=()
            )
            await write_agent(store, f"agent-{case.called}", agent)
            await store.write_number(case.called, f"agent-{case.called}")


async def _call(stack: Stack, proxy: DamagingProxy, script: Script, case: Case) -> Call:
    network = phone_network(stack)
    async with network.place_call(
        to=case.called,
        from_=script.from_,
        voice_url=f"{stack.webhook_url}/",
        status_url=f"{stack.webhook_url}/status",
        voice=script.voice,
    ) as call:
        proxy.by_call[call.identity.call_sid] = case.damage()
        try:
            await run_script(call, replace(script, to=case.called))
        except ScriptFailed:
            # The model may misunderstand damaged audio, which ends the script; the judge decides.
            assert case.damage is not CallDamage
    return call


def _judged(call: Call, script: Script, session: ModelSession) -> tuple[list[Heard], list[Heard]]:
    said = [utterance.text for utterance in call.utterances]
    return heard_by_model(said, script, session), heard_by_caller(call, session)
