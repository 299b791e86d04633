"""What `terraform output` says on this machine."""

from pathlib import Path

from ringdown_cli.programs import output_of

_WITHIN_S = 30.0


def is_deployed_from(folder: Path) -> bool:
    """Whether Terraform was run in `folder`."""
    return (folder / ".terraform").exists()


async def terraform_output(folder: Path, *what: str) -> str:
    """What `terraform output` prints with the arguments `what`. Raises CannotGoOn."""
    out = await output_of(
        "terraform output",
        *("terraform", f"-chdir={folder}", "output", *what),
        within_s=_WITHIN_S,
        missing="There is no terraform on this machine.",
        if_late="Is its state's bucket within reach?",
    )
    return out.decode()
