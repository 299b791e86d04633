from pathlib import Path

import pytest

from tests.emulator import emulator_host as emulator_host
from tests.emulator import firestore_project as firestore_project
from tests.ops.command_line import CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
