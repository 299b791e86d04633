"""Finds the environment variables that a deployable's code reads; run with a main.py and JSON.

The main.py is loaded the way the platform does, with a recording environment in place of the
process's. The output is JSON with the names, and the reason if the deployable didn't start. Reads
by libraries don't count.
"""

import json
import os
import runpy
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path


class Recording(MutableMapping[str, str]):
    def __init__(self, values: dict[str, str], root: Path) -> None:
        self._values = values
        self._ours = tuple(str(root / folder) for folder in ("functions", "services", "shared"))
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        reader = sys._getframe(1)
        if (
            reader.f_code.co_name == "get" and reader.f_back is not None
        ):  # `get` of the mapping itself
            reader = reader.f_back
        if reader.f_code.co_filename.startswith(self._ours):
            self.read.add(name)
        return self._values[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def main(main_py: str, environ: str) -> None:
    root = next(parent for parent in Path(main_py).parents if (parent / "shared").is_dir())
    recording = Recording(json.loads(environ), root)
    os.environ = recording  # type: ignore[assignment] # noqa: B003 - what libraries look at, too
    sys.path[0] = str(Path(main_py).parent)
    sys.path.insert(0, str(root / "shared"))
    problem = None
    try:
        runpy.run_path(main_py, run_name="main")
    except SystemExit as error:
        problem = str(error)
    sys.stdout.write("\n" + json.dumps({"read": sorted(recording.read), "problem": problem}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
