"""Each frame type that a client may send; unknown, incomplete and malformed ones."""

import asyncio
import json

import pytest
from clients import framed, raw
from field import name

from rules import rule

NO_FRAMES = ["", "{", "[]", "1", '"ping"', "null", "nonsense", '{"type":1}', "{}", '{"type":"ping"} x', '{"type":"a",}']


@rule("A frame that is not a JSON object with a type closes with 4006")
@pytest.mark.parametrize("text", NO_FRAMES)
async def test_malformed(field, text):
    async with framed(field.b, name("malformed")) as connection:
        await connection.socket.send(text)
        assert await connection.closed(4006), "the reason says what was wrong"


@rule("A binary frame on a framed connection closes with 4006")
async def test_binary(field):
    async with framed(field.b, name("malformed")) as connection:
        await connection.socket.send(b'{"type":"pong"}')
        await connection.closed(4006)


@rule("Unknown types are answered with `error` `unknown_type` and otherwise ignored")
@pytest.mark.parametrize("kind", ["surprise", "", "Message", "push", "command", "goaway"])
async def test_unknown_type(field, kind):
    async with framed(field.b, name("unknown")) as connection:
        await connection.send(type=kind, id="1", data=1)
        await connection.error("unknown_type")
        await connection.alive()


@rule("Members that are not known are ignored")
async def test_unknown_members(field):
    async with framed(field.b, hello={"clientId": name("members"), "future": {"a": [1]}}) as connection:
        await connection.send(type="message", id="m", data=1, future=[1, {"x": None}], ack="no")
        assert await connection.frame() == {"type": "ack", "ref": "m"}


@rule("A known type that lacks what it must have is refused by an `error`; the session lives on")
@pytest.mark.parametrize(
    "frame",
    [{"type": "ack"}, {"type": "ack", "offset": 5}, {"type": "message"}, {"type": "message", "base64": "%"},
     {"type": "result", "id": "x"}, {"type": "result", "status": 200}, {"type": "result", "id": "x", "status": "200"},
     {"type": "output", "data": 1}, {"type": "output", "id": "x"}, {"type": "health"}, {"type": "health", "data": 1},
     {"type": "join"}, {"type": "join", "group": "no/group"}, {"type": "leave"}, {"type": "token"}],
    ids=lambda frame: json.dumps(frame))
async def test_incomplete(field, frame):
    async with framed(field.b, name("incomplete")) as connection:
        await connection.send(**frame)
        await connection.error("invalid_frame")
        await connection.alive()


@rule("`message` with an id is answered by `ack` with `ref`; data, text and base64 alike")
async def test_message_ack(field):
    async with framed(field.b, name("message")) as connection:
        for number, payload in enumerate([{"data": {"a": 1}}, {"data": None}, {"data": "text"}, {"base64": "AAEC"}]):
            await connection.send(type="message", id=f"m{number}", **payload)
            assert await connection.frame() == {"type": "ack", "ref": f"m{number}"}


@rule("`message` without an id is not answered")
async def test_message_without_id(field):
    async with framed(field.b, name("message")) as connection:
        await connection.send(type="message", data=1)
        await connection.alive()


@rule("A repeated message id is acked again, on the same connection and on the next one")
async def test_message_repeated(field):
    client = name("message")
    for url in (field.a, field.b):
        async with framed(url, client) as connection:
            for _ in range(2):
                await connection.send(type="message", id="same", data=1)
                assert await connection.frame() == {"type": "ack", "ref": "same"}


@rule("`health`: the newest object is kept in presence")
async def test_health(field):
    client = name("health")
    async with framed(field.b, client) as connection:
        await connection.send(type="health", data={"load": 1})
        await connection.send(type="health", data={"load": 0.25, "disk": {"free": [1, 2]}})
        await field.eventually(client, health={"load": 0.25, "disk": {"free": [1, 2]}})
        await connection.alive()


@rule("`health` may have 4 KB; more is refused by an `error` and changes nothing")
async def test_large_health(field):
    client = name("health")
    async with framed(field.b, client) as connection:
        fits = {"x": "y" * (4096 - len('{"x": ""}'))}
        await connection.send(type="health", data=fits)
        await field.eventually(client, health=fits)
        await connection.send(type="health", data={"x": "y" * 4096})
        await connection.error("invalid_frame")
        await connection.alive()
        assert (await field.client(client))["health"] == fits


