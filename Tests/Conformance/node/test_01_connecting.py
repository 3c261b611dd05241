"""Modes, subprotocols, who is connecting, and the first frame."""

import asyncio
import json

import pytest
import websockets
from clients import FRAMED, Refused, framed, raw, upgrade
from field import name

from rules import rule

INVALID = ["", "a" * 129, "sp%20ace", "sla/sh", "st*r", "%C3%A9", "new%0Aline", "qu%22ote"]


@rule("No subprotocol offered: raw mode, and none is chosen")
async def test_raw_mode(field):
    client = name("raw")
    async with raw(field.b, client) as connection:
        assert connection.socket.subprotocol is None
        await field.push({"client": client}, {"a": [1, 2.50, "é"]})
        assert await connection.message() == '{"a": [1, 2.5, "\\u00e9"]}', "the payload verbatim, and nothing before it"


@rule("Raw mode: text arrives as a text frame, bytes as a binary frame, both verbatim")
async def test_raw_payloads(field):
    client = name("raw")
    async with raw(field.b, client) as connection:
        await field.ask("POST", "/v1/push", {"to": {"client": client}, "text": "plain \"text\" é"})
        assert await connection.message() == "plain \"text\" é"
        await field.ask("POST", "/v1/push", {"to": {"client": client}, "base64": "AAEC/w=="})
        assert await connection.message() == b"\x00\x01\x02\xff"


@rule("Raw mode: whatever the client sends is an upstream message; JSON that looks like a frame has no effect")
async def test_raw_upstream(field):
    client = name("raw")
    async with raw(field.b, client) as connection:
        for message in ("text", b"\x00binary", '{"type":"join","group":"g"}', "{", '{"type":"ping"}'):
            await connection.socket.send(message)
        await (await connection.socket.ping())
        await field.push({"client": client}, "still here")
        assert await connection.message() == '"still here"'
        assert (await field.client(client))["groups"] == []


@rule("`switchboard.v1` offered, alone or among others: framed mode, and it is the one that is chosen")
@pytest.mark.parametrize("offer", [[FRAMED], ["mqtt", FRAMED], [FRAMED, "zzz", "x.v2"]])
async def test_framed_mode(field, offer):
    socket = await upgrade(field.b, f"clientId={name('framed')}", protocols=offer)
    assert socket.subprotocol == FRAMED
    assert json.loads(await socket.recv())["type"] == "hello"
    await socket.close()


@rule("An offer of only unknown subprotocols is refused with 400")
@pytest.mark.parametrize("offer", [["mqtt"], ["switchboard.v2"], ["Switchboard.V1", "x"]])
async def test_unknown_subprotocols(field, offer):
    with pytest.raises(Refused) as refused:
        await upgrade(field.b, protocols=offer)
    assert refused.value.status == 400
    assert refused.value.problem["status"] == 400


@rule("The query `clientId=` names the client, `group=` (repeatable) and `label.NAME=VALUE` put it where it belongs")
async def test_named_in_the_url(field):
    client, group, other = name("url"), name("g"), name("g")
    query = f"group={group}&group={other}&label.site=a%20b&label.role=x"
    async with framed(field.b, client, query) as connection:
        assert connection.hello["clientId"] == client
        seen = await field.eventually(client, state="online")
        assert sorted(seen["groups"]) == sorted([group, other])
        assert seen["labels"] == {"site": "a b", "role": "x"}
        assert seen["session"] == connection.hello["session"] and seen["epoch"] == connection.hello["epoch"]
        for to in ({"group": group}, {"group": other}, {"labels": {"site": "a b", "role": "x"}}, {"client": client}):
            assert (await field.push(to, to))["delivered"] == 1
            await connection.push(to)


@rule("A framed client that names nobody in the URL may name itself, with labels, in its `hello`")
async def test_named_in_hello(field):
    client = name("hello")
    hello = {"clientId": client, "labels": {"site": client}, "version": "1.2.3"}
    async with framed(field.b, hello=hello) as connection:
        assert connection.hello["clientId"] == client
        assert (await field.eventually(client, state="online"))["labels"] == {"site": client}
        await field.push({"labels": {"site": client}}, 1)
        await connection.push(1)


