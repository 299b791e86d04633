"""`calls logs`: shows what was logged during a call, on this machine or in Cloud Logging."""

import argparse
import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from ringdown.calls import Call
from ringdown.tools import Json
from ringdown_cli.calls.naming import call_meant
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.programs import output_of
from ringdown_cli.store_choice import LOCAL_FIRESTORE, choose_store, opened
from ringdown_cli.terminal import Style, Terminal

_FIRESTORE = "firestore:"
_SQLITE = "sqlite:"
_LOGS = "logs"
_WITHIN_S = 60.0
_AROUND = datetime.timedelta(minutes=2)
_MOST_LINES = 1_000
_OWN = ("message", "severity", "time", "timestamp", "call_sid", "app", "logger", "stack_trace")
_LOUD = ("WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")


async def show_logs(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    chosen = await choose_store(arguments.store, surroundings)
    if chosen.found is not None:
        terminal.note(f"Store: {chosen.url} ({chosen.found})")
    async with opened(chosen.url, surroundings) as store:
        call = await store.read_call(await call_meant(store, arguments.call))
    if call is None:
        raise CannotGoOn("Someone just erased the call.")
    folder = _folder(chosen.url, surroundings)
    if folder is not None:
        lines, where = _lines_in(folder, call.call_sid), str(folder)
    else:
        project = chosen.url.removeprefix(_FIRESTORE).partition("/")[0]
        lines, where = await _lines_in_cloud(call, project), f"the logs of project {project}"
    lines.sort(key=lambda line: str(line.get("time", "")))
    for line in lines:
        if arguments.json:
            terminal.say(msgspec.json.encode(line).decode())
        else:
            _say(terminal, line, surroundings.zone)
    if not lines:
        terminal.complain(f"Nothing about {call.call_sid} in {where}.")
    return DONE if lines else BROKEN


def _folder(store_url: str, surroundings: Surroundings) -> Path | None:
    """Return the folder with the logs of the processes that use a local store. None if the store
    is in the cloud."""
    if store_url.startswith(_SQLITE):
        return Path(store_url.removeprefix(_SQLITE)).parent / _LOGS
    return surroundings.out / _LOGS if store_url == LOCAL_FIRESTORE else None


def _lines_in(folder: Path, call_sid: str) -> list[dict[str, Json]]:
    """Return the call's lines from all logs in the folder. Each process has its own file."""
    found = []
    for file in sorted(folder.glob("*.log")):
        with file.open(encoding="utf-8", errors="replace") as written:
            mine = (text for text in written if call_sid in text)
            found += [{"app": file.stem, **line} for line in _decoded(mine)]
    return found


def _decoded(lines: Iterable[str]) -> Iterator[dict[str, Json]]:
    for text in lines:
        try:
            yield msgspec.json.decode(text, type=dict[str, Json])
        except msgspec.DecodeError:
            continue  # not a log line, such as part of a traceback


async def _lines_in_cloud(call: Call, project: str) -> list[dict[str, Json]]:
    since, until = call.created_at - _AROUND, (call.ended_at or call.created_at) + _AROUND
    wanted = (
        f'jsonPayload.call_sid="{call.call_sid}"'
        f' AND timestamp>="{since.isoformat()}" AND timestamp<="{until.isoformat()}"'
    )
    argv = ("logging", "read", wanted, f"--project={project}", "--format=json")
    text = await _gcloud(*argv, f"--limit={_MOST_LINES}")
    entries = msgspec.json.decode(text or b"[]", type=list[dict[str, Json]])
    return [
        {
            "time": entry.get("timestamp", ""),
            "severity": entry.get("severity", ""),
            "app": entry.get("resource", {}).get("labels", {}).get("service_name", ""),
            **entry.get("jsonPayload", {}),
        }
        for entry in entries
    ]


async def _gcloud(*argv: str) -> bytes:
    command = " ".join(f"'{part}'" if " " in part else part for part in argv)
    return await output_of(
        "gcloud",
        *("gcloud", *argv),
        within_s=_WITHIN_S,
        missing="Reading these logs requires gcloud, which isn't installed. Where it is, run:\n"
        f"gcloud {command}",
        if_late="Try again.",
    )


def _say(terminal: Terminal, line: dict[str, Json], zone: datetime.tzinfo) -> None:
    fields = " ".join(f"{name}={value}" for name, value in line.items() if name not in _OWN)
    severity = str(line.get("severity", "")).upper()
    text = f"{_time(line, zone)}  {line.get('app', ''):<16}  {line.get('message', '')}  {fields}"
    terminal.say(text.rstrip(), Style.BAD if severity in _LOUD else Style.PLAIN)
    if trace := line.get("stack_trace"):
        terminal.say(str(trace), Style.FAINT)


def _time(line: dict[str, Json], zone: datetime.tzinfo) -> str:
    try:
        when = datetime.datetime.fromisoformat(str(line.get("time", "")))
    except ValueError:
        return str(line.get("time", ""))
    local = when.astimezone(zone)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
