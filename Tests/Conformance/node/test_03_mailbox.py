"""Durable pushes to a client: kept until acked, delivered again after every reconnect, at least once, in order."""

import asyncio

import pytest
from clients import framed, raw
from field import name

from rules import rule


async def read(connection, count: int) -> list[dict]:
    return [await connection.push() for _ in range(count)]


def numbers(pushes: list[dict]) -> list:
    return [push["data"] for push in pushes]


async def settled(field, client: str, count: int) -> None:
    """Waits until so many pushes are in the client's mailbox."""
    async with asyncio.timeout(10):
        while True:
            answer = await field.ask("GET", f"/v1/clients/{client}/mailbox")
            assert answer.status == 200, (answer.status, answer.body[:300])
            if answer.json()["count"] == count:
                return
            await asyncio.sleep(0.03)


@rule("A durable push carries an `offset` and the id that the backend was told; to a connected client it comes at once")
async def test_offset(field):
    client = name("mail")
    async with framed(field.b, client, hello={}) as connection:
        told = await field.durable({"client": client}, {"n": 1})
        push = await connection.push({"n": 1})
        assert (push["id"], push["channel"]) == (told["id"], "client")
        assert isinstance(push["offset"], str) and push["offset"]
        assert "ack" not in push, "the mailbox's acks say it already"


@rule("What was pushed while the client was away is delivered in order at the next connect, before anything newer")
async def test_offline(field):
    client = name("mail")
    for number in range(30):
        told = await field.durable({"client": client}, number)
        assert (told["queued"], told["offline"], told["delivered"]) == (1, 1, 0), told
    async with framed(field.b, client, hello={}) as connection:
        await field.durable({"client": client}, 30)
        pushes = await read(connection, 31)
        assert numbers(pushes) == list(range(31))
        assert len({push["offset"] for push in pushes}) == 31


@rule("A client that kept no state and says no hello gets its mailbox, too")
async def test_without_hello(field):
    client = name("mail")
    await field.durable({"client": client}, 1)
    async with framed(field.b, client) as connection:
        await connection.push(1)


@rule("Unacked pushes come again after every reconnect, to any node, in order, with the same id and offset")
async def test_redelivery(field):
    client = name("mail")
    async with framed(field.a, client, hello={}) as connection:
        for number in range(10):
            await field.durable({"client": client}, number)
        first = await read(connection, 10)
        await connection.vanish()
    for url in (field.b, field.a):
        async with framed(url, client, hello={}) as connection:
            assert await read(connection, 10) == first
            await connection.nothing()


@rule("`ack` is cumulative: all up to and including the offset is received; only newer ones come again")
async def test_cumulative(field):
    client = name("mail")
    async with framed(field.a, client, hello={}) as connection:
        for number in range(10):
            await field.durable({"client": client}, number)
        pushes = await read(connection, 10)
        await connection.ack(pushes[6])
        await connection.alive()
        await settled(field, client, 3)
    async with framed(field.b, client, hello={}) as connection:
        assert numbers(await read(connection, 3)) == [7, 8, 9]
        await connection.nothing()


@rule("An ack that is repeated, or older than one before, takes nothing back")
async def test_old_acks(field):
    client = name("mail")
    async with framed(field.b, client, hello={}) as connection:
        for number in range(5):
            await field.durable({"client": client}, number)
        pushes = await read(connection, 5)
        for index in (3, 3, 0, 2):
            await connection.ack(pushes[index])
        await connection.alive()
        await settled(field, client, 1)
    async with framed(field.a, client, hello={}) as connection:
        await connection.push(4)
        await connection.nothing()


@rule("An ack of everything empties the mailbox: nothing comes again")
async def test_all_acked(field):
    client = name("mail")
    async with framed(field.b, client, hello={}) as connection:
        for number in range(5):
            await field.durable({"client": client}, number)
        await connection.ack((await read(connection, 5))[-1])
        await settled(field, client, 0)
    async with framed(field.a, client, hello={}) as connection:
        await connection.nothing()


