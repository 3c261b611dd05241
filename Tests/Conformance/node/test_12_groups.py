"""Groups by the clients' own doing: publishing, histories on joining, who is there, and what a slow reader misses."""

import asyncio
import contextlib

import pytest
from clients import FRAMED, Client, framed, upgrade
from field import name

from rules import rule

CHAT = ("--publish-groups", "chat:*")


@contextlib.asynccontextmanager
async def pair(own, group: str, **join):
    """Two clients of a group, of two nodes where there are two."""
    async with framed(own.a, name("anna")) as anna, framed(own.b, name("ben")) as ben:
        for client in (anna, ben):
            await client.send(type="join", group=group, **join)
            await client.alive()
        yield anna, ben


@rule("`publish` pushes to the group and is acked with its id; members get it with `from`, the sender's clientId")
async def test_publish(field):
    async with field.with_flags(*CHAT) as own:
        async with pair(own, "chat:1") as (anna, ben):
            await anna.send(type="publish", id="m1", group="chat:1", data={"text": "hello"}, **{"from": "somebody"})
            frames = [await anna.frame(), await anna.frame()]
            assert {"type": "ack", "ref": "m1"} in frames
            pushes = [frame for frame in frames if frame["type"] == "push"] + [await ben.push()]
            for push in pushes:
                assert push["from"] == anna.hello["clientId"]
                assert push["channel"] == "group:chat:1" and push["data"] == {"text": "hello"}
                assert "offset" not in push and "ack" not in push
            assert pushes[0]["id"] == pushes[1]["id"]


@rule("A push of a backend has no `from`, whatever the request says")
async def test_no_sender(field):
    group = name("g")
    async with framed(field.b, name("c"), f"group={group}") as client:
        await field.push({"group": group}, {"from": "anna"})
        assert "from" not in await client.push()


@rule("The same `publish` sent again, with the same id by the same client, has the same push id; from another client it has not")
async def test_repeated(field):
    async with field.with_flags(*CHAT) as own:
        async with framed(own.b, name("c"), "group=chat:1") as listener, framed(own.a, name("anna")) as anna:
            for _ in range(2):
                await anna.send(type="publish", id="m1", group="chat:1", data=1)
                assert await anna.frame() == {"type": "ack", "ref": "m1"}
            first, second = await listener.push(), await listener.push()
            assert first["id"] == second["id"]
            async with framed(own.a, name("ben")) as ben:
                await ben.send(type="publish", id="m1", group="chat:1", data=1)
                assert (await listener.push())["id"] != first["id"]


@rule("Who may not publish to a group gets `publish_forbidden` with the id as `ref`, and lives on; nobody gets it")
async def test_forbidden(field):
    async with field.with_flags(*CHAT) as own:
        async with framed(own.a, name("anna"), "group=shop") as anna:
            await anna.send(type="publish", id="m1", group="shop", data=1)
            assert (await anna.error("publish_forbidden"))["ref"] == "m1"
            await anna.alive()


@rule("Without permission from the operator or a token nobody may publish")
async def test_default(field):
    async with framed(field.a, name("anna")) as anna:
        await anna.send(type="publish", id="m1", group="chat:1", data=1)
        assert (await anna.error("publish_forbidden"))["ref"] == "m1"


@rule("A `publish` without group or payload, or with a member of the wrong kind, is an `invalid_frame`")
@pytest.mark.parametrize("frame", [{"data": 1}, {"group": "chat:1"}, {"group": "a b", "data": 1},
                                   {"group": "chat:1", "data": 1, "durable": "yes"}, {"group": "chat:1", "base64": "?"}])
async def test_malformed_publish(field, frame):
    async with framed(field.a, name("anna")) as anna:
        await anna.send(type="publish", id="m1", **frame)
        await anna.error("invalid_frame")
        await anna.alive()


@rule("More publishing than the message rate allows closes 4102")
async def test_rate(field):
    async with field.with_flags(*CHAT, "--message-rate", "5", "--message-burst", "10") as own:
        async with framed(own.a, "fast") as client:
            for _ in range(20):
                await client.send(type="publish", group="chat:1", data=1)
            await client.closed(4102)


@rule("`join` with `history` N brings the newest N durable pushes, oldest first, with offsets, before any newer one")
async def test_history(field):
    group = name("g")
    for number in range(5):
        await field.durable({"group": group}, number)
    async with framed(field.b, name("late")) as client:
        await client.send(type="join", group=group, history=3)
        pushes = [await client.push(number) for number in (2, 3, 4)]
        assert all(push["offset"] and push["channel"] == f"group:{group}" for push in pushes)
        await field.durable({"group": group}, "newer")
        await client.push("newer")
        await client.nothing()


