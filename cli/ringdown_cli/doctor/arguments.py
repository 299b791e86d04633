"""The arguments of `ringdown doctor`; what it does takes a second to import."""

import argparse
from pathlib import Path

from ringdown_cli.command import Commands, Surroundings


def add_doctor_command(commands: Commands) -> None:
    help = "look whether the line is ready for a call, and say what to do if not"
    parser = commands.add_parser(
        "doctor",
        help=help,
        description=f"{help[0].upper()}{help[1:]}. Looks at what --outputs names; else at the stack"
        " that runs on this machine; else at what Terraform's state in --terraform describes; else"
        " at what the environment names. Exit status 1: something is wrong; 3: nothing"
        " is wrong, but not everything could be tried.",
    )
    add_deployment_arguments(parser)
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.set_defaults(run=_doctor)


def add_deployment_arguments(parser: argparse.ArgumentParser) -> None:
    """What names a deployment, for `found_deployment`."""
    parser.add_argument(
        "--outputs",
        metavar="FILE",
        help="what `terraform output -json` printed; - for standard input",
    )
    parser.add_argument(
        "--terraform",
        metavar="FOLDER",
        type=Path,
        default=Path("terraform"),
        help="where terraform was run (default: terraform)",
    )


async def _doctor(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown_cli.doctor.command import doctor

    return await doctor(arguments, surroundings)
