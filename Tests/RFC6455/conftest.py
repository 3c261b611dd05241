import contextlib
import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
# The pool that runs coroutines beside each other is Conformance's, what starts processes is API's.
for folder in (FOLDER.parent / "Conformance", FOLDER.parent / "API", FOLDER):
    sys.path.insert(0, str(folder))
pytest.register_assert_rewrite("frames", "deflate", "peer", "cases")

import pool  # noqa: E402
import processes  # noqa: E402


def pytest_configure(config):
    config.pluginmanager.register(pool.Plugin(), "pool")


@pytest.fixture(scope="session")
def nodes():
    """Two nodes: one that takes compression, and one that does not."""
    with contextlib.ExitStack() as stack:
        yield {
            is_on: stack.enter_context(
                processes.node("--diagnostics", "--compression" if is_on else "--no-compression"))
            for is_on in (True, False)}
