import sys
from pathlib import Path

import pytest

from benchmarks.installing import InstallFailed, install, is_installed, progress


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Its python is a script that only says how pip ends."""
    (tmp_path / "env" / "bin").mkdir(parents=True)
    return tmp_path / "env"


def write_python(environment: Path, code: str) -> None:
    python = environment / "bin" / "python"
    python.write_text(f"#!{sys.executable}\n{code}\n", "utf-8")
    python.chmod(0o755)


def write_requirements(folder: Path, version: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text(f"some-package=={version}\n", "utf-8")
    return path


def test_a_long_installation_tells_how_far_it_is() -> None:
    lines = [*(f"Collecting package{n}==1" for n in range(45)), "Installing collected packages: a"]

    assert list(progress(lines, 60)) == [
        "20 of at most 60 packages collected …",
        "40 of at most 60 packages collected …",
        "installing them …",
    ]


def test_what_is_installed_is_installed_once(environment: Path, tmp_path: Path) -> None:
    requirements = write_requirements(tmp_path, "1.0")
    write_python(environment, "print('Successfully installed')")
    assert not is_installed(environment, requirements)

    install(environment, requirements)

    assert is_installed(environment, requirements)
    write_requirements(tmp_path, "1.1")
    assert not is_installed(environment, requirements), "the lock file has changed since"


def test_a_failure_shows_how_pip_ended_and_what_to_do(environment: Path, tmp_path: Path) -> None:
    requirements = write_requirements(tmp_path, "1.0")
    write_python(environment, "print('ERROR: no space left'); raise SystemExit(2)")

    with pytest.raises(InstallFailed, match="status 2") as failure:
        install(environment, requirements)

    assert "ERROR: no space left" in str(failure.value)
    assert "try again" in str(failure.value)
    assert not is_installed(environment, requirements)
