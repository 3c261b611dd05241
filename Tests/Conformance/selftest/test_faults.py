"""Does the kit see what is wrong? Each fault of the reference agent has to be seen by the tests that are named for it."""

import importlib
import inspect
import urllib.parse

import pytest
from faults import FAULTS

from rules import HALVES, rule, table

CASES = [(fault, test) for fault, tests in FAULTS.items() for test in tests]


@rule("An agent with this fault does not pass this test")
@pytest.mark.parametrize("fault, test", CASES, ids=["-".join(case) for case in CASES])
async def test_fault_is_seen(reference, fault, test):
    path, _, parameters = test.partition("?")
    module, name = path.split(".")
    function = getattr(importlib.import_module(module), name)
    arguments = {key: _typed(values) for key, values in urllib.parse.parse_qs(parameters).items()}
    for missing in set(inspect.signature(function).parameters) - {"command"} - set(arguments):
        arguments[missing] = next(
            mark.args[1][0] for mark in function.pytestmark
            if mark.name == "parametrize" and missing in mark.args[0])
    try:
        await function(f"{reference} --fault {fault}", **arguments)
    except Exception:
        return
    pytest.fail(f"{test} does not see the fault {fault}")


def _typed(values: list[str]):
    return int(values[0]) if values[0].isdigit() else values[0]


@rule("Every test of the agent half names its rule once")
def test_rules_are_distinct():
    assert set(HALVES) == {"node", "agent"}
    for half in HALVES:
        sentences = [sentence for sentence, _ in table(half)]
        assert sentences and len(sentences) == len(set(sentences))
