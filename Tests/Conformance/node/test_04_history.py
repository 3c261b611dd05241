"""Durable pushes to a group or to all: `resume` by offset, at most 300 missed, never a silent hole."""

import asyncio
import re
import subprocess

import pytest
from clients import framed
from field import name

from rules import rule

NOTHING_YET = ""


async def standing(field, client: str, group: str) -> str:
    """Where the group's history stands."""
    async with framed(field.a, client, f"group={group}", {"resume": {f"group:{group}": NOTHING_YET}}) as connection:
        return connection.hello["channels"][f"group:{group}"]["offset"]


async def publish(field, group: str, items) -> None:
    for item in items:
        await field.durable({"group": group}, item)


@rule("A durable push to a group carries the group's channel and an offset; every member gets the same bytes")
async def test_offset(field):
    group = name("g")
    async with (framed(field.a, name("one"), f"group={group}") as one,
                framed(field.b, name("two"), f"group={group}") as two):
        told = await field.durable({"group": group}, {"n": 1})
        first, second = await one.message(), await two.message()
        assert first == second
        assert re.search(r'"offset":"[^"]+"', first) and f'"group:{group}"' in first and told["id"] in first


@rule("`resume` with an empty offset asks where the history stands: recovered, and nothing comes again")
async def test_where_it_stands(field):
    client, group = name("h"), name("g")
    channel = f"group:{group}"
    assert await standing(field, client, group), "an offset also when nothing is in it yet"
    await publish(field, group, range(3))
    async with framed(field.b, client, f"group={group}", {"resume": {channel: NOTHING_YET}}) as connection:
        state = connection.hello["channels"]
        assert set(state) == {channel} and state[channel]["recovered"] is True and state[channel]["offset"]
        await connection.nothing()


@rule("A client that names its last offset gets all that it missed, in order, right after hello; hello names the newest")
@pytest.mark.parametrize("before", [0, 3])
async def test_resume(field, before):
    client, group = name("h"), name("g")
    channel = f"group:{group}"
    offset = await standing(field, client, group)
    async with framed(field.a, client, f"group={group}") as connection:
        for number in range(before):
            await field.durable({"group": group}, ["before", number])
            offset = (await connection.push())["offset"]
    await publish(field, group, range(25))
    async with framed(field.b, client, f"group={group}", {"resume": {channel: offset}}) as connection:
        assert connection.hello["recovered"] is True
        pushes = [await connection.push(number) for number in range(25)]
        assert {push["channel"] for push in pushes} == {channel}
        assert connection.hello["channels"] == {channel: {"recovered": True, "offset": pushes[-1]["offset"]}}
        await field.durable({"group": group}, "newer")
        await connection.push("newer")
        await connection.nothing()


@rule("Nothing missed: recovered, nothing comes again, and the offset named is the newest")
async def test_nothing_missed(field):
    client, group = name("h"), name("g")
    channel = f"group:{group}"
    async with framed(field.b, client, f"group={group}") as connection:
        await field.durable({"group": group}, 1)
        offset = (await connection.push(1))["offset"]
    async with framed(field.a, client, f"group={group}", {"resume": {channel: offset}}) as connection:
        assert connection.hello["channels"] == {channel: {"recovered": True, "offset": offset}}
        await connection.nothing()


@rule("Without `resume` nothing of the history comes, and hello has no channels")
async def test_no_resume(field):
    client, group = name("h"), name("g")
    await publish(field, group, range(3))
    async with framed(field.b, client, f"group={group}", {}) as connection:
        assert "channels" not in connection.hello and connection.hello["recovered"] is False
        await connection.nothing()


@rule("300 missed pushes come; of more than 300 none comes and the channel says `recovered: false` with the newest offset")
@pytest.mark.parametrize("count", [300, 301])
async def test_limit(field, count):
    client, group = name("h"), name("g")
    channel = f"group:{group}"
    offset = await standing(field, client, group)
    for start in range(0, count, 50):
        await asyncio.gather(*(
            field.durable({"group": group}, number) for number in range(start, min(start + 50, count))))
    async with framed(field.b, client, f"group={group}", {"resume": {channel: offset}}) as connection:
        state = connection.hello["channels"][channel]
        assert state["recovered"] is (count <= 300) and connection.hello["recovered"] is (count <= 300)
        if count <= 300:
            pushes = [await connection.push() for _ in range(count)]
            assert sorted(push["data"] for push in pushes) == list(range(count))
            assert pushes[-1]["offset"] == state["offset"]
        newest = state["offset"]
        await field.durable({"group": group}, "newer")
        await connection.push("newer")
    # The offset that hello named is good for the next time.
    async with framed(field.a, client, f"group={group}", {"resume": {channel: newest}}) as connection:
        assert connection.hello["channels"][channel]["recovered"] is True
        await connection.push("newer")


