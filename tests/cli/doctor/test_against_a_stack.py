"""The doctor and a real line: every deployable a process, the model over the wire, and REST APIs
on this machine. First all is well; then each check meets its fault."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from devtools.gemini_stand_in import API_KEY
from devtools.processes import free_port
from devtools.stack import Stack, running_stack
from devtools.stack_settings import StackSettings
from ringdown.calls import CallQuery
from ringdown.gemini.backend import DeveloperApi, VertexAi
from ringdown.stores import open_store
from ringdown.tools import Json
from ringdown_cli.command_line import main
from ringdown_cli.doctor.asking import means
from ringdown_cli.doctor.checks import CHECKS, examine
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.verdicts import State, Verdict
from ringdown_cli.terminal import Terminal
from simulators.gemini_live.faults import Close, Fault, RefuseSetup, RefuseUpgrade, WithholdSetup
from simulators.gemini_live.refusals import KNOWN_REFUSALS
from simulators.gemini_live.scenario import Pace, Reply, Scenario
from simulators.gemini_live.server import GeminiLiveServer
from tests.cli.doctor.rest_stand_in import (
    ACCOUNT,
    ACCOUNT_SID,
    SERVICE,
    RestStandIn,
    a_number,
    in_order,
    rest_stand_in,
)
from tests.google_tokens import PROJECT, token_server
from tests.ringdown.samples import a_tool
from tests.ringdown.seeding import write_agent

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "+14155550100"
GREETING = "Hello, this is a line that works."


@dataclass(frozen=True, slots=True)
class Line:
    """The running stack, and its deployment when all is well."""

    deployment: Deployment
    rest: RestStandIn
    gemini: GeminiLiveServer
    environ: dict[str, str]
    folder: Path
    """Where the stack has its stack.json."""

    async def verdicts(self, *names: str, **changes: object) -> dict[str, Verdict]:
        """The verdicts (all, or those named) on the deployment with `changes`."""
        deployment = replace(self.deployment, **changes)  # type: ignore[arg-type]
        checks = [check for check in CHECKS if not names or check.name in names]
        async with means(self.environ, self.rest.peers) as asking:
            return await examine(deployment, asking, lambda check, verdict: None, checks)

    async def verdict(self, name: str, **changes: object) -> Verdict:
        return (await self.verdicts(name, **changes))[name]

    async def doctors_calls(self) -> list[str]:
        """The calls that the doctor left in the store."""
        async with open_store(self.deployment.store_url or "") as store:
            calls = await store.list_calls(CallQuery())
        return [call.call_sid for call in calls if call.call_sid.startswith("CAd0c7")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    ready: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()
    running = asyncio.create_task(_run(tmp_path_factory.mktemp("line"), ready, over))
    running.add_done_callback(lambda _: None if ready.done() else ready.set_exception(NotStarted()))
    yield await ready
    over.set()
    await running


class NotStarted(Exception):
    """The task that runs the line has ended; its exception is reported with this one."""


async def _run(folder: Path, ready: "asyncio.Future[Line]", over: asyncio.Event) -> None:
    """Run the line in a single task from start to end, as task groups require."""
    scenario = Scenario(greeting=Reply(say=GREETING), pace=Pace(thinking_ms=20, speed=8))
    async with GeminiLiveServer(scenario, api_key=API_KEY) as gemini:
        settings = StackSettings(
            out=folder,
            gemini_api_key=API_KEY,
            gemini_base_url=gemini.base_url,
            gemini_ca_file=gemini.ca_file,
            webhook_port=free_port(),
            stream_port=free_port(),
        )
        async with running_stack(settings) as stack:
            with rest_stand_in(stack.twilio_auth_token) as rest:
                rest.answers = in_order(stack.webhook_url, PROJECT)
                deployment = _deployment(stack, settings, gemini)
                environ = {"SSL_CERT_FILE": str(gemini.ca_file)}
                (folder / "stack.json").write_text(json.dumps(stack.describe()), "utf-8")
                ready.set_result(Line(deployment, rest, gemini, environ, folder))
                await over.wait()


def _deployment(stack: Stack, settings: StackSettings, gemini: GeminiLiveServer) -> Deployment:
    return Deployment(
        where="the stack of this test",
        webhook_url=stack.webhook_url,
        stream_url=f"ws://127.0.0.1:{settings.stream_port}",
        store_url=stack.store_url,
        project=PROJECT,
        phone_numbers=(NUMBER,),
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=stack.twilio_auth_token,
        endpoints=(DeveloperApi(API_KEY, gemini.base_url),),
    )


@pytest.fixture
def answers(line: Line) -> Iterator[dict[str, Json]]:
    """The REST APIs' answers, which the test may change; restored afterwards."""
    before = dict(line.rest.answers)
    yield line.rest.answers
    line.rest.answers = before


