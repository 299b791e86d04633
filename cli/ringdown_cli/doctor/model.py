"""Does the model speak? Opens a session the way a call would, and listens to the greeting."""

import asyncio
import datetime
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from ringdown.agents import DEFAULT_AGENT_ID, Agent, packaged_agent
from ringdown.calls import Speaker
from ringdown.calls.answering import answering
from ringdown.errors import RingdownError
from ringdown.gemini.backend import GeminiBackend, VertexAi
from ringdown.gemini.events import ModelSpeech
from ringdown.gemini.model_session import ModelError, ModelSession
from ringdown.gemini.models import model_on
from ringdown.gemini.refusals import Refusal, refusal_of
from ringdown.gemini.session import GeminiLive
from ringdown.stores import open_store
from ringdown.tools import ToolDeclaration
from ringdown_cli.agents.trial import trial_call
from ringdown_cli.doctor.asking import Means
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.verdicts import Verdict, good, of_several, untried, wrong
from stream_handler.call import prompts
from stream_handler.call.events import GenerationCompleted, TranscriptReceived, TurnCompleted
from stream_handler.call.model_config import session_config

_OUTPUT_HZ = 24_000
_SHORTEST_S = 0.3
_QUIETEST_DBFS = -50.0
_GRANT = "gcloud projects add-iam-policy-binding {} --member=MEMBER --role=roles/aiplatform.user"


@dataclass(slots=True)
class Spoken:
    """What the model said when asked for its greeting."""

    model: str
    """The model's name, with its region if it has one."""
    ready_ms: int = 0
    first_sound_ms: int | None = None
    """Measured from the request."""
    pcm: bytearray = field(default_factory=bytearray)
    """PCM16 LE mono at 24 kHz."""
    words: list[str] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / 2 / _OUTPUT_HZ

    @property
    def level_dbfs(self) -> float:
        samples = np.frombuffer(bytes(self.pcm), dtype="<i2").astype(np.float64) / 32_768
        power = float(np.mean(samples**2)) if len(samples) else 0.0
        return 10 * math.log10(power) if power else -math.inf


async def check_model(deployment: Deployment, means: Means) -> Verdict:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_check_endpoint(endpoint, deployment, means))
            for endpoint in deployment.endpoints
        ]
    verdicts = [task.result() for task in tasks]
    names = ("developer" if e is None else e.name for e in deployment.endpoints)
    return of_several(dict(zip(names, verdicts, strict=True)))


async def _check_endpoint(
    endpoint: GeminiBackend | None, deployment: Deployment, means: Means
) -> Verdict:
    if endpoint is None:
        return untried(
            "no key to try it with",
            "Set GEMINI_API_KEY (or GEMINI_BACKEND=vertex with GOOGLE_CLOUD_PROJECT and"
            " VERTEX_LOCATION), and try again.",
        )
    agent, tools = await _agent(deployment)
    model, place = model_on(endpoint.api, agent.model), _place(endpoint)
    spoken = Spoken(f"{model} in {place}" if place else model)
    tls = means.tls if endpoint.base_url is not None else None
    try:
        await _let_speak(GeminiLive(endpoint, tls=tls), agent, tools, spoken)
    except ModelError as error:
        if not spoken.pcm:
            return judge_failure(error, endpoint, model)
    return judge_speech(spoken)


def judge_speech(spoken: Spoken) -> Verdict:
    said = "".join(spoken.words).strip()
    if not spoken.pcm:
        return wrong(
            f"{spoken.model} opened a session but didn't speak",
            "Try again; if this persists, choose another model: ringdown agents edit default",
        )
    sound = (
        f"{len(spoken.pcm)} bytes, {spoken.duration_s:.1f} s, {spoken.level_dbfs:.0f} dBFS;"
        f" ready in {spoken.ready_ms} ms, first sound {spoken.first_sound_ms} ms after the request"
    )
    if spoken.duration_s < _SHORTEST_S or spoken.level_dbfs < _QUIETEST_DBFS:
        return wrong(
            f"{spoken.model} sent audio that can't contain a voice: {sound}",
            "Try again, or another voice: ringdown agents edit default",
        )
    return good(f"{spoken.model} said “{said}” ({sound})")