@rule("An ack of an offset that cannot be is refused by an `error`, and acks nothing")
@pytest.mark.parametrize("offset", ["", "nonsense", "1-2-3", "-1", "9" * 60])
async def test_invalid_ack(field, offset):
    client = name("mail")
    async with framed(field.b, client, hello={}) as connection:
        await field.durable({"client": client}, 1)
        await connection.push(1)
        await connection.send(type="ack", offset=offset)
        await connection.error("invalid_frame")
        await connection.alive()
        await settled(field, client, 1)


@rule("A client that never acks is not blocked from newer pushes")
async def test_never_acks(field):
    client = name("mail")
    async with framed(field.b, client, hello={}) as connection:
        for number in range(80):
            await field.durable({"client": client}, number)
            assert (await connection.push())["data"] == number
        assert (await field.push({"client": client}, "transient"))["delivered"] == 1
        await connection.push("transient")


@rule("A push that was cancelled by its id is not delivered any more")
async def test_cancelled(field):
    client = name("mail")
    told = [await field.durable({"client": client}, number) for number in range(3)]
    answer = await field.ask("DELETE", f"/v1/clients/{client}/mailbox/{told[1]['id']}")
    assert answer.status == 204
    assert (await field.ask("DELETE", f"/v1/clients/{client}/mailbox/{told[1]['id']}")).status == 404
    async with framed(field.b, client, hello={}) as connection:
        assert numbers(await read(connection, 2)) == [0, 2]
        await connection.nothing()


@rule("A push whose time to live is over is not delivered any more")
async def test_expired(field):
    client = name("mail")
    await field.durable({"client": client}, "short", ttl=1)
    await field.durable({"client": client}, "long", ttl=60)
    await asyncio.sleep(1.5)
    async with framed(field.b, client, hello={}) as connection:
        await connection.push("long")
        await connection.nothing()


@rule("A newer push with the same `collapse` key replaces an undelivered older one")
async def test_collapse(field):
    client = name("mail")
    for number in range(4):
        await field.durable({"client": client}, number, collapse="prices")
    await field.durable({"client": client}, "other")
    async with framed(field.b, client, hello={}) as connection:
        assert numbers(await read(connection, 2)) == [3, "other"]
        await connection.nothing()


@rule("A push that waits for its ack is answered with acked: 1 once its offset, or a later one, was acked")
async def test_waited(field):
    client = name("mail")
    async with framed(field.b, client, hello={}) as connection:
        asked = asyncio.create_task(field.push({"client": client}, 1, durable=True, wait=10))
        push = await connection.push(1)
        assert "offset" in push and "ack" not in push
        await asyncio.sleep(0.2)
        assert not asked.done(), "it must not be answered before the ack"
        await field.durable({"client": client}, 2)
        await connection.ack(await connection.push(2))
        assert (await asked)["acked"] == 1


@rule("A raw client gets its durable pushes, too: written is received, so they do not come again")
async def test_raw_mailbox(field):
    client = name("mail")
    for number in range(3):
        await field.durable({"client": client}, number)
    async with raw(field.b, client) as connection:
        assert [await connection.message() for _ in range(3)] == ["0", "1", "2"]
        await settled(field, client, 0)
    async with raw(field.a, client) as connection:
        with pytest.raises(TimeoutError):
            await connection.message(0.4)


@rule("Connections that come and go while pushes are accepted: every push arrives, in order on each connection")
async def test_coming_and_going(field):
    client, count = name("mail"), 120
    acked: list[int] = []

    async def publish():
        for number in range(count):
            await field.durable({"client": client}, number)

    async def receive():
        connects = 0
        while not acked or acked[-1] != count - 1:
            connects += 1
            async with framed((field.a, field.b)[connects % 2], client, hello={}) as connection:
                expected = None
                for turn in range(25):
                    push = await connection.push()
                    number = push["data"]
                    assert expected is None and number <= len(acked) or number == expected, (
                        f"{number} after {expected}, acked up to {acked[-1:]}")
                    expected = number + 1
                    if turn % 5 == 4 or number == count - 1:
                        await connection.ack(push)
                        acked.extend(range(len(acked), number + 1))
                    if number == count - 1:
                        await connection.alive()
                        break
                # Some of what came is not acked: it has to come again.
                await (connection.vanish() if connects % 2 else connection.leave())
            # Fifteen connects within a minute would cool the client down.
            assert connects < 14

    await asyncio.gather(publish(), receive())
    assert acked == list(range(count))
    await settled(field, client, 0)
