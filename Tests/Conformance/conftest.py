import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
for folder in (FOLDER.parent / "API", FOLDER):
    sys.path.insert(0, str(folder))
pytest.register_assert_rewrite("clients", "fake_node", "agents", "wire", "frames")

import pool  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--with-redis", action="store_true", help="test two nodes with Redis instead of one without")
    parser.addoption("--agent", help="the command line of the agent under test, with {url} {client} {group} {state}")


def pytest_configure(config):
    config.pluginmanager.register(pool.Plugin(), "pool")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("rule") is None:
            raise pytest.UsageError(f"{item.nodeid} names no rule")
    if config.getoption("--with-redis"):
        once = [item for item in items if item.get_closest_marker("once")]
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if item not in once]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure names the rule that is broken."""
    report = yield
    if report.failed:
        report.sections.insert(0, ("the rule", item.get_closest_marker("rule").args[0]))
    return report
