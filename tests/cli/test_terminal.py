import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ringdown_cli.terminal import Style, Terminal, standard_terminal


def terminal(answers: str = "", *, coloured: bool = False) -> tuple[Terminal, io.StringIO]:
    out = io.StringIO()
    return Terminal(io.StringIO(answers), out, io.StringIO(), coloured=coloured), out


@pytest.mark.parametrize("answer", ["y\n", "YES\n", " y \n", "y"])
def test_a_yes(answer: str) -> None:
    assert terminal(answer)[0].confirm("Save?")


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yesterday\n", "j\n"])
def test_everything_else_is_a_no(answer: str) -> None:
    assert not terminal(answer)[0].confirm("Save?")


def test_columns_are_as_wide_as_they_need_to_be() -> None:
    console, out = terminal()
    console.table(("agent", "state"), [("night-desk", "ok"), ("a", "broken\nsomehow")])
    assert out.getvalue() == (
        "agent       state\n"  # as wide as night-desk
        "night-desk  ok\n"
        "a           broken somehow\n"
    )


def test_on_a_terminal_a_line_is_no_longer_than_it() -> None:
    out = io.StringIO()
    console = Terminal(io.StringIO(), out, io.StringIO(), width=20)
    console.table(("call", "what happened"), [("CA1", "agent hung up"), ("CA2", "x" * 15)])
    assert out.getvalue().splitlines() == [
        "call  what happened",
        "CA1   agent hung up",
        "CA2   xxxxxxxxxxxxx…",
    ]


def test_rows_that_stand_out_have_a_colour() -> None:
    console, out = terminal(coloured=True)
    console.table(("a",), [("1",), ("2",)], styles=[Style.PLAIN, Style.BAD])
    assert out.getvalue() == "\x1b[2ma\x1b[0m\n1\n\x1b[31m2\x1b[0m\n"


def test_only_we_choose_colours() -> None:
    console, out = terminal(coloured=True)
    console.say("\x1b[5mred\x07\r", Style.BAD)
    console.say("plain")
    assert out.getvalue() == "\x1b[31m�[5mred��\x1b[0m\nplain\n"


def test_a_file_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    standard_terminal({}).say("good", Style.GOOD)
    assert capsys.readouterr().out == "good\n"


@pytest.mark.parametrize(
    ("printing", "printed"),
    [("PYTHONIOENCODING=ascii", "+ 'no' ... ?"), ("PYTHONIOENCODING=utf-8", "✓ ’no’ … ☎")],
)
def test_every_text_can_be_printed(printing: str, printed: str) -> None:
    ran = shell(f"{printing} PROGRAM", text="✓ ’no’ … ☎")
    assert (ran.stdout.strip(), ran.stderr, ran.returncode) == (printed, "", 0)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("PROGRAM | true", ""),
        ("PROGRAM >&- <&-", ""),
        pytest.param(
            "PROGRAM >/dev/full",
            "Can't write the output: No space left on device.\n",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full"),
        ),
    ],
)
def test_output_that_nobody_can_read_ends_it_quietly(line: str, complaint: str) -> None:
    assert shell(line, text="line\n" * 20_000).stderr == complaint


def shell(line: str, *, text: str) -> "subprocess.CompletedProcess[str]":
    """Run a shell command in which PROGRAM prints a text on its standard terminal."""
    source = (
        "import asyncio, os\n"
        "from ringdown_cli.stopping import stoppable\n"
        "from ringdown_cli.terminal import prepared_streams, standard_terminal\n"
        "async def command():\n"
        "    standard_terminal({}).say(os.environ['TEXT'])\n"
        "    return 0\n"
        "with prepared_streams():\n"
        "    raise SystemExit(asyncio.run(stoppable(command())))\n"
    )
    return subprocess.run(
        ["/bin/sh", "-c", line.replace("PROGRAM", f'{shlex.quote(sys.executable)} -c "$SOURCE"')],
        env={**os.environ, "SOURCE": source, "TEXT": text},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
