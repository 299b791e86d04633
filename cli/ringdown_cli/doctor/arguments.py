"""The arguments of `ringdown doctor`, in a separate module because the rest takes a second to
import."""

import argparse
from pathlib import Path

from ringdown_cli.command import Commands, Surroundings


def add_doctor_command(commands: Commands) -> None:
    help = "check that the line can take calls, and tell you how to fix what's wrong"
    parser = commands.add_parser(
        "doctor",
        help=help,
        description=f"{help[0].upper()}{help[1:]}. Checks the deployment that --outputs describes;"
        " otherwise the stack running on this machine, the one in Terraform's state in --terraform,"
        " or the one in the environment, whichever it finds first. Exit status 1: something is"
        " wrong; 3: nothing is wrong, but something couldn't be checked.",
    )
    add_deployment_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    parser.set_defaults(run=_doctor)


def add_deployment_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `found_deployment` reads."""
    parser.add_argument(
        "--outputs",
        metavar="FILE",
        help="the output of `terraform output -json`; - for standard input",
    )
    parser.add_argument(
        "--terraform",
        metavar="FOLDER",
        type=Path,
        default=Path("terraform"),
        help="where Terraform was run (default: terraform)",
    )


async def _doctor(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.doctor.command import doctor

    return await doctor(arguments, surroundings)
