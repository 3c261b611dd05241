import pytest

pytest.register_assert_rewrite("fields", "wire", "problems", "conversation")

import fields  # noqa: E402
import processes  # noqa: E402


@pytest.fixture(scope="session")
def battle():
    """A node with honest clients, and attackers."""
    with processes.running_node(*fields.flags()) as node:
        battle = fields.Field(node, fields.scale())
        try:
            yield battle
        finally:
            battle.close()


@pytest.fixture(scope="session")
def node():
    """A node that loses its patience quickly."""
    flags = ("--heartbeat-interval", "500ms", "--heartbeat-timeout", "500ms", "--message-rate", "20", "--message-burst", "20")
    with processes.running_node(*fields.flags(), *flags) as node:
        yield node


_reports: list[str] = []


@pytest.fixture(scope="session")
def table():
    """Lines that are shown at the end of the run."""
    return _reports


def pytest_terminal_summary(terminalreporter):
    if _reports:
        terminalreporter.section(f"{fields.scale().clients} honest clients; p99 of their pushes in ms")
        for line in [fields.Report.HEAD, *_reports]:
            terminalreporter.line(line)