@pytest.fixture(autouse=True)
def google_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ExitStack() as opened:
        tokens = opened.enter_context(token_server())
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.key_file(tmp_path)))
        yield


async def test_a_line_in_order_is_found_in_order(line: Line) -> None:
    verdicts = await line.verdicts()

    trouble = {name: v for name, v in verdicts.items() if v.state is not State.GOOD}
    assert trouble == {}
    assert list(verdicts) == [check.name for check in CHECKS]
    assert GREETING in verdicts["model"].finding
    assert " dBFS" in verdicts["model"].finding
    assert await line.doctors_calls() == [], "the doctor leaves no call behind"


async def test_the_command_finds_the_stack_by_itself(line: Line) -> None:
    environ = {
        **line.environ,
        "STORE_URL": line.deployment.store_url or "",
        "GEMINI_API_KEY": API_KEY,
        "GEMINI_BASE_URL": line.gemini.base_url,
    }
    out, errors = io.StringIO(), io.StringIO()
    terminal = Terminal(io.StringIO(), out, errors)

    status = await asyncio.to_thread(
        main, ["doctor", "--json"], environ=environ, terminal=terminal, out=line.folder
    )

    document = json.loads(out.getvalue())
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert document["where"] == "the stack on this machine"
    assert states == {
        "clock": "good",
        "billing": "untried",
        "agents": "good",
        "handler": "good",
        "webhook": "good",
        "account": "untried",
        "number": "untried",
        "messaging": "untried",
        "model": "good",
    }
    assert (status, errors.getvalue()) == (3, ""), "not everything could be tried"


# The model


async def test_a_key_that_google_does_not_know(line: Line) -> None:
    another = DeveloperApi("somebody-elses-key", line.gemini.base_url)

    verdict = await line.verdict("model", endpoints=(another,))

    assert verdict.state is State.WRONG
    assert "API key not valid" in verdict.finding
    assert "TF_VAR_gemini_api_key" in verdict.advice
    assert "somebody-elses-key" not in f"{verdict}"


async def test_a_service_that_refuses_every_session(line: Line) -> None:
    line.gemini.faults = [Fault(RefuseUpgrade(503))]
    try:
        verdict = await line.verdict("model")
    finally:
        line.gemini.faults = []

    assert verdict.state is State.WRONG
    assert "503" in verdict.finding
    assert "status.cloud.google.com" in verdict.advice


@pytest.mark.parametrize(
    ("why", "advice"),
    [
        ("expired_key", "doesn't accept this key"),
        ("retired_model", "doesn't have model gemini-3.8-live"),
        ("denied_location", "Use Vertex AI"),
        ("denied_project", "The key's project can't use Gemini"),
        ("refused_schema", "doesn't accept the session's settings or a tool's parameters"),
        ("policy", "Google's policy forbids"),
    ],
)
async def test_a_refusal_that_does_not_pass_is_told_by_its_reason(
    line: Line, why: str, advice: str
) -> None:
    line.gemini.faults = [Fault(RefuseSetup(why))]
    try:
        verdict = await line.verdict("model")
    finally:
        line.gemini.faults = []

    assert verdict.state is State.WRONG
    assert KNOWN_REFUSALS[why][1] in verdict.finding
    assert advice in verdict.advice


