import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope="session")
def command(request) -> str:
    """The command line of the agent under test; the reference agent unless another one is given."""
    reference = f"{sys.executable} {FOLDER.parent}/reference_agent.py {{url}} {{client}} {{group}} {{state}}"
    return request.config.getoption("--agent") or reference
