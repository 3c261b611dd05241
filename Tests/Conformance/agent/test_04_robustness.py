"""What an agent has to put up with."""

import asyncio
import json

import pytest
import websockets
from agents import stage

from rules import rule


@rule("Frames of unknown types are ignored")
async def test_unknown_types(command):
    async with stage(command) as here:
        _, link = await here.online()
        for kind in ("surprise", "", "hello2", "batch"):
            await link.send(type=kind, id="x", data=1)
        await link.alive()


@rule("Members that are not known are ignored")
async def test_unknown_members(command):
    async with stage(command) as here:
        agent, link = await here.online(future={"a": 1})
        await link.send(type="push", id="p", channel="client", data=1, priority=[3], compressed=None)
        await link.send(type="ping", sent="now")
        await agent.event("handled", id="p")
        await link.send(type="command", id="c", name="echo", timeout=30, data=1, trace="x")
        assert (await link.result("c"))["data"] == 1


@rule("An `error` frame of the node is no reason to leave")
async def test_error_frame(command):
    async with stage(command) as here:
        _, link = await here.online()
        await link.send(type="error", code="something", message="went wrong")
        await link.send(type="error", code="something", message="went wrong", ref="nobody")
        await link.alive()


@rule("An ack that refers to nothing is passed over")
async def test_unknown_ack(command):
    async with stage(command) as here:
        _, link = await here.online()
        await link.send(type="ack", ref="nobody")
        await link.alive()


@rule("A WebSocket ping is answered with a pong of the same payload (RFC 6455 section 5.5.3)")
async def test_websocket_ping(command):
    async with stage(command) as here:
        _, link = await here.online()
        reading = asyncio.create_task(link.frame())
        async with asyncio.timeout(5):
            await (await link.socket.ping(b"are you there"))
        reading.cancel()


@rule("A push in fragments is one push (RFC 6455 section 5.4)")
async def test_fragments(command):
    async with stage(command) as here:
        agent, link = await here.online()
        text = json.dumps({"type": "push", "id": "p", "channel": "client", "data": "é" * 50}, ensure_ascii=False)
        await link.socket.send([text[start : start + 17] for start in range(0, len(text), 17)])
        assert (await agent.event("push", id="p"))["data"] == "é" * 50


@rule("A push of 200 KB is taken")
async def test_large(command):
    async with stage(command) as here:
        agent, link = await here.online()
        offset = await link.mail("large", "x" * 200_000)
        await link.acked(offset)
        await agent.settled(link)
        assert agent.all("push", id="large")[0]["data"] == "x" * 200_000


@rule("A node that talks nonsense does not end the agent: it is ignored, or the agent leaves and comes back")
@pytest.mark.parametrize("text", ["{", "[]", "nonsense", '{"type":5}', b"\x00\x01"])
async def test_nonsense(command, text):
    async with stage(command) as here:
        _, link = await here.online()
        await link.socket.send(text)
        again = asyncio.create_task(here.node.online())
        try:
            await link.alive()
        except websockets.ConnectionClosed:
            # It may have run the command that asked whether it lives, and owe its result.
            await (await again).until_alive()
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)


@rule("A known frame that lacks what it must have harms nothing that follows, at the latest after a reconnect")
async def test_incomplete(command):
    async with stage(command) as here:
        agent, link = await here.online()
        incomplete = ({"type": "push", "data": 1}, {"type": "command", "name": "echo"}, {"type": "cancel"},
                      {"type": "ack"}, {"type": "error"})
        try:
            for frame in incomplete:
                await link.send(**frame)
            await link.acked(await link.mail("after", 1))
        except websockets.ConnectionClosed:
            link = await here.node.online()
            await link.acked(await link.mail("after", 1))
        await agent.settled(link)
        assert len(agent.all("push", id="after")) == 1


@rule("No hello of the node within 15 s: the agent leaves and tries again")
async def test_no_hello(command):
    async with stage(command) as here:
        await here.start()
        link = await here.node.link()
        await link.ended(20)
        await here.node.online(10)
