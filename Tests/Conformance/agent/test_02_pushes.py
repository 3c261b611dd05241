"""Pushes: order, acknowledgements, repetitions."""

import asyncio

import pytest
from agents import now, stage

from rules import rule


@rule("Pushes are handled one after the other in the order of arrival, whatever channel they came by")
async def test_order(command):
    async with stage(command) as here:
        agent, link = await here.online()
        for number in range(30):
            data = {"n": number, "sleep": 0.05 if number % 7 == 0 else 0}
            channel = ("client", here.channel, "all")[number % 3]
            await link.send(type="push", id=f"p{number}", channel=channel, data=data)
        await agent.event("handled", id="p29")
        await agent.settled(link)
        order = [(event["event"], event["id"]) for event in agent.events if event["event"] in ("push", "handled")]
        assert order == [pair for n in range(30) for pair in (("push", f"p{n}"), ("handled", f"p{n}"))]
        assert [event["channel"] for event in agent.all("push")[:3]] == ["client", here.channel, "all"]


@rule("JSON of any kind and base64 reach the program as they are")
async def test_payloads(command):
    async with stage(command) as here:
        agent, link = await here.online()
        values = [None, True, 0, -1.5, "", "é \"\n", [], {}, {"a": [1, {"b": None}]}]
        for number, value in enumerate(values):
            await link.send(type="push", id=f"p{number}", channel="client", data=value)
        await link.send(type="push", id="bytes", channel="client", base64="AAEC/w==")
        event = await agent.event("push", id="bytes")
        assert event["base64"] == "AAEC/w==" and "data" not in event
        await agent.settled(link)
        assert [event["data"] for event in agent.all("push")[:-1]] == values


@rule("A push of the mailbox is acked by its offset, only after the handler has returned")
async def test_ack_after_handling(command):
    async with stage(command) as here:
        agent, link = await here.online()
        begin = now()
        offset = await link.mail("slow", {"sleep": 0.8})
        assert await link.acked(offset) == [offset]
        assert now() - begin >= 0.75
        await agent.event("handled", id="slow")


@rule("Acks are cumulative and rise: never beyond what was handled, and soon at the newest")
async def test_cumulative(command):
    async with stage(command) as here:
        agent, link = await here.online()
        offsets = [await link.mail(f"p{n}", {"n": n, "sleep": 0.02}) for n in range(40)]
        slow = await link.mail("slow", {"sleep": 1.5})
        offsets.append(await link.mail("behind", 1))
        acks = await link.acked(offsets[39])
        assert [offsets.index(offset) for offset in acks] == sorted(offsets.index(offset) for offset in set(acks))
        assert not agent.all("handled", id="slow")
        await link.nothing(0.4)
        rest = await link.acked(offsets[-1])
        assert rest in ([offsets[-1]], [slow, offsets[-1]])


@rule("A push with `ack: true` is acked by its id after the handler has returned, with or without an offset of a history")
@pytest.mark.parametrize("members", [{}, {"offset": "E:1-0"}], ids=["transient", "durable"])
async def test_ack_by_id(command, members):
    async with stage(command) as here:
        _, link = await here.online()
        begin = now()
        await link.send(
            type="push", id="waited", channel=here.channel, ack=True, data={"sleep": 0.6}, **members)
        assert await link.frame() == {"type": "ack", "id": "waited"}
        assert now() - begin >= 0.55


@rule("Transient pushes and those of a history are not acked unless they ask for it")
async def test_not_acked(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.send(type="push", id="t", channel="client", data=1)
        await link.send(type="push", id="h", channel=here.channel, offset="E:1-0", data=1)
        await link.send(type="push", id="f", channel="all", data=1, ack=False)
        await agent.event("handled", id="f")
        await link.nothing()


@rule("A push of the mailbox that comes again is not handled again, but acked; on the same connection and on the next")
async def test_repeated(command):
    async with stage(command) as here:
        agent, link = await here.online()
        first = [await link.mail(f"p{n}", n) for n in range(3)]
        await link.acked(first[-1])
        await link.mail("p2", 2, first[-1])
        await link.acked(first[-1])
        link = await link.away()
        for number, offset in enumerate(first):
            await link.mail(f"p{number}", number, offset)
        newer = await link.mail("p3", 3)
        await link.acked(newer)
        await agent.settled(link)
        assert [event["data"] for event in agent.all("push")] == [0, 1, 2, 3]


@rule("A repeated push with nothing newer behind it is acked, too: or it would come again for ever")
async def test_only_repeated(command):
    async with stage(command) as here:
        agent, link = await here.online()
        offset = await link.mail("p", 1)
        await link.acked(offset)
        link = await link.away()
        await link.mail("p", 1, offset)
        await link.acked(offset)
        await agent.settled(link)
        assert len(agent.all("push")) == 1


@rule("A repeated push with `ack: true` is not handled again, but acked by its id")
async def test_repeated_waited(command):
    async with stage(command) as here:
        agent, link = await here.online()
        for _ in range(2):
            await link.send(type="push", id="waited", channel=here.channel, ack=True, data=1)
            assert await link.frame() == {"type": "ack", "id": "waited"}
        link = await link.away()
        await link.send(type="push", id="waited", channel=here.channel, ack=True, data=1)
        assert await link.frame() == {"type": "ack", "id": "waited"}
        await agent.settled(link)
        assert len(agent.all("push")) == 1


@rule("At least the last 1000 push ids are remembered")
async def test_thousand(command):
    async with stage(command) as here:
        agent, link = await here.online()
        first = await link.mail("p0", 0)
        for number in range(1, 1000):
            last = await link.mail(f"p{number}", number)
        await link.acked(last)
        link = await link.away()
        await link.mail("p0", 0, first)
        await link.mail("p500", 500, f"{first}1")
        await link.acked(await link.mail("end", "end"))
        await agent.settled(link)
        assert len(agent.all("push")) == 1001


@rule("A link that breaks while the handler runs: the push comes again, is handled once in effect, and acked on the new link")
async def test_broken_while_handling(command):
    async with stage(command) as here:
        agent, link = await here.online()
        offset = await link.mail("slow", {"sleep": 1.5})
        await agent.event("push", id="slow")
        link = await link.away()
        await link.mail("slow", {"sleep": 1.5}, offset)
        newer = await link.mail("next", 1)
        await link.acked(newer)
        await agent.settled(link)
        assert [event["id"] for event in agent.all("push")] == ["slow", "next"]


@rule("An ack that a link took with it is made good: at the latest with the next push, nothing older is acked alone")
async def test_acks_never_fall(command):
    async with stage(command) as here:
        agent, link = await here.online()
        offsets = [await link.mail(f"p{n}", n) for n in range(5)]
        await agent.event("handled", id="p4")
        await asyncio.sleep(0.2)
        link = await link.away()
        for number, offset in enumerate(offsets):
            await link.mail(f"p{number}", number, offset)
        acks = await link.acked(offsets[-1])
        assert acks == sorted(acks, key=offsets.index)
        await agent.settled(link)
        assert len(agent.all("push")) == 5
