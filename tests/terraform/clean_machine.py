"""Runs deployables like on a clean machine: environments with only locked packages, and images."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.terraform.stand_in import ROOT

ENVIRONMENTS = ROOT / ".venv-deploy"
_WITHIN_S = 300.0


def clean_environment(requirements: Path) -> Path:
    """A virtual environment with only the locked packages; created once per lock file."""
    key = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()[:16]
    folder = ENVIRONMENTS / key
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        folder.parent.mkdir(exist_ok=True)
        _run((sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)))
        # Like pip, uv then trusts the authorities that this machine trusts.
        uv = (sys.executable, "-m", "uv", "pip", "install", "--system-certs", "--quiet")
        locked = ("--require-hashes", "--only-binary=:all:", "--requirement", str(requirements))
        _run((*uv, "--python", str(python), *locked))
        complete.touch()
    return folder


def _run(argv: Sequence[str], **options: object) -> None:
    subprocess.run(argv, check=True, timeout=_WITHIN_S, **options)  # type: ignore[call-overload]


# The image


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of a command in exec form; a shell command isn't a list."""
        words: list[str] = json.loads(self.text)
        return words


@dataclass(slots=True)
class Image:
    """A stage of a Dockerfile, carried out: where its files are on this machine."""

    base: str
    roots: dict[str, Path] = field(default_factory=dict)
    """The image's top folders."""
    workdir: str = "/"
    environ: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    command: tuple[str, ...] = ()

    def here(self, path: str) -> Path:
        """The location of an image path on this machine."""
        parts = PurePosixPath(path).parts
        return self.roots[parts[1]].joinpath(*parts[2:])

    def translated(self, words: Sequence[str]) -> tuple[str, ...]:
        """A command's words, with the image's paths replaced by local ones."""
        return tuple(
            str(self.here(word))
            if PurePosixPath(word).parts[1:2] and word.startswith("/")
            else word
            for word in words
        )


def instructions(dockerfile: str) -> list[Instruction]:
    lines = (line.strip() for line in dockerfile.splitlines())
    named = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [Instruction(name, text) for name, _, text in named]


def build(dockerfile: str, context: Path, scratch: Path) -> Image:
    """Carry out the instructions without docker, on this machine's Python; returns the last stage.

    Packages are installed into an environment that is kept for the next time.
    """
    stages: dict[str, Image] = {}
    image = Image("")
    for step in instructions(dockerfile):
        match step.name:
            case "FROM":
                base, _, name = step.text.partition(" AS ")
                image = Image(base)
                stages[name] = image
            case "WORKDIR":
                image.workdir = step.text
                _folder(image, step.text, scratch)
            case "ENV":
                name, _, value = step.text.partition("=")
                image.environ[name] = value
            case "USER":
                image.user = step.text
            case "COPY":
                _copy(step.text.split(), image, stages, context, scratch)
            case "RUN":
                _carry_out(step.words, image)
            case "CMD":
                image.command = image.translated(step.words)
            case "EXPOSE":
                pass
            case other:
                raise ValueError(f"can't tell what {other} does")
    return image


def _folder(image: Image, path: str, scratch: Path) -> None:
    top = PurePosixPath(path).parts[1]
    image.roots.setdefault(top, scratch / top)
    image.here(path).mkdir(parents=True, exist_ok=True)


def _copy(
    words: list[str], image: Image, stages: Mapping[str, Image], context: Path, scratch: Path
) -> None:
    if words[0].startswith("--from="):
        source, target = words[1:]
        top = PurePosixPath(target).parts[1]
        image.roots[top] = stages[words[0].removeprefix("--from=")].here(source)
        return
    source, target = words
    _folder(image, str(PurePosixPath(target).parent), scratch)
    kept = list(_sent(context, source))
    if not kept:
        raise FileNotFoundError(f"{source} is not sent to the build: see .dockerignore")
    for path in kept:
        inside = PurePosixPath(path).relative_to(source)
        copied = image.here(target) / inside
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes((context / path).read_bytes())


def _carry_out(words: list[str], image: Image) -> None:
    if words[1:3] == ["-m", "venv"]:
        return  # the environment is created with its packages, below
    if words[1:4] == ["-m", "pip", "install"]:
        requirements = image.here(words[words.index("--requirement") + 1])
        if "--require-hashes" not in words:
            raise ValueError("packages are installed without their hashes")
        image.roots["venv"] = clean_environment(requirements)
        return
    _run(image.translated(words))


def _sent(context: Path, source: str) -> Iterator[str]:
    """The files below `source` that .dockerignore lets through."""
    rules = [
        (line.removeprefix("!").rstrip("/"), line.startswith("!"))
        for line in (context / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    start = context / source
    for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
        relative = path.relative_to(context).as_posix()
        if path.is_file() and _is_sent(relative, rules):
            yield relative


def _is_sent(path: str, rules: list[tuple[str, bool]]) -> bool:
    """The last rule that matches the path or a folder above it counts."""
    above = [str(p) for p in (PurePosixPath(path), *PurePosixPath(path).parents)][:-1]
    sent = True
    for pattern, lets_through in rules:
        if any(re.fullmatch(_regex(pattern), name) for name in above):
            sent = lets_through
    return sent


def _regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