@rule("What is pushed while a client joins with a history comes once, behind the history, in order")
async def test_history_seam(field):
    group = name("g")

    async def publish():
        for number in range(60):
            await field.durable({"group": group}, number)
            begun.set()

    async with framed(field.b, name("late")) as client:
        begun = asyncio.Event()
        publishing = asyncio.create_task(publish())
        await begun.wait()
        await client.send(type="join", group=group, history=300)
        got = [(await client.push())["data"] for _ in range(60)]
        await publishing
        assert got == list(range(60))
        await client.nothing()


@rule("A `durable` publish is kept in the group's history, with who it is from")
async def test_durable_publish(field):
    async with field.with_flags(*CHAT) as own:
        async with framed(own.a, "anna") as anna:
            await anna.send(type="publish", id="m1", group="chat:1", data=1, durable=True)
            assert await anna.frame() == {"type": "ack", "ref": "m1"}
        async with framed(own.b, name("late")) as client:
            await client.send(type="join", group="chat:1", history=10)
            push = await client.push(1)
            assert push["from"] == "anna" and push["offset"]


@rule("A `history` that is not 1 to 300, or a `watch` that is no boolean, is an `invalid_frame`")
@pytest.mark.parametrize("join", [{"history": 0}, {"history": 301}, {"history": "all"}, {"watch": 1}])
async def test_malformed_join(field, join):
    async with framed(field.a, name("c")) as client:
        await client.send(type="join", group=name("g"), **join)
        await client.error("invalid_frame")
        await client.alive()


@rule("`join` with `watch` is answered with `members` of the whole cluster; then `presence` tells who comes and leaves")
async def test_members(field):
    group = name("g")
    ben = name("ben")
    async with framed(field.b, ben, f"group={group}&label.role=till"):
        async with framed(field.a, name("anna")) as anna:
            await anna.send(type="join", group=group, watch=True)
            members = await anna.next("members")
            assert members["group"] == group and members["complete"] is True
            assert {member["clientId"]: member["labels"] for member in members["clients"]} == {
                ben: {"role": "till"}, anna.hello["clientId"]: {}}
            carl = name("carl")
            async with framed(field.b, carl, f"group={group}"):
                presence = await anna.next("presence")
                assert presence == {"type": "presence", "group": group,
                                    "joined": [{"clientId": carl, "labels": {}}], "left": []}
            assert await anna.next("presence") == {"type": "presence", "group": group, "joined": [], "left": [carl]}


@rule("A client whose connection breaks off is told as having left; who does not watch is told nothing")
async def test_lost_member(field):
    group = name("g")
    async with framed(field.a, name("anna")) as anna, framed(field.a, name("quiet"), f"group={group}") as quiet:
        await anna.send(type="join", group=group, watch=True)
        await anna.next("members")
        async with framed(field.b, name("ben"), f"group={group}") as ben:
            assert len((await anna.next("presence"))["joined"]) == 1
            await ben.vanish()
            assert (await anna.next("presence"))["left"] == [ben.hello["clientId"]]
        await quiet.nothing()


@rule("A client with `slow` `skip` that reads too slowly is not closed: it gets `missed` with how many pushes were left out")
async def test_missed(field):
    async with field.with_flags("--outbound-limit", "256KB", "--message-rate", "0") as own:
        group, sent = "wall", 300
        async with framed(own.b, "wall", f"group={group}", {"slow": "skip"}, max_queue=1) as slow:
            for number in range(sent):
                await own.push({"group": group}, [number, "x" * 100_000])
            await own.push({"group": group}, "last")
            numbers, missed = [], 0
            while True:
                frame = await slow.frame()
                if frame["type"] == "missed":
                    assert frame["channel"] == f"group:{group}" and frame["count"] > 0
                    missed += frame["count"]
                elif frame["data"] == "last":
                    numbers.append("last")
                    break
                else:
                    numbers.append(frame["data"][0])
                if missed and len(numbers) + missed == sent + 1:
                    break
            assert missed > 0
            got = [number for number in numbers if number != "last"]
            assert got == sorted(got)
            assert len(numbers) + missed == sent + 1
            await slow.alive()


@rule("A `slow` that is not known in the first frame closes 4006")
async def test_unknown_policy(field):
    socket = await upgrade(field.a, f"clientId={name('c')}&hello=1", protocols=[FRAMED])
    client = Client(socket)
    await client.send(type="hello", slow="faster")
    await client.closed(4006)
