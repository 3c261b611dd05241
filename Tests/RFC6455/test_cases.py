"""Every case of every table, against a node's echo and against an agent."""

import cases
import peer
import pytest


def _parameters():
    for case in cases.all_cases():
        for side in case.sides:
            yield pytest.param(case, side, id=f"{side}-{case}")


@pytest.mark.parametrize("case, side", list(_parameters()))
async def test_case(nodes, case, side):
    opened = peer.echo(nodes[case.offer is not None], case.offer) if side == cases.NODE else peer.agent(case.answer)
    async with opened as other:
        for step in case.steps:
            await step.run(other, None)
