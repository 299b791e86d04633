"""Reads `terraform output` on this machine."""

from pathlib import Path

from ringdown_cli.programs import output_of

_WITHIN_S = 30.0


def is_deployed_from(folder: Path) -> bool:
    """Whether Terraform was run in `folder`."""
    return (folder / ".terraform").exists()


async def terraform_output(folder: Path, *what: str) -> str:
    """Return what `terraform output` prints with the arguments `what`. Raises CannotGoOn."""
    out = await output_of(
        "terraform output",
        *("terraform", f"-chdir={folder}", "output", *what),
        within_s=_WITHIN_S,
        missing="Terraform isn't installed on this machine.",
        if_late="Can this machine reach the bucket that holds its state?",
    )
    return out.decode()
