"""Prints a line for each thing that was missing, with the number of tests that didn't run."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A reason to skip says what a test needs: "Chromium. Install it: apt-get install chromium"."""
    skipped = terminalreporter.stats.get("skipped", [])
    needed = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for what, count in needed.most_common():
        tests = "1 test needs" if count == 1 else f"{count} tests need"
        terminalreporter.write_line(f"Not run: {tests} {what}", yellow=True)
