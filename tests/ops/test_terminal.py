import io

import pytest

from ops.terminal import Style, Terminal, standard_terminal


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


def test_only_we_choose_colours() -> None:
    console, out = terminal(coloured=True)
    console.say("\x1b[5mred\x07\r", Style.BAD)
    console.say("plain")
    assert out.getvalue() == "\x1b[31m�[5mred��\x1b[0m\nplain\n"


def test_a_file_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    standard_terminal({}).say("good", Style.GOOD)
    assert capsys.readouterr().out == "good\n"