@rule("Without any name the node gives the client a generated id, another one for each")
async def test_generated(field):
    async with framed(field.b) as one, framed(field.b, hello={}) as other:
        ids = [one.hello["clientId"], other.hello["clientId"]]
        assert ids[0] != ids[1]
        for client, connection in zip(ids, (one, other)):
            assert (await field.push({"client": client}, client))["delivered"] == 1
            await connection.push(client)


@rule("With `hello=1` in the URL the node waits for the client's hello before it registers the client")
async def test_hello_is_awaited(field):
    client = name("awaited")
    socket = await upgrade(field.b, f"clientId={client}&hello=1", protocols=[FRAMED])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(socket.recv(), 1.5)
    assert (await field.client(client))["state"] != "online"
    await socket.send('{"type":"hello"}')
    assert json.loads(await asyncio.wait_for(socket.recv(), 5))["clientId"] == client
    await socket.close()


@rule("Without `hello=1` a client that is named in the URL gets its hello at once, an unnamed one after a moment")
async def test_hello_does_not_wait(field):
    for query, seconds in ((f"clientId={name('soon')}", 0.7), ("", 2)):
        socket = await upgrade(field.b, query, protocols=[FRAMED])
        assert json.loads(await asyncio.wait_for(socket.recv(), seconds))["type"] == "hello"
        await socket.close()


@rule("An invalid clientId is refused with 400 before the upgrade")
@pytest.mark.parametrize("client", INVALID, ids=range(len(INVALID)))
@pytest.mark.parametrize("mode", ["raw", "framed"])
async def test_invalid_id(field, client, mode):
    with pytest.raises(Refused) as refused:
        await upgrade(field.b, f"clientId={client}", protocols=[FRAMED] if mode == "framed" else None)
    assert (refused.value.status, refused.value.problem["code"]) == (400, "invalid_client_id")


@rule("The node's first frame is `hello` with clientId, session, epoch, node, heartbeat, reconnect and recovered")
async def test_hello_contents(field):
    client = name("hello")
    async with framed(field.b, client) as connection:
        hello = connection.hello
        assert hello["clientId"] == client
        assert isinstance(hello["session"], str) and hello["session"]
        assert isinstance(hello["epoch"], int) and hello["epoch"] > 0
        assert isinstance(hello["node"], str) and hello["node"]
        assert hello["heartbeat"] == {"interval": 25, "timeout": 10}
        assert 0 < hello["reconnect"]["min"] <= hello["reconnect"]["max"]
        assert hello["recovered"] is False, "nothing was to be resumed"
        assert "channels" not in hello
        seen = await field.eventually(client, state="online")
        assert (seen["node"], seen["epoch"]) == (hello["node"], hello["epoch"])


@rule("`epoch` rises with every session of a client, on whichever node; `session` is never the same")
async def test_epoch_rises(field):
    client = name("epoch")
    epochs, sessions = [], set()
    for url in (field.a, field.b, field.a):
        async with framed(url, client) as connection:
            epochs.append(connection.hello["epoch"])
            sessions.add(connection.hello["session"])
    assert epochs[0] < epochs[1] < epochs[2]
    assert len(sessions) == 3


@rule("A first frame that is not `hello` is heard, too: the node says hello, then answers it")
async def test_first_frame_of_another_type(field):
    socket = await upgrade(field.b, "", protocols=[FRAMED])
    await socket.send('{"type":"message","id":"m1","data":1}')
    assert json.loads(await asyncio.wait_for(socket.recv(), 5))["type"] == "hello"
    assert json.loads(await asyncio.wait_for(socket.recv(), 5)) == {"type": "ack", "ref": "m1"}
    await socket.close()


@rule("`hello` that is not the first frame is refused by an error; the session lives on")
async def test_late_hello(field):
    async with framed(field.b, name("late")) as connection:
        await connection.send(type="hello", clientId="somebody-else")
        await connection.error("invalid_frame")
        await connection.alive()


@rule("An invalid clientId in `hello` is answered by an error or a close, never passed over in silence")
async def test_invalid_id_in_hello(field):
    socket = await upgrade(field.b, "hello=1", protocols=[FRAMED])
    await socket.send('{"type":"hello","clientId":"not/valid"}')
    frames = []
    try:
        async with asyncio.timeout(3):
            while not frames or frames[-1]["type"] != "error":
                frames.append(json.loads(await socket.recv()))
    except (websockets.ConnectionClosed, TimeoutError):
        pass
    assert frames[-1:] and frames[-1]["type"] == "error" or socket.close_code in range(4000, 4100), frames
    await socket.close()
