"""Finds a recent enough Terraform on PATH, or downloads and verifies the version pinned here."""

import hashlib
import io
import json
import platform
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from deploy.commands import Commands, Stop

LEAST = (1, 11)  # terraform/versions.tf: write-only arguments
PINNED = "1.11.4"
SHA256 = {
    "darwin_amd64": "a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b",
    "darwin_arm64": "867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18",
    "linux_amd64": "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc",
    "linux_arm64": "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633",
}
"""SHA-256 of the zips at releases.hashicorp.com."""
INSTALL = "https://developer.hashicorp.com/terraform/install"
_MACHINES = {"aarch64": "arm64", "arm64": "arm64", "amd64": "amd64", "x86_64": "amd64"}
_WITHIN_S = 120

Download = Callable[[str], bytes]


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_WITHIN_S) as answer:  # noqa: S310 - https, from below
        content: bytes = answer.read()
    return content


def this_machine() -> str:
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_MACHINES.get(machine, machine)}"


def find_terraform(
    commands: Commands, folder: Path, fetch: Download, machine: str, say: Callable[[str], None]
) -> str:
    """Return the program to run. If it has to be downloaded, it is kept in `folder`."""
    if is_new_enough(commands, "terraform"):
        return "terraform"
    kept = folder / PINNED / "terraform"
    if not is_new_enough(commands, str(kept)):
        say(f"  No Terraform {LEAST[0]}.{LEAST[1]} or newer on PATH. Downloading {PINNED}.")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(_verified(fetch, machine))
        kept.chmod(0o755)
    return str(kept)


def is_new_enough(commands: Commands, program: str) -> bool:
    done = commands.read(program, "version", "-json")
    if not done.ok:
        return False
    version = json.loads(done.output)["terraform_version"].split("-")[0]
    return tuple(int(part) for part in version.split(".")[:2]) >= LEAST


def _verified(fetch: Download, machine: str) -> bytes:
    if machine not in SHA256:
        raise Stop(f"No Terraform is pinned for {machine}. Install {PINNED} or newer: {INSTALL}")
    url = f"https://releases.hashicorp.com/terraform/{PINNED}/terraform_{PINNED}_{machine}.zip"
    try:
        content = fetch(url)
    except OSError as error:
        raise Stop(f"Can't download Terraform ({error}). Install it: {INSTALL}") from None
    if hashlib.sha256(content).hexdigest() != SHA256[machine]:
        raise Stop(f"{url} isn't Terraform {PINNED}: its SHA-256 differs. Install it: {INSTALL}")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("terraform")