@rule("`join` and `leave` change the membership at once, without an answer; both may be repeated")
async def test_join_and_leave(field):
    client, group = name("member"), name("g")
    async with framed(field.b, client) as connection:
        for _ in range(2):
            await connection.send(type="join", group=group)
        await connection.alive()
        assert (await field.push({"group": group}, "in"))["delivered"] == 1
        assert (await connection.push("in"))["channel"] == f"group:{group}"
        await field.eventually(client, groups=[group])
        for _ in range(2):
            await connection.send(type="leave", group=group)
        await connection.alive()
        assert (await field.push({"group": group}, "out"))["matched"] == 0
        await field.eventually(client, groups=[])
        await connection.alive()


@rule("`push` has type, id, channel and data; a transient one has no offset, and the id that the backend was told")
async def test_push_members(field):
    client, group = name("push"), name("g")
    async with framed(field.b, client, f"group={group}") as connection:
        for to, channel in (({"client": client}, "client"), ({"group": group}, f"group:{group}")):
            told = await field.push(to, {"price": 3.2})
            assert await connection.frame() == {
                "type": "push", "id": told["id"], "channel": channel, "data": {"price": 3.2}}
        label = {"labels": {"x": client}}
        assert (await field.push(label, 1))["matched"] == 0


@rule("A binary payload arrives as base64 instead of data, a text payload as a JSON string")
async def test_push_payloads(field):
    client = name("push")
    async with framed(field.b, client) as connection:
        await field.ask("POST", "/v1/push", {"to": {"client": client}, "base64": "AAEC/w=="})
        frame = await connection.push()
        assert frame["base64"] == "AAEC/w==" and "data" not in frame
        await field.ask("POST", "/v1/push", {"to": {"client": client}, "text": 'a "b" \n é'})
        await connection.push('a "b" \n é')


@rule("A push to a group is byte-identical for all receivers, whichever node they are on")
async def test_push_identical(field):
    group = name("g")
    async with (framed(field.a, name("one"), f"group={group}") as one,
                framed(field.b, name("two"), f"group={group}") as two):
        assert (await field.push({"group": group}, {"a": [1, 2, {"b": "é"}]}))["delivered"] == 2
        assert await one.message() == await two.message()


@rule("Per client, pushes arrive in the order in which they were accepted, in both modes")
@pytest.mark.parametrize("mode", ["raw", "framed"])
async def test_order(field, mode):
    client, group = name("order"), name("g")
    async with (raw if mode == "raw" else framed)(field.b, client, f"group={group}") as connection:
        for number in range(60):
            await field.push({"client": client} if number % 2 else {"group": group}, number)
        # The order is promised per channel.
        got = []
        for _ in range(60):
            text = await connection.message()
            got.append(json.loads(text) if mode == "raw" else json.loads(text)["data"])
        for remainder in (0, 1):
            assert [n for n in got if n % 2 == remainder] == list(range(remainder, 60, 2))


@rule("A transient push is delivered at most once, to whoever is connected; it is not kept")
async def test_transient(field):
    client = name("transient")
    assert (await field.push({"client": client}, "too early"))["offline"] == 1
    async with framed(field.b, client) as connection:
        await field.push({"client": client}, "in time")
        await connection.push("in time")
        await connection.nothing()
    async with framed(field.a, client) as connection:
        await connection.nothing()


@rule("WebSocket pings of a client are answered with pongs of the same payload, in both modes")
@pytest.mark.parametrize("mode", ["raw", "framed"])
async def test_client_pings(field, mode):
    async with (raw if mode == "raw" else framed)(field.b, name("pinger")) as connection:
        for payload in (b"", b"abc", b"x" * 125):
            async with asyncio.timeout(5):
                await (await connection.socket.ping(payload))


@rule("A message in fragments, with pings between them, is one message")
async def test_fragments(field):
    async with framed(field.b, name("fragments")) as connection:
        async def pieces():
            for piece in ('{"type":"mess', 'age","id":"f', '1","data":"', "é" * 100, '"}'):
                yield piece
                await connection.socket.ping()
        await connection.socket.send(pieces())
        assert await connection.frame() == {"type": "ack", "ref": "f1"}
