import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
pytest.register_assert_rewrite("field", "clients", "bytewise")

import field as fields  # noqa: E402
import processes  # noqa: E402


@pytest.fixture(scope="session")
def field(request):
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(processes.redis()) if request.config.getoption("--with-redis") else None
        yield fields.start(stack, redis, "sb", ("--diagnostics", "--message-rate", "0"))
