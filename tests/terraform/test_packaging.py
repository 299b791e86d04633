"""Starts Terraform's zips and the Dockerfile's image, each with only its locked packages."""

import asyncio
import json
import re
import subprocess
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
import pytest
import trustme
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect

from devtools.processes import Command, SupervisedProcess, free_port
from ringdown.agents import Agent
from ringdown.agents.clips import clip_key, clip_texts
from ringdown.calls import stream_token, upload_link
from ringdown.stores import open_store
from ringdown.stores.sqlite import SqliteStore
from ringdown.tools import Json, ToolCallContext, ToolRequest
from simulators.gemini_live.scenario import Pace, Scenario
from simulators.gemini_live.server import GeminiLiveServer
from tests.functions.caller_page.photos_taken import photo
from tests.functions.incoming_call.stand_ins import a_form
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, a_call
from tests.ringdown.seeding import write_agent
from tests.stream_handler.handler import CONNECTED, LOUD_FRAME, media, stream_sid
from tests.stream_handler.little_gemini import is_audio, is_text, little_gemini
from tests.terraform.clean_machine import Image, build, clean_environment, instructions
from tests.terraform.properties import Environment, deployables, environment
from tests.terraform.scenarios import EVERYTHING, TOOL_FOLDERS, Applied, deployments
from tests.terraform.stand_in import ROOT, Checkout, checkout, needs_stand_in

pytestmark = pytest.mark.timeout(900)  # the first time, packages are installed