@rule("An offset of a history that was lost (another epoch) is not recovered, even if it looks newer or older")
async def test_lost_history(field):
    client, group = name("h"), name("g")
    channel = f"group:{group}"
    async with framed(field.b, client, f"group={group}") as connection:
        await publish(field, group, range(3))
        offset = [await connection.push() for _ in range(3)][-1]["offset"]

    async def check(url):
        async with framed(url, client, f"group={group}", {"resume": {channel: offset}}) as connection:
            state = connection.hello["channels"][channel]
            assert (state["recovered"], connection.hello["recovered"]) == (False, False)
            assert state["offset"] and state["offset"] != offset
            await connection.nothing()

    if field.redis:
        lost = _forget(field, group)
        assert lost > 0, "there was a history to lose"
        await check(field.a)
        await publish(field, group, range(3, 9))
        await check(field.b)
    else:
        async with field.with_flags() as other:
            await check(other.a)
            await publish(other, group, range(3, 9))
            await check(other.a)


def _forget(field, group: str) -> int:
    """Deletes what Redis holds of the group's history; returns how many keys that were."""
    port = field.redis.url.rsplit(":", 1)[1]
    keys = subprocess.run(
        ["redis-cli", "-p", port, "--raw", "KEYS", f"{field.prefix}:history*{group}*"],
        capture_output=True, text=True, check=True).stdout.split()
    if keys:
        subprocess.run(["redis-cli", "-p", port, "DEL", *keys], capture_output=True, check=True)
    return len(keys)


@rule("An offset that is none is not recovered; it closes or harms nothing")
@pytest.mark.parametrize("offset", ["nonsense", "E:", ":1-0", "E:1-0", "1-0", "x" * 200])
async def test_invalid_offset(field, offset):
    group = name("g")
    await publish(field, group, [1])
    async with framed(field.b, name("h"), f"group={group}", {"resume": {f"group:{group}": offset}}) as connection:
        assert connection.hello["channels"][f"group:{group}"]["recovered"] is False
        await field.durable({"group": group}, 2)
        await connection.push(2)


@rule("`resume` speaks of each channel on its own; top level `recovered` only when every named one was")
async def test_several_channels(field):
    client, good, bad = name("h"), name("g"), name("g")
    offset = await standing(field, client, good)
    await publish(field, good, [1, 2])
    await publish(field, bad, [1, 2])
    resume = {f"group:{good}": offset, f"group:{bad}": "lost:1-0", "all": NOTHING_YET}
    async with framed(field.b, client, f"group={good}&group={bad}", {"resume": resume}) as connection:
        channels = connection.hello["channels"]
        assert {name: state["recovered"] for name, state in channels.items()} == {
            f"group:{good}": True, f"group:{bad}": False, "all": True}
        assert connection.hello["recovered"] is False
        pushes = [await connection.push() for _ in range(2)]
        assert [(push["channel"], push["data"]) for push in pushes] == [(f"group:{good}", 1), (f"group:{good}", 2)]


@rule("The channel `all` is resumed in the same way")
async def test_all(field):
    async with field.with_flags() as own:
        async with framed(own.b, "one", hello={"resume": {"all": NOTHING_YET}}) as connection:
            offset = connection.hello["channels"]["all"]["offset"]
            await own.durable({"all": True}, 1)
            push = await connection.push(1)
            assert push["channel"] == "all" and push["offset"] != offset
        await own.durable({"all": True}, 2)
        async with framed(own.a, "one", hello={"resume": {"all": offset}}) as connection:
            assert connection.hello["recovered"] is True
            await connection.push(1)
            await connection.push(2)
            await connection.nothing()


@rule("Missed pushes of channels come first, then the mailbox")
async def test_before_the_mailbox(field):
    client, group = name("h"), name("g")
    offset = await standing(field, client, group)
    await field.durable({"client": client}, "mail")
    await publish(field, group, [1, 2])
    async with framed(field.b, client, f"group={group}", {"resume": {f"group:{group}": offset}}) as connection:
        assert [(await connection.push())["data"] for _ in range(3)] == [1, 2, "mail"]


@rule("Connections that come and go while a group is pushed to: with resume no hole, no repetition, no disorder")
async def test_coming_and_going(field):
    client, group, count = name("h"), name("g"), 150
    channel = f"group:{group}"
    offset = await standing(field, client, group)
    got: list[int] = []

    async def produce():
        for number in range(count):
            await field.durable({"group": group}, number)

    async def receive():
        nonlocal offset
        connects = 0
        while len(got) < count:
            connects += 1
            hello = {"resume": {channel: offset}}
            async with framed((field.a, field.b)[connects % 2], client, f"group={group}", hello) as connection:
                assert connection.hello["channels"][channel]["recovered"] is True
                for _ in range(min(17, count - len(got))):
                    push = await connection.push()
                    assert push["data"] == len(got), f"{push['data']} instead of {len(got)}"
                    got.append(push["data"])
                    offset = push["offset"]
                await connection.vanish()
            assert connects < 13

    await asyncio.gather(produce(), receive())
    assert got == list(range(count))
