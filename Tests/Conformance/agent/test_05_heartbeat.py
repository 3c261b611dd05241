"""The agent's side of the heartbeat."""

import asyncio

import pytest
from agents import now, stage

from rules import rule

# What the node's hello tells; interval + timeout without any traffic is a dead link.
INTERVAL, TIMEOUT = 0.6, 0.6
DEAD = INTERVAL + TIMEOUT


@rule("`ping` is answered with `pong`, at once")
async def test_pong(command):
    async with stage(command) as here:
        _, link = await here.online()
        for count in range(1, 4):
            begin = now()
            await link.send(type="ping")
            reading = asyncio.create_task(link.frame(2))
            while len([frame for frame in link.seen if frame["type"] == "pong"]) < count:
                assert now() - begin < 1.5, "no pong"
                await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@rule("`pong` does not wait for the handler of a push")
async def test_pong_beside_handler(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.mail("slow", {"sleep": 3})
        await agent.event("push", id="slow")
        begin = now()
        await link.send(type="ping")
        reading = asyncio.create_task(link.frame(6))
        while not link.seen:
            assert now() - begin < 1.5, "no pong while the handler runs"
            await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@rule("interval + timeout (from hello) without any traffic is a dead link: not earlier, not much later; the agent reconnects")
async def test_dead(command):
    async with stage(command) as here:
        here.node.heartbeat = (INTERVAL, TIMEOUT)
        agent, link = await here.online()
        begin = now()
        await agent.event("disconnected", 10)
        took = now() - begin
        assert DEAD - 0.15 <= took <= DEAD + 1.5, f"{took:.2f} s instead of {DEAD} s"
        await here.node.online()


@rule("Any traffic is life: frames of any type keep the link")
@pytest.mark.parametrize("kind", ["ping", "noise", "push"])
async def test_traffic(command, kind):
    async with stage(command) as here:
        here.node.heartbeat = (INTERVAL, TIMEOUT)
        agent, link = await here.online()
        end = now() + 4 * DEAD
        while now() < end:
            await link.send(type=kind, id=f"p{now()}", channel="client", data=1)
            await asyncio.sleep(DEAD / 3)
        assert not agent.all("disconnected")
        await link.alive()


@rule("What the agent itself sends is no traffic: a link on which only the agent speaks is dead")
async def test_own_traffic(command):
    async with stage(command) as here:
        here.node.heartbeat = (INTERVAL, TIMEOUT)
        agent, link = await here.online()
        begin = now()
        number = 0
        while not agent.all("disconnected"):
            assert now() - begin < DEAD + 1.5, "it goes on speaking to a node that is not there"
            number += 1
            await agent.tell(do="send", id=f"m{number}", data=1)
            await asyncio.sleep(0.1)


@rule("A dead link that never answers a close does not hold the agent: it reconnects")
async def test_half_open(command):
    async with stage(command) as here:
        here.node.heartbeat = (INTERVAL, TIMEOUT)
        agent, link = await here.online()
        # From here on the node's end neither reads nor answers, as if the network were gone.
        link.socket.transport.pause_reading()
        await agent.event("disconnected", 10)
        again = await here.node.online(10)
        await again.send(type="ping")
        link.cut()