def judge_failure(error: ModelError, backend: GeminiBackend, model: str) -> Verdict:
    code = "" if error.code is None else f" ({error.code})"
    return wrong(f"no session with {model}: {error}{code}", _advice(error, backend, model))


def _advice(error: ModelError, backend: GeminiBackend, model: str) -> str:
    where = f"{backend.api.value}, {_place(backend)}" if _place(backend) else backend.api.value
    match refusal_of(str(error), error.code):
        case Refusal.CREDENTIALS:
            return "Run: gcloud auth application-default login"
        case Refusal.KEY:
            return (
                "Google doesn't accept this key. Make one at https://aistudio.google.com/apikey,"
                " set TF_VAR_gemini_api_key to it, raise secret_versions.gemini_api_key, and run"
                " terraform apply: docs/deploy.md, Rotate secrets."
            )
        case Refusal.MODEL:
            return (
                f"{where} doesn't have model {model} (any longer). Choose another model or region"
                " (docs/prompts.md)."
            )
        case Refusal.LOCATION if isinstance(backend, VertexAi):
            return f"Gemini isn't offered in {backend.location}. Choose another vertex_location."
        case Refusal.LOCATION:
            return (
                "Google doesn't offer the Gemini Developer API where this request comes from. Use"
                " Vertex AI (docs/deploy.md), or deploy to another region."
            )
        case Refusal.ACCESS if isinstance(backend, VertexAi):
            return (
                f"Enable Vertex AI (gcloud services enable aiplatform.googleapis.com --project"
                f" {backend.project}) and grant access: {_GRANT.format(backend.project)}"
            )
        case Refusal.ACCESS:
            return (
                "The key's project can't use Gemini. See its state at"
                " https://aistudio.google.com, or use another project's key."
            )
        case Refusal.QUOTA:
            return "The quota is used up: see https://aistudio.google.com/usage, or enable billing."
        case Refusal.SETUP:
            return (
                f"{model} doesn't accept the session's settings or a tool's parameters; retrying"
                " won't help. See what the agent sets: ringdown agents show default"
            )
        case Refusal.POLICY:
            return (
                "Google's policy forbids this session; retrying won't help. Check the agent's"
                " instructions, and the project's state at https://aistudio.google.com."
            )
        case None:
            return (
                "Try again in a minute. To see whether Google has an outage:"
                " https://status.cloud.google.com"
            )
        case unreachable:
            assert_never(unreachable)


def _place(backend: GeminiBackend) -> str:
    return backend.location if isinstance(backend, VertexAi) else ""


async def _agent(deployment: Deployment) -> tuple[Agent, tuple[ToolDeclaration, ...]]:
    """Return the agent that answers the line, or the packaged one if the store doesn't say. Its
    tools are included, because a session can be refused over a tool's schema."""
    if deployment.store_url is None:
        return packaged_agent(), ()
    try:
        async with open_store(deployment.store_url) as store:
            found = await answering(store, next(iter(deployment.phone_numbers), ""), "")
            agent = found.agent if found is not None else packaged_agent()
            return agent, await store.read_tools(agent.offered_tools)
    except RingdownError:
        return packaged_agent(), ()


async def _let_speak(
    gemini: GeminiLive, agent: Agent, tools: Sequence[ToolDeclaration], spoken: Spoken
) -> None:
    call = trial_call(DEFAULT_AGENT_ID, agent, tools, datetime.datetime.now(datetime.UTC))
    began_s = time.monotonic()
    async with gemini.connect(session_config(call), lambda: 0.0) as session:
        spoken.ready_ms = _since_ms(began_s)
        asked_s = time.monotonic()
        await session.send_text(prompts.opening(call, ()))
        await _listen(session, spoken, asked_s)


async def _listen(session: ModelSession, spoken: Spoken, asked_s: float) -> None:
    async for event in session.receive():
        match event:
            case ModelSpeech(pcm=pcm):
                if spoken.first_sound_ms is None:
                    spoken.first_sound_ms = _since_ms(asked_s)
                spoken.pcm += pcm
            case TranscriptReceived(speaker=Speaker.AGENT, text=text):
                spoken.words.append(text)
            case GenerationCompleted() | TurnCompleted():
                return
            case _:
                pass


def _since_ms(began_s: float) -> int:
    return round((time.monotonic() - began_s) * 1000)