async def test_a_region_without_the_model(line: Line, tmp_path: Path) -> None:
    store_url = f"sqlite:{tmp_path / 'other.db'}"
    stored: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Hi."}
    async with open_store(store_url) as store:
        await write_agent(store, "default", stored)
    vertex = VertexAi(PROJECT, "moon-west1", line.gemini.base_url)
    line.gemini.faults = [Fault(Close(1008, "Publisher Model was not found"))]
    try:
        verdict = await line.verdict("model", store_url=store_url, endpoints=(vertex,))
    finally:
        line.gemini.faults = []
    now_there = await line.verdict("model", store_url=store_url, endpoints=(vertex,))

    assert now_there.state is State.GOOD, now_there
    assert "gemini-3.8-live in moon-west1 said" in now_there.finding
    assert verdict.state is State.WRONG
    assert "moon-west1 doesn't have model gemini-3.8-live" in verdict.advice


async def test_the_session_has_the_agents_tools(line: Line, tmp_path: Path) -> None:
    store_url = f"sqlite:{tmp_path / 'other.db'}"
    agent: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Hi.", "tools": ["look_up"]}
    async with open_store(store_url) as store:
        await store.write_tool(a_tool("look_up"))
        await write_agent(store, "default", agent)

    verdict = await line.verdict("model", store_url=store_url)

    assert verdict.state is State.GOOD, verdict
    assert '"name": "look_up"' in json.dumps(line.gemini.sessions[-1].setup_message)


@pytest.mark.real_time
async def test_a_model_that_never_gets_ready(line: Line) -> None:
    line.gemini.faults = [Fault(WithholdSetup())]
    try:
        verdict = await line.verdict("model")
    finally:
        line.gemini.faults = []

    assert verdict.state is State.WRONG
    assert "not ready within 8 s" in verdict.finding


async def test_without_a_key_the_model_is_not_tried(line: Line) -> None:
    verdict = await line.verdict("model", endpoints=(None,))

    assert verdict.state is State.UNTRIED
    assert "GEMINI_API_KEY" in verdict.advice


async def test_every_endpoint_of_the_model_is_tried(line: Line) -> None:
    base_url = line.gemini.base_url
    another = VertexAi(PROJECT, "moon-west1", base_url)

    good = await line.verdict("model", endpoints=(DeveloperApi(API_KEY, base_url), another))
    bad = await line.verdict("model", endpoints=(DeveloperApi("unknown-key", base_url), another))

    assert good.state is State.GOOD, good
    assert good.finding.startswith("developer: gemini-3.8-live said")
    assert "; vertex:moon-west1: gemini-3.8-live in moon-west1 said" in good.finding
    assert bad.state is State.WRONG
    assert bad.finding.startswith("developer: no session with gemini-3.8-live")
    assert "vertex:moon-west1: gemini-3.8-live in moon-west1 said" in bad.finding
    assert bad.advice.startswith("developer: Google doesn't accept this key")


# The webhook


async def test_another_auth_token(line: Line) -> None:
    verdict = await line.verdict("webhook", twilio_auth_token="f" * 32)

    assert (verdict.state, verdict.finding) == (State.WRONG, "refuses our signature")
    assert "TF_VAR_twilio_auth_token" in verdict.advice


async def test_a_webhook_that_leads_to_another_handler(line: Line) -> None:
    elsewhere = "ws://127.0.0.1:9"

    verdict = await line.verdict("webhook", stream_url=elsewhere)

    assert verdict.state is State.WRONG
    assert elsewhere in verdict.finding
    assert "STREAM_URL" in verdict.advice


async def test_an_agent_outside_its_opening_hours_turns_the_doctor_away(line: Line) -> None:
    closed = {
        "instructions": "Be brief.",
        "greeting": "Hi.",
        "time_zone": "Europe/Berlin",
        "opening_hours": {"outside": "message"},
    }
    async with open_store(line.deployment.store_url or "") as store:
        await write_agent(store, "closed", closed)
        await store.write_number(NUMBER, "closed")
        try:
            verdict = await line.verdict("webhook")
        finally:
            await store.write_number(NUMBER, "default")

    assert verdict.state is State.LIMITED, verdict
    assert "<Say>" in verdict.finding
    assert "opening hours" in verdict.advice


