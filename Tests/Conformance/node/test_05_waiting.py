"""Pushes for which a backend waits (`Prefer: wait`)."""

import asyncio

from clients import framed, raw
from field import name

from rules import rule


@rule("A waited push without a mailbox offset says `ack: true`; the answer comes when every client has acked its id")
async def test_by_id(field):
    group = name("g")
    async with (framed(field.a, name("one"), f"group={group}") as one,
                framed(field.b, name("two"), f"group={group}") as two):
        asked = asyncio.create_task(field.push({"group": group}, 1, wait=10))
        first, second = await one.push(1), await two.push(1)
        assert first["ack"] is True and second["ack"] is True and "offset" not in first
        await one.send(type="ack", id=first["id"])
        await one.alive()
        await asyncio.sleep(0.2)
        assert not asked.done(), "one of two has acked"
        await two.send(type="ack", id=second["id"])
        told = await asked
        assert (told["matched"], told["delivered"], told["acked"], told["id"]) == (2, 2, 2, first["id"])


@rule("Pushes for which nobody waits do not ask for an ack")
async def test_not_waited(field):
    group = name("g")
    async with framed(field.b, name("one"), f"group={group}") as connection:
        await field.push({"group": group}, 1)
        assert "ack" not in await connection.push(1)
        await field.durable({"group": group}, 2)
        assert "ack" not in await connection.push(2)


@rule("A waited durable push to a group has an offset of the history and `ack: true`, and is acked by id")
async def test_durable_group(field):
    group = name("g")
    async with framed(field.b, name("one"), f"group={group}") as connection:
        asked = asyncio.create_task(field.push({"group": group}, 1, durable=True, wait=10))
        push = await connection.push(1)
        assert push["offset"] and push["ack"] is True
        await connection.send(type="ack", id=push["id"])
        assert (await asked)["acked"] == 1


@rule("When the time is up the answer says how many have acked; a late or repeated ack by id harms nothing")
async def test_time_is_up(field):
    group = name("g")
    async with (framed(field.a, name("one"), f"group={group}") as one,
                framed(field.b, name("two"), f"group={group}") as two):
        answer = asyncio.create_task(field.ask(
            "POST", "/v1/push", {"to": {"group": group}, "data": 1}, {"Prefer": "wait=1"}))
        first, second = await one.push(1), await two.push(1)
        for _ in range(2):
            await one.send(type="ack", id=first["id"])
        told = await answer
        assert told.status in (200, 202)
        assert (told.json()["matched"], told.json()["acked"]) == (2, 1)
        await two.send(type="ack", id=second["id"])
        for connection in (one, two):
            await connection.alive()


@rule("An ack of an id that nobody waits for is passed over")
async def test_unknown_id(field):
    async with framed(field.b, name("one")) as connection:
        await connection.send(type="ack", id="nobody-waits")
        await connection.alive()


@rule("An ack counts for the push that it names, not for another one that is waited for, too")
async def test_the_right_one(field):
    client = name("one")
    async with framed(field.b, client) as connection:
        asked = []
        for number in range(2):
            asked.append(asyncio.create_task(field.push({"client": client}, number, wait=10)))
            await asyncio.sleep(0.2)
        pushes = [await connection.push(number) for number in range(2)]
        assert all(push["ack"] is True for push in pushes)
        await connection.send(type="ack", id=pushes[1]["id"])
        assert (await asked[1])["acked"] == 1
        assert not asked[0].done()
        await connection.send(type="ack", id=pushes[0]["id"])
        assert (await asked[0])["acked"] == 1


@rule("A raw client counts as acked when the push was written to it")
async def test_raw(field):
    client = name("raw")
    async with raw(field.b, client) as connection:
        told = await field.push({"client": client}, 1, wait=10)
        assert (told["delivered"], told["acked"]) == (1, 1)
        assert await connection.message() == "1"


@rule("A client that is gone before it acked is not counted as acked")
async def test_gone(field):
    client = name("gone")
    async with framed(field.b, client) as connection:
        asked = asyncio.create_task(field.ask(
            "POST", "/v1/push", {"to": {"client": client}, "data": 1}, {"Prefer": "wait=2"}))
        await connection.push(1)
        await connection.leave()
        told = await asked
        assert told.status in (200, 202) and told.json()["acked"] == 0
