"""What the operators' commands still do wrong."""

import io
import sys
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.agents.yaml_text import NotReadable, from_yaml
from ops.calls.without_words import Placeholders
from ops.doctor.model import judge_failure
from ops.processes import Command, ProcessFailed, SupervisedProcess
from ops.terminal import Terminal
from ringdown.gemini_backend import DeveloperApi
from stream_handler.gemini_live import ModelError
from tests.http_server import Requests, serving
from tests.ops.agents.stored_agents import DOCUMENT, read, save, write
from tests.ops.command_line import CommandLine

GOOD = "instructions: Be brief.\ngreeting: Hello.\n"


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="A bad number is told by the name of our function."
)
@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e3"])
def test_a_bad_limit_is_told_in_words(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    with pytest.raises(SystemExit):
        command_line.run("calls", "list", f"--limit={limit}")

    assert "_positive" not in capsys.readouterr().err


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="Short words get the same placeholder sooner or later.",
)
def test_different_words_get_different_placeholders() -> None:
    placeholders = Placeholders(frozenset())
    made = set()
    for number, word in enumerate(("i", "a", "u", "o")):
        made.add(placeholders.text(word))
        for n in range(25):
            placeholders.text(f"filler{number}x{n}")

    assert len(made) == 4


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="Going back twice brings the bad version back."
)
def test_two_operators_who_both_go_back_are_where_one_would_be(command_line: CommandLine) -> None:
    for greeting in ("The good one.", "The bad one."):
        save(command_line, greeting=greeting)
    greetings = []
    for _ in range(2):
        command_line.run("agents", "rollback", "shop", "--yes")
        greetings.append(read(command_line).document["greeting"])

    assert greetings == ["The good one.", "The good one."]


@pytest.mark.xfail(
    strict=True,
    raises=ValueError,
    reason="YAML that its library can't read leaves a traceback.",
)
def test_what_yaml_cannot_read_is_told() -> None:
    with pytest.raises(NotReadable):
        from_yaml(f"{GOOD}max_call_s: {'9' * 5_000}\n")


@pytest.mark.xfail(
    strict=True,
    raises=pytest.fail.Exception,
    reason="Aliases in YAML grow into more than a process can hold.",
)
def test_aliases_are_refused() -> None:
    with pytest.raises(NotReadable):
        from_yaml(f"{GOOD}a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="A refusal that will not pass is told as one that will.",
)
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1008, "models/gemini-3.1-flash-live-preview was retired on 2026-11-17."),
        (1008, "Your project has been denied access. Please contact support."),
        (1008, "User location is not supported for the API use."),
        (1008, "Policy violation: content was blocked"),
        (1008, "Operation is not implemented, or supported, or enabled."),
        (1007, "Request contains an invalid argument."),
    ],
)
def test_what_will_not_pass_is_not_to_be_waited_for(code: int, reason: str) -> None:
    failure = ModelError(reason, code=code)
    verdict = judge_failure(failure, DeveloperApi("key"), "gemini-3.1-flash-live-preview")

    assert "try again in a minute" not in str(verdict.advice).lower()


class _GonePipe(io.StringIO):
    """The other end of `| head -1` has read enough."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class _PlainLetters(io.StringIO):
    """A terminal that knows ASCII only."""

    def write(self, text: str) -> int:
        return super().write(text.encode("ascii").decode())


@pytest.mark.xfail(
    strict=True,
    raises=(BrokenPipeError, UnicodeEncodeError),
    reason="A terminal that takes no more, or not these letters, leaves a traceback.",
)
@pytest.mark.parametrize("out", [_GonePipe, _PlainLetters])
def test_an_output_that_takes_not_all_leaves_no_traceback(
    command_line: CommandLine, out: type[io.StringIO]
) -> None:
    write(command_line, {**DOCUMENT, "greeting": "Grüß Gott."})
    terminal = Terminal(io.StringIO(), out(), io.StringIO())
    environ = {"STORE_URL": command_line.store_url}

    main(("agents", "show", "shop"), environ=environ, terminal=terminal, out=command_line.folder)


@pytest.mark.xfail(
    strict=True, raises=OSError, reason="A folder that can't be made leaves a traceback."
)
def test_a_folder_that_cannot_be_made_is_told(command_line: CommandLine) -> None:
    (command_line.folder / "out").write_text("")

    ran = command_line.run("call")

    assert ran.status != 0
    assert ran.complained


@pytest.mark.xfail(
    strict=True,
    raises=pytest.fail.Exception,
    reason="Any server that answers at the port is taken for the process that was started.",
)
async def test_another_server_at_the_port_is_not_ours(tmp_path: Path) -> None:
    class Stranger(Requests):
        def do_GET(self) -> None:
            self.reply(200)

    with serving(Stranger) as url:
        port = url.rpartition(":")[2]
        program = f"import socket; socket.create_server(('127.0.0.1', {port}))"
        argv = (sys.executable, "-c", program)
        process = SupervisedProcess(Command("stream_handler", argv, {}, url), tmp_path / "log")
        try:
            with pytest.raises(ProcessFailed):
                await process.start()
        finally:
            await process.stop()
