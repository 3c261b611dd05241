"""What the agent sends by itself."""

import asyncio

from agents import stage

from rules import rule


@rule("A message has an id; it counts as sent when the node has acked it, not before")
async def test_message(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await agent.tell(do="send", id="m1", data={"sold": ["espresso", 1]})
        frame = await link.frame()
        assert frame == {"type": "message", "id": "m1", "data": {"sold": ["espresso", 1]}}
        await asyncio.sleep(0.3)
        assert not agent.all("sent")
        await link.send(type="ack", ref="m1")
        await agent.event("sent", id="m1")


@rule("A message that was not acked is sent again after a reconnect, with the same id; one that was acked is not")
async def test_message_resent(command):
    async with stage(command) as here:
        agent, link = await here.online()
        for number in range(3):
            await agent.tell(do="send", id=f"m{number}", data=number)
            assert (await link.next("message"))["id"] == f"m{number}"
        await link.send(type="ack", ref="m1")
        await agent.event("sent", id="m1")
        link = await link.away()
        for number in (0, 2):
            assert await link.frame() == {"type": "message", "id": f"m{number}", "data": number}
            await link.send(type="ack", ref=f"m{number}")
        await agent.event("sent", id="m2")
        await link.nothing()


@rule("A message that is given while there is no link waits for the next one; messages keep their order")
async def test_message_waits(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.close(4200, "after=0.5")
        for number in range(3):
            await agent.tell(do="send", id=f"m{number}", data=number)
        link = await here.node.online()
        for number in range(3):
            assert (await link.next("message"))["id"] == f"m{number}"
            await link.send(type="ack", ref=f"m{number}")
        await agent.event("sent", id="m2")


@rule("An `error` whose `ref` is the message's id refuses it: the program is told, and it is not sent again")
async def test_message_refused(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await agent.tell(do="send", id="m1", data=1)
        await link.next("message")
        await link.send(type="error", code="bus_unavailable", message="try later", ref="m1")
        await agent.event("rejected", id="m1")
        link = await link.away()
        await link.nothing()


@rule("A group that was joined is joined again at every reconnect, one that was left is not")
async def test_groups(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await agent.tell(do="join", group="more")
        assert await link.frame() == {"type": "join", "group": "more"}
        await agent.tell(do="leave", group=here.group)
        assert await link.frame() == {"type": "leave", "group": here.group}
        link = await link.away()
        groups = set(link.attempt.query.get("group", []))
        if groups != {"more"}:
            assert await link.frame() == {"type": "join", "group": "more"}
        assert here.group not in groups
        assert f"group:{here.group}" not in link.hello["resume"]