async def test_a_webhook_that_is_not_there(line: Line) -> None:
    verdict = await line.verdict("webhook", webhook_url=f"http://127.0.0.1:{free_port()}")

    assert verdict.state is State.WRONG
    assert verdict.finding.startswith("can't be reached")


async def test_a_record_that_cannot_be_erased_is_mentioned(line: Line, tmp_path: Path) -> None:
    verdict = await line.verdict("webhook", store_url=f"sqlite:{tmp_path / 'other.db'}")
    left = await line.doctors_calls()

    assert verdict.state is State.GOOD
    assert len(left) == 1
    assert f"its record {left[0]}, from caller ringdown-doctor, wasn't erased" in verdict.finding
    await line.verdict("webhook")
    assert await line.doctors_calls() == [], "the next doctor erases it"


# The handler


async def test_a_handler_that_is_not_there(line: Line) -> None:
    verdict = await line.verdict("handler", stream_url=f"ws://127.0.0.1:{free_port()}")

    assert verdict.state is State.WRONG
    assert verdict.finding.startswith("can't be reached")


async def test_an_address_that_is_not_the_handlers(line: Line) -> None:
    webhook = (line.deployment.webhook_url or "").replace("http", "ws", 1)

    verdict = await line.verdict("handler", stream_url=webhook)

    assert verdict.state is State.WRONG
    assert verdict.finding == "/ready answers HTTP 404"


# The store


async def test_an_agent_that_cannot_be_used(line: Line, tmp_path: Path) -> None:
    store_url = f"sqlite:{tmp_path / 'other.db'}"
    async with open_store(store_url) as store:
        good: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Hi."}
        await write_agent(store, "default", good)
        await write_agent(store, "night", {**good, "voice": "Cor"})
        await store.write_number("+14155550177", "nobody")

    verdict = await line.verdict("agents", store_url=store_url)

    assert verdict.state is State.WRONG
    assert "night can't be used" in verdict.finding
    assert 'there is no voice "Cor"' in verdict.advice
    assert "ringdown agents edit night" in verdict.advice
    assert "Give …0177 another agent: ringdown numbers set NUMBER default" in verdict.advice


async def test_a_store_without_agents(line: Line, tmp_path: Path) -> None:
    verdict = await line.verdict("agents", store_url=f"sqlite:{tmp_path / 'empty.db'}")

    assert verdict.state is State.LIMITED
    assert verdict.advice == "To make one: ringdown agents seed"


# Twilio


async def test_credentials_that_twilio_does_not_know(line: Line) -> None:
    verdicts = await line.verdicts("account", "number", "messaging", twilio_auth_token="f" * 32)

    states = [verdict.state for verdict in verdicts.values()]
    assert states == [State.WRONG, State.WRONG, State.UNTRIED]
    assert "doesn't accept this account" in verdicts["account"].finding


async def test_a_trial_account(line: Line, answers: dict[str, Json]) -> None:
    answers[f"{ACCOUNT}.json"] = {"type": "Trial", "status": "active"}

    verdict = await line.verdict("account")

    assert (verdict.state, verdict.finding) == (State.LIMITED, "a trial account")
    assert "only reach numbers that you have verified" in verdict.advice


async def test_a_number_that_leads_elsewhere(line: Line, answers: dict[str, Json]) -> None:
    lost = a_number(line.deployment.webhook_url or "", voice_url="https://demo.twilio.com/welcome")
    answers[f"{ACCOUNT}/IncomingPhoneNumbers.json"] = {"incoming_phone_numbers": [lost]}

    verdict = await line.verdict("number")

    assert verdict.state is State.WRONG
    assert "https://demo.twilio.com/welcome" in verdict.finding
    assert "terraform apply" in verdict.advice


