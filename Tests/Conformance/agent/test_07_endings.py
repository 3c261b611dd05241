"""Close codes and refusals: clients need only the range."""

import asyncio

import pytest
from agents import stage

from rules import rule

# Longer than any back-off that the node's hello allows.
QUIET = 1.5


async def stopped(here, agent, attempts: int) -> None:
    """The agent says why, ends with an error, and does not try again."""
    event = await agent.event("stopped")
    assert event["reason"], "a clear error"
    assert await agent.exited() not in (0, None)
    await asyncio.sleep(QUIET)
    assert len(here.node.attempts) == attempts


@rule("401 and 403 stop the agent with a clear error")
@pytest.mark.parametrize("status", [401, 403])
async def test_refused(command, status):
    async with stage(command) as here:
        here.node.refusal = (status, {})
        agent = await here.start()
        await here.node.attempted(1)
        await stopped(here, agent, 1)


@rule("401 stops also an agent that was connected before")
async def test_refused_later(command):
    async with stage(command) as here:
        agent, link = await here.online()
        here.node.refusal = (401, {})
        await link.close(4200)
        await stopped(here, agent, 2)


@rule("4000-4099: the agent does not reconnect, and stops with a clear error; also for codes that nobody has named yet")
@pytest.mark.parametrize("code", [4000, 4001, 4002, 4003, 4004, 4006, 4042, 4099])
async def test_stop(command, code):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.close(code, "because the test says so")
        await stopped(here, agent, 1)


@rule("4100-4199: the agent reconnects with back-off; also for codes that nobody has named yet")
@pytest.mark.parametrize("code", [4100, 4101, 4102, 4105, 4150, 4199])
async def test_back_off(command, code):
    async with stage(command) as here:
        _, link = await here.online()
        await link.close(code, "come back")
        await (await here.node.online()).alive()


@rule("4100 with `after=`: the wait is obeyed")
async def test_cool_down(command):
    async with stage(command) as here:
        _, link = await here.online()
        # From the second ending on the jitter is short, so that it cannot pass for the wait.
        link = await link.away()
        closed = await link.close(4100, "connected too often: after=2")
        again = await here.node.online()
        assert again.attempt.at - closed >= 1.9


@rule("4200-4299: the agent reconnects; also for codes that nobody has named yet")
@pytest.mark.parametrize("code", [4200, 4201, 4202, 4250, 4299])
async def test_come_back(command, code):
    async with stage(command) as here:
        _, link = await here.online()
        await link.close(code, "come back")
        await (await here.node.online()).alive()


@rule("Standard codes are no reason to stop: the agent reconnects")
@pytest.mark.parametrize("code", [1000, 1001, 1002, 1008, 1009, 1011, 1012, 1013])
async def test_standard(command, code):
    async with stage(command) as here:
        _, link = await here.online()
        await link.close(code)
        await (await here.node.online()).alive()


@rule("Other refusals (404, 409, 429, 500, 503) are no reason to stop: the agent tries again")
@pytest.mark.parametrize("status", [404, 409, 429, 500, 503])
async def test_other_refusals(command, status):
    async with stage(command) as here:
        here.node.refusal = (status, {})
        await here.start()
        await here.node.attempted(2)
        here.node.refusal = None
        await (await here.node.online()).alive()


@rule("A connection that breaks without a word is made again, and the agent goes on as before")
async def test_cut(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.acked(await link.mail("before", 1))
        link.cut()
        link = await here.node.online()
        await link.acked(await link.mail("after", 2))
        await agent.settled(link)
        assert [event["data"] for event in agent.all("push")] == [1, 2]


@rule("An agent that is told to stop closes with 1000 and ends without an error")
async def test_stop_by_hand(command):
    async with stage(command) as here:
        agent, link = await here.online()
        offset = await link.mail("last", 1)
        await link.acked(offset)
        await agent.tell(do="stop")
        assert (await link.ended())[0] == 1000
        assert await agent.exited() == 0
        await asyncio.sleep(QUIET)
        assert len(here.node.attempts) == 1