DOCKERFILE = ROOT / "services" / "stream_handler" / "Dockerfile"
CHECKS_DOCKERFILE = ROOT / "cli" / "Dockerfile"
PAGE_DOCKERFILE = ROOT / "functions" / "caller_page" / "Dockerfile"
CONSOLE_DOCKERFILE = ROOT / "services" / "console" / "Dockerfile"
WEBHOOK_DOCKERFILE = ROOT / "functions" / "incoming_call" / "Dockerfile"
SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef"
A_KEY = f"SK{SECRET[:32]}:{SECRET}"
TOOLS = sorted(path.parent.name for path in TOOL_FOLDERS.glob("*/tool.yaml"))
FUNCTIONS = ["agent_edited", "call_ended", "incoming_call", *(f"tool/{name}" for name in TOOLS)]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    return deployments(tmp_path_factory)["everything"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with Terraform's zips."""
    folder = tmp_path_factory.mktemp("packed")
    with checkout(folder, EVERYTHING, every_tool=True, full_zips=True) as copy:
        return pack(copy)


def pack(copy: Checkout) -> Path:
    """Plan only as far as the zips, and return their folder."""
    copy.succeed(
        "terraform init -backend=false -input=false",
        "terraform plan -input=false -target=data.archive_file.function",
    )
    return copy.terraform / ".build"


def zip_of(packed: Path, name: str) -> Path:
    return packed / f"{name.replace('tool/', 'tools-')}.zip"


def values_of(given: Environment, changes: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        **dict.fromkeys(given.secrets, SECRET),
        **({"TWILIO_API_KEY": A_KEY} if "TWILIO_API_KEY" in given.secrets else {}),
        **given.plain,
        **changes,
    }


@asynccontextmanager
async def started(command: Command, cwd: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Start the process, and wait until it answers."""
    process = SupervisedProcess(command, cwd.parent / "process.log")
    await process.start()
    try:
        async with httpx2.AsyncClient(base_url=command.url, trust_env=False) as http:
            yield http
    finally:
        await process.stop()


# Functions


@asynccontextmanager
async def function(
    applied: Applied, packed: Path, name: str, folder: Path, **changes: str
) -> AsyncIterator[httpx2.AsyncClient]:
    """Start the unpacked zip like the platform does, with Terraform's environment."""
    code = folder / "code"
    with zipfile.ZipFile(zip_of(packed, name)) as archive:
        archive.extractall(code)
    python = clean_environment(code / "requirements.txt") / "bin" / "python"
    port = free_port()
    target = name.removeprefix("tool/")
    runner = (
        "import os, runpy, sys; os.chdir(sys.argv.pop(1));"
        " runpy.run_module('functions_framework', run_name='__main__')"
    )
    options = ("--target", target, "--source", "main.py", "--host", "127.0.0.1")
    given = environment(deployables(applied.plan)[name])
    environ = values_of(given, changes)
    if "STORE_URL" in given.plain:
        environ["STORE_URL"] = f"sqlite:{folder / 'records.db'}"
    argv = (str(python), "-c", runner, str(code), *options, "--port", str(port))
    command = Command(target, argv, environ, f"http://127.0.0.1:{port}")
    async with started(command, code) as http:
        yield http


@needs_stand_in
@pytest.mark.parametrize("name", TOOLS)
async def test_a_tool_answers_with_only_its_own_packages(
    everything: Applied, packed: Path, name: str, tmp_path: Path
) -> None:
    call = ToolCallContext(
        call_sid=CALL_SID, agent_id="default", caller=CALLER, called=CALLED, language="en-US"
    )
    wrong = ToolRequest(call=call, name="another_tool", args={}, idempotency_key="1")
    async with function(everything, packed, f"tool/{name}", tmp_path) as http:
        refused = await http.get("/")
        answered = await http.post("/", content=msgspec.json.encode(wrong))

    assert refused.status_code == 405
    assert answered.status_code == 400
    assert f"this is {name}, but the request is for another tool" in answered.text


@needs_stand_in
async def test_the_webhook_answers_a_call(
    everything: Applied, packed: Path, tmp_path: Path
) -> None:
    form = a_form()
    handler = {"STREAM_URL": "ws://127.0.0.1:9"}
    url = everything.outputs["webhook_url"]
    signature = RequestValidator(SECRET).compute_signature(url, form)
    async with function(everything, packed, "incoming_call", tmp_path, **handler) as http:
        response = await http.post("/", data=form, headers={"X-Twilio-Signature": signature})
        forged = await http.post("/", data=form, headers={"X-Twilio-Signature": "forged"})

    assert ' url="ws://127.0.0.1:9/media"' in response.text
    assert forged.status_code == 403


@needs_stand_in
async def test_an_edit_leads_to_a_status_and_clips(
    everything: Applied, packed: Path, tmp_path: Path
) -> None:
    agent = Agent(instructions="Be brief.", greeting="Good day.")
    headers = {
        "ce-id": "1",
        "ce-source": "//firestore.googleapis.com/projects/p/databases/ringdown",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-document": "agents/default",
        "content-type": "application/protobuf",
    }
    async with (
        GeminiLiveServer(Scenario(pace=Pace(speed=100)), api_key=SECRET) as gemini,
        open_store(f"sqlite:{tmp_path / 'records.db'}") as store,
        function(
            everything,
            packed,
            "agent_edited",
            tmp_path,
            GEMINI_BASE_URL=gemini.base_url,
            SSL_CERT_FILE=str(gemini.ca_file),
        ) as http,
    ):
        await write_agent(store, "default", agent)
        response = await http.post("/", content=b"\n", headers=headers, timeout=60.0)
        kept = await store.list_clips("default")
        stored = await store.read_agent("default")

    assert response.status_code == 200, response.text
    assert stored is not None
    assert stored.status is not None
    assert (stored.status.ok, stored.status.notes) == (True, None)
    assert kept == {clip_key(agent, text) for text in clip_texts(agent)}


@needs_stand_in
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_else_is_in_the_zip(packed: Path, name: str) -> None:
    folder = ROOT / "functions" / name.replace("tool/", "tools/")
    with zipfile.ZipFile(zip_of(packed, name)) as archive:
        names = {info.filename for info in archive.infolist()}

    assert {"main.py", "requirements.txt", "ringdown/__init__.py"} <= names
    own = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {n for n in names if not n.startswith("ringdown/")} <= own
    odd = [n for n in names if "__pycache__" in n or "tests/" in n or n.startswith(".")]
    assert odd == []


@needs_stand_in
def test_the_same_files_give_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    with checkout(tmp_path, {}, source=packed.parents[1], full_zips=True) as copy:
        for path in (copy.folder / "shared").rglob("*.py"):
            path.chmod(0o600)  # as with another machine's umask and clock
        again = pack(copy)

    for name in ("agent_edited", "incoming_call", "tool/lookup_account"):
        assert zip_of(packed, name).read_bytes() == zip_of(again, name).read_bytes(), name


# The image


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(DOCKERFILE.read_text("utf-8"), ROOT, tmp_path_factory.mktemp("image"))


def test_the_image_holds_the_handler_and_nothing_else(image: Image) -> None:
    app = image.here("/app")
    files = {path.relative_to(app) for path in app.rglob("*") if "__pycache__" not in path.parts}

    assert {path.parts[0] for path in files} == {"ringdown", "stream_handler"}
    assert Path("stream_handler/__main__.py") in files
    assert not [path for path in files if path.name in ("Dockerfile", "requirements.in")]
    assert (app / "stream_handler" / "__pycache__").is_dir(), (
        "without compiled files, the first call would have to wait"
    )


def test_the_image_is_not_run_by_root_nor_through_a_shell(image: Image) -> None:
    user, _, group = image.user.partition(":")

    assert int(user) > 0
    assert int(group) > 0
    assert image.command[1:] == ("-m", "stream_handler")


def test_the_images_have_one_base_and_it_is_pinned() -> None:
    bases = [
        step.text.partition(" AS ")[0]
        for dockerfile in (
            *(DOCKERFILE, WEBHOOK_DOCKERFILE, PAGE_DOCKERFILE),
            *(CHECKS_DOCKERFILE, CONSOLE_DOCKERFILE),
        )
        for step in instructions(dockerfile.read_text("utf-8"))
        if step.name == "FROM"
    ]

    assert len(set(bases)) == 1
    name, _, tag = bases[0].partition(":")
    assert name == "python"
    assert tag.split("-")[0].count(".") == 2, "must name a complete version, such as 3.13.7"


def test_an_image_without_hashes_is_refused(tmp_path: Path) -> None:
    planted = DOCKERFILE.read_text("utf-8").replace('"--require-hashes", ', "")

    with pytest.raises(ValueError, match="without their hashes"):
        build(planted, ROOT, tmp_path)


def test_what_dockerignore_holds_back_cannot_be_copied(tmp_path: Path) -> None:
    planted = "FROM python:3.13.7-slim-bookworm\nCOPY tests/conftest.py /app/conftest.py\n"

    with pytest.raises(FileNotFoundError, match="not sent to the build"):
        build(planted, ROOT, tmp_path)


@asynccontextmanager
async def function_image(
    image: Image, target: str, folder: Path, **settings: str
) -> AsyncIterator[httpx2.AsyncClient]:
    """Run a function's code as a service."""
    port = free_port()
    environ = {
        "PATH": "/usr/bin:/bin",
        "PORT": str(port),
        "STORE_URL": f"sqlite:{folder / 'records.db'}",
        **settings,
        **image.environ,
    }
    runner = "import os, runpy, sys; os.chdir(sys.argv[1]); del sys.argv[1];"
    runner += " runpy.run_module('functions_framework', run_name='__main__')"
    python, m, module, *options = image.command
    assert (m, module, image.user) == ("-m", "functions_framework", "10001:10001")
    argv = (python, "-c", runner, str(image.here(image.workdir)), *options)
    command = Command(target, argv, environ, f"http://127.0.0.1:{port}")
    async with started(command, folder / "image") as http:
        yield http


async def test_the_webhooks_image_answers_a_call(tmp_path: Path) -> None:
    """Where no function may be open to everybody, a service runs the same code."""
    form = a_form()
    settings = {
        "PUBLIC_URL": "https://webhook.example",
        "STREAM_URL": "ws://127.0.0.1:9",
        "STREAM_TOKEN_SECRET": SECRET,
        "TWILIO_AUTH_TOKEN": SECRET,
        "GEMINI_API_KEY": SECRET,
    }
    signature = RequestValidator(SECRET).compute_signature("https://webhook.example", form)
    image = build(WEBHOOK_DOCKERFILE.read_text("utf-8"), ROOT, tmp_path / "image")
    async with function_image(image, "incoming_call", tmp_path, **settings) as http:
        response = await http.post("/", data=form, headers={"X-Twilio-Signature": signature})
        forged = await http.post("/", data=form, headers={"X-Twilio-Signature": "forged"})

    assert ' url="ws://127.0.0.1:9/media"' in response.text
    assert forged.status_code == 403


async def test_the_image_of_the_callers_page_takes_a_photo(tmp_path: Path) -> None:
    link = upload_link.mint("", (SECRET,), call_sid=CALL_SID, now_s=time.time())
    image = build(PAGE_DOCKERFILE.read_text("utf-8"), ROOT, tmp_path / "image")
    settings = {"UPLOAD_LINK_SECRET": SECRET}
    async with (
        open_store(f"sqlite:{tmp_path / 'records.db'}") as store,
        function_image(image, "caller_page", tmp_path, **settings) as http,
    ):
        await store.open_call(a_call())
        page = await http.get(link)
        sent = await http.post(link, files={"photo": ("a.jpg", photo())}, timeout=30.0)
        forged = await http.get(f"{link[:-1]}_")
        uploads = await store.later_uploads({CALL_SID: 0})

    assert page.status_code == 200
    assert (sent.status_code, sent.headers["Location"]) == (303, "?sent=photo")
    assert forged.status_code == 404
    assert len(uploads[CALL_SID]) == 1


async def test_the_console_s_image_is_ready_and_has_what_pages_need(tmp_path: Path) -> None:
    image = build(CONSOLE_DOCKERFILE.read_text("utf-8"), ROOT, tmp_path / "image")
    port = free_port()
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "STORE_URL": f"sqlite:{tmp_path / 'records.db'}",
        "IAP_AUDIENCE": "/projects/1/locations/us-east4/services/ringdown-console",
        "PYTHONPATH": str(image.here(image.workdir)),
        **image.environ,
    }
    command = Command("console", image.command, environ, f"http://127.0.0.1:{port}")
    async with started(command, tmp_path / "image") as http:
        ready, page = await http.get("/ready"), await http.get("/")
        files = [await http.get(f"/static/{name}") for name in ("site.css", "call_page/page.js")]

    assert ready.status_code == 200
    assert page.status_code == 401
    assert "come through Identity-Aware Proxy" in page.text
    assert [file.status_code for file in files] == [200, 200]
    assert (image.command[1:], image.user) == (("-m", "console"), "10001:10001")


def test_the_checks_image_runs_the_doctor(tmp_path: Path) -> None:
    """Nothing answers at these URLs: it says so for each, and fails."""
    image = build(CHECKS_DOCKERFILE.read_text("utf-8"), ROOT, tmp_path / "image")
    environ = {
        "PATH": "/usr/bin:/bin",
        "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "STREAM_URL": f"ws://127.0.0.1:{free_port()}",
        "STORE_URL": f"sqlite:{tmp_path / 'records.db'}",
        "TWILIO_AUTH_TOKEN": SECRET,
        "PYTHONPATH": str(image.here(image.workdir)),
        **image.environ,
    }

    done = subprocess.run(
        image.command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stderr
    assert "Checking the deployment in the environment" in done.stdout
    assert re.search(r"✗ webhook +can't be reached", done.stdout)
    assert re.search(r"✗ handler", done.stdout)
    assert image.user == "10001:10001"


async def test_the_image_carries_a_call(image: Image, tmp_path: Path) -> None:
    """The caller's audio passes through the image's process, from Twilio's upgrade to the model."""
    certificates = trustme.CA()
    certificates.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    store_url = f"sqlite:{tmp_path / 'records.db'}"
    port = free_port()
    async with little_gemini(certificates) as gemini:
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "STREAM_URL": "wss://stream.example",
            "STORE_URL": store_url,
            "STREAM_TOKEN_SECRET": SECRET,
            "TWILIO_AUTH_TOKEN": SECRET,
            "GEMINI_API_KEY": SECRET,
            "GEMINI_BASE_URL": gemini.url,
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            "PYTHONPATH": str(image.here(image.workdir)),  # as if started in this folder
            **image.environ,
        }
        url = f"http://127.0.0.1:{port}"
        command = Command("image", image.command, environ, url, health_path="/ready")
        async with (
            started(command, tmp_path / "image"),
            asyncio.timeout(20),
            _call(port, tmp_path / "records.db") as socket,
        ):
            await gemini.set_up.wait()
            await gemini.heard(is_text)  # from here on, the model hears the caller
            await socket.send(media(7, LOUD_FRAME))
            await gemini.heard(is_audio)


@asynccontextmanager
async def _call(port: int, records: Path) -> AsyncIterator[ClientConnection]:
    """Twilio's side of a stream that has started."""
    sid = f"CA{7:032x}"
    store = SqliteStore(records)
    await store.open_call(a_call(call_sid=sid))
    await store.close()
    signature = RequestValidator(SECRET).compute_signature("wss://stream.example/media", {})
    token = stream_token.mint((SECRET,), call_sid=sid, attempt=1, now_s=time.time())
    async with connect(
        f"ws://127.0.0.1:{port}/media",
        additional_headers={"X-Twilio-Signature": signature},
        compression=None,
        proxy=None,
    ) as socket:
        start: dict[str, Json] = {
            "accountSid": "AC" + "0" * 32,
            "streamSid": stream_sid(7),
            "callSid": sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": token},
        }
        await socket.send(CONNECTED)
        message = {"event": "start", "sequenceNumber": "1", "streamSid": stream_sid(7)}
        await socket.send(json.dumps({**message, "start": start}))
        yield socket
