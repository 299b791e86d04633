"""scripts/setup, with a Python that only records what it is asked to do."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
echo "$*" >> "$RECORDED"
case "$*" in
-ESc*)
    printf '%s\\n' "${VERSION%.*}" "$VERSION" "$0" ;;
"-m venv "*)
    for folder; do :; done
    mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python"
    printf '%s = %s\\n' executable "$0" version "$VERSION" > "$folder/pyvenv.cfg"
    echo "command = $0 -m venv --clear $PWD/$folder" >> "$folder/pyvenv.cfg" ;;
*"$FAILS"*)
    exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Clone:
    folder: Path

    def python(self, version: str) -> str:
        path = self.folder.parent / f"python{version}"
        path.write_text(PYTHON.replace("$VERSION", version).replace("${VERSION%.*}", version[:4]))
        path.chmod(0o755)
        return str(path)

    def set_up(self, python: str = "", fails: str = "(nothing)") -> tuple[str, list[str]]:
        """Run scripts/setup. Returns its output, including errors, and the modules that it ran."""
        record = self.folder.parent / "record"
        record.write_text("")
        done = subprocess.run(
            ("/bin/sh", "scripts/setup"),
            cwd=self.folder,
            env={
                "PATH": f"{self.folder.parent}:{os.environ['PATH']}",
                "PYTHON": python,
                "VENV": ".venv",
                "RECORDED": str(record),
                "FAILS": fails,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=20,
            check=False,
        )
        asked = [line for line in record.read_text("utf-8").splitlines() if line.startswith("-m ")]
        return done.stdout, asked


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    folder = tmp_path / "Größe, zwei"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", folder / "scripts")
    for name in ("requirements.txt", "scripts/build-requirements.txt", "pyproject.toml"):
        (folder / name).write_text("1\n", "utf-8")
    return Clone(folder)


@pytest.fixture
def ready(clone: Clone) -> Clone:
    """Set up with Python 3.13.0."""
    said, _ = clone.set_up(clone.python("3.13.0"))
    assert said.startswith("Setting up .venv with Python 3.13.0")
    assert said.endswith("done.\n")
    return clone


def test_a_ready_environment_is_left_alone(ready: Clone) -> None:
    os.utime(ready.folder / "requirements.txt")

    assert ready.set_up() == ("", [])


@pytest.mark.parametrize("changed", ["requirements.txt", "pyproject.toml"])
def test_a_change_updates_the_environment_in_place(ready: Clone, changed: str) -> None:
    (ready.folder / changed).write_text("2\n", "utf-8")

    said, asked = ready.set_up()

    assert said.startswith(f"Updating .venv; changed since it was made: {changed} …\n")
    assert asked
    assert not any("-m venv" in command for command in asked)
    assert ready.set_up() == ("", [])


def test_another_python_rebuilds_it_and_is_remembered(ready: Clone) -> None:
    other = ready.python("3.12.1")

    said, asked = ready.set_up(other)

    assert said.startswith(
        f"Rebuilding .venv: it was made with Python 3.13.0, and {other} is Python 3.12.1"
    )
    assert asked[0] == "-m venv --clear .venv"
    assert ready.set_up() == ("", []), "nothing must be set up again: the environment has 3.12.1"


def test_a_python_that_is_gone_makes_way_for_python3(ready: Clone) -> None:
    Path(ready.python("3.13.0")).unlink()
    Path(ready.python("3.11.7")).rename(ready.folder.parent / "python3")

    said, _ = ready.set_up()

    assert "made with Python 3.13.0, and python3 is Python 3.11.7" in said


@pytest.mark.parametrize("at", ["requirements.txt", "--editable"])
def test_an_interrupted_set_up_begins_again(ready: Clone, at: str) -> None:
    (ready.folder / "requirements.txt").write_text("2\n", "utf-8")
    said, _ = ready.set_up(fails=at)
    assert "done" not in said

    said, asked = ready.set_up()

    assert said.startswith("Rebuilding .venv: its setup was interrupted")
    assert asked[0] == "-m venv --clear .venv"
    assert ready.set_up() == ("", [])


def test_an_environment_that_was_moved_is_rebuilt(ready: Clone) -> None:
    moved = Clone(ready.folder.rename(ready.folder.with_name("moved")))

    assert moved.set_up()[0].startswith("Rebuilding .venv: it was made in another folder")
    assert moved.set_up() == ("", [])


@pytest.mark.parametrize("version", ["3.10.13", "3.15.0"])
def test_a_python_without_wheels_is_refused(clone: Clone, version: str) -> None:
    said, asked = clone.set_up(clone.python(version))

    assert f"is Python {version}. Ringdown needs Python 3.11, 3.12, 3.13 or 3.14.\n" in said
    assert "make PYTHON=/path/to/python3.13" in said
    assert not asked


def test_a_python_that_is_not_there_is_named(clone: Clone) -> None:
    said, _ = clone.set_up("python3.99")

    assert "Can't run python3.99." in said


def test_the_one_package_that_may_be_compiled_is_explained(clone: Clone) -> None:
    said, _ = clone.set_up(clone.python("3.14.0"), fails="--requirement requirements.txt")

    assert "a C compiler and Python's headers" in " ".join(said.split())
