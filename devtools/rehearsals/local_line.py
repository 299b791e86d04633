"""The line that personas call from the command line, with each part as a separate process."""

import datetime
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2

from devtools.gemini_stand_in import API_KEY, running_gemini_stand_in
from devtools.processes import free_port
from devtools.rehearsals.caller import PlayedBy
from devtools.rehearsals.line import Rehearsed, prepare
from devtools.rehearsals.placing import PERSON, RehearsalLine
from devtools.rehearsals.stand_in import stand_in_scenario
from devtools.rehearsals.tool_ledger import ToolLedger, serving_tools
from devtools.stack import running_stack
from devtools.stack_settings import StackSettings, inherited
from ringdown.calls.outcome_asking import ASK_WITHIN_S
from ringdown.gemini.backend import DeveloperApi, GeminiBackend, VertexAi
from ringdown.gemini.models import TEXT_MODELS, model_on
from ringdown.gemini.text_model import TextModel
from ringdown.rehearsals import RETENTION, Persona
from ringdown.stores import open_store
from ringdown_cli.command import make_folder

_NEXT_LINE_WITHIN_S = 20.0


@asynccontextmanager
async def local_line(
    environ: Mapping[str, str],
    backend: GeminiBackend | None,
    rehearsed: Rehearsed,
    personas: Sequence[Persona],
    folder: Path,
    now: Callable[[], datetime.datetime],
) -> AsyncIterator[RehearsalLine]:
    """Run a line with the real model at `backend`, or with a stand-in. Its parts write to `folder`.

    Raises CannotGoOn and devtools.processes.ProcessFailed.
    """
    make_folder(folder)
    async with serving_tools() as ledger, httpx2.AsyncClient(trust_env=False) as http:
        if backend is None:
            scenario = make_folder(folder / "model") / "scenario.yaml"
            scenario.write_text(stand_in_scenario(personas, rehearsed.agent), "utf-8")
            async with running_gemini_stand_in(scenario, folder / "model") as stand_in:
                settings = _settings(
                    environ,
                    folder,
                    gemini_api_key=API_KEY,
                    gemini_base_url=stand_in.base_url,
                    gemini_ca_file=stand_in.ca_file,
                )
                async with _line(settings, rehearsed, ledger, now, "stand-in", None) as line:
                    yield line
            return

        name = TEXT_MODELS[backend.api]
        judge_model = TextModel(http, backend, name, within_s=ASK_WITHIN_S)

        def new_caller_model() -> PlayedBy:
            return PlayedBy(TextModel(http, backend, name, within_s=_NEXT_LINE_WITHIN_S))

        settings = _settings(
            environ,
            folder,
            gemini_api_key=backend.api_key if isinstance(backend, DeveloperApi) else None,
            gemini_base_url=backend.base_url,
            vertex=backend if isinstance(backend, VertexAi) else None,
        )
        model = model_on(backend.api, rehearsed.agent.model)
        async with _line(settings, rehearsed, ledger, now, model, new_caller_model) as line:
            yield replace(line, judge_model=judge_model)


def _settings(environ: Mapping[str, str], folder: Path, **model: object) -> StackSettings:
    return StackSettings(
        out=folder,
        webhook_port=free_port(),
        stream_port=free_port(),
        store_url=f"sqlite:{folder / 'ringdown.db'}",
        fallback_number=PERSON,
        served_tools=(),
        inherited=inherited(environ),
        **model,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def _line(
    settings: StackSettings,
    rehearsed: Rehearsed,
    ledger: ToolLedger,
    now: Callable[[], datetime.datetime],
    model: str,
    new_caller_model: Callable[[], PlayedBy] | None,
) -> AsyncIterator[RehearsalLine]:
    async with running_stack(settings) as stack, open_store(stack.store_url) as store:
        await prepare(store, rehearsed, ledger.url)
        yield RehearsalLine(
            webhook_url=stack.webhook_url,
            twilio_auth_token=stack.twilio_auth_token,
            store=store,
            ledger=ledger,
            agent=rehearsed.agent,
            model=model,
            is_stand_in=new_caller_model is None,
            now=now,
            folder=settings.out,
            expires_at=now() + RETENTION,
            new_caller_model=new_caller_model,
        )