async def test_a_number_of_somebody_else(line: Line) -> None:
    verdict = await line.verdict("number", phone_numbers=("+14155550188",))

    assert verdict.state is State.WRONG
    assert "doesn't belong to this account" in verdict.finding


async def test_every_number_is_checked(line: Line, answers: dict[str, Json]) -> None:
    other = "+14155550111"
    webhook_url = line.deployment.webhook_url or ""
    ours = a_number(webhook_url)
    lost = a_number(webhook_url, phone_number=other, voice_url="https://demo.twilio.com/welcome")
    answers[f"{ACCOUNT}/IncomingPhoneNumbers.json"] = {"incoming_phone_numbers": [ours, lost]}

    verdicts = await line.verdicts("number", "messaging", phone_numbers=(NUMBER, other))

    assert verdicts["number"].state is State.WRONG
    assert "…0100: calls and status callbacks reach the webhook" in verdicts["number"].finding
    assert "; …0111: calls go to" in verdicts["number"].finding
    assert verdicts["number"].advice.startswith("…0111: Set the voice URL")
    assert verdicts["messaging"].state is State.LIMITED
    assert "…0111: carriers block its texts" in verdicts["messaging"].finding


@pytest.mark.parametrize("region", ["us1", "ie1", "au1"])
@pytest.mark.parametrize("processed_in", [None, "us1", "ie1", "au1"])
async def test_the_region_that_processes_the_calls_is_compared(
    line: Line, answers: dict[str, Json], region: str, processed_in: str | None
) -> None:
    """A number that was never routed belongs to us1."""
    line.rest.hosts.clear()
    if processed_in is not None:
        answers[f"/v2/PhoneNumbers/{NUMBER}"] = {"voice_region": processed_in}

    verdict = await line.verdict("number", twilio_region=region)

    domain = {"us1": "", "ie1": "dublin.ie1.", "au1": "sydney.au1."}[region]
    assert line.rest.hosts == {f"api.{domain}twilio.com", f"routes.{domain}twilio.com"}
    if (processed_in or "us1") == region:
        assert verdict.state is State.GOOD, verdict
    else:
        assert verdict.state is State.WRONG
        assert f"Twilio processes its calls in {processed_in or 'us1'}" in verdict.finding


async def test_a_region_that_twilio_does_not_tell_is_not_called_wrong(
    line: Line, answers: dict[str, Json]
) -> None:
    answers[f"/v2/PhoneNumbers/{NUMBER}"] = ["what"]

    verdict = await line.verdict("number")

    assert verdict.state is State.UNTRIED
    assert "calls and status callbacks reach the webhook" in verdict.finding
    assert "the region that processes them is unknown" in verdict.finding


async def test_a_number_without_a_campaign(line: Line, answers: dict[str, Json]) -> None:
    answers[f"/v1/Services/{SERVICE}/PhoneNumbers"] = {"phone_numbers": []}

    verdict = await line.verdict("messaging")

    assert verdict.state is State.LIMITED
    assert "A2P 10DLC campaign is missing" in verdict.finding


async def test_answers_of_an_unexpected_shape(line: Line, answers: dict[str, Json]) -> None:
    answers[f"{ACCOUNT}.json"] = ["what"]

    verdict = await line.verdict("account")

    assert verdict.state is State.WRONG
    assert "unexpected format" in verdict.finding


# Google


async def test_billing_that_is_off(line: Line, answers: dict[str, Json]) -> None:
    answers[f"/v1/projects/{PROJECT}/billingInfo"] = {"billingEnabled": False}

    verdict = await line.verdict("billing")

    assert (verdict.state, verdict.finding) == (State.WRONG, f"billing is off for {PROJECT}")


async def test_a_billing_api_that_is_off(line: Line, answers: dict[str, Json]) -> None:
    del answers[f"/v1/projects/{PROJECT}/billingInfo"]

    verdict = await line.verdict("billing")

    assert verdict.state is State.UNTRIED
    assert "gcloud services enable cloudbilling.googleapis.com" in verdict.advice
