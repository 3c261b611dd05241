import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "Deploy"), str(HERE.parents[1] / "deploy/lib")]

from labs import Lab  # noqa: E402


@pytest.fixture
def lab(tmp_path):
    """Starts labs on compose files written by the test; what they leave running is ended."""
    started = []

    def start(name, text, *arguments, **environment):
        file = tmp_path / f"{name}.yml"
        file.write_text(text)
        started.append(Lab(tmp_path, name, *arguments, file=file, **environment))
        return started[-1]

    yield start
    for one in started:
        one.__exit__()


def pytest_terminal_summary(terminalreporter):
    counts = {name: len(terminalreporter.getreports(name)) for name in ("passed", "failed", "error", "skipped")}
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    terminalreporter.write_line(f"{counts['passed']} passed, {counts['failed'] + counts['error']} failed{skipped}")
