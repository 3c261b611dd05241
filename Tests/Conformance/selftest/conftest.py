import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "agent"))


@pytest.fixture(scope="session")
def reference() -> str:
    """The command line of the reference agent."""
    return f"{sys.executable} {FOLDER.parent}/reference_agent.py {{url}} {{client}} {{group}} {{state}}"
