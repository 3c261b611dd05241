"""Commands: one result for each, at most 8 at a time, and every way to fail told apart."""

import asyncio
import json
import urllib.parse

import pytest
from clients import framed, raw
from field import name

from rules import rule

AT_ONCE = 8


async def result(connection, command: dict, data=None, status: int = 200) -> None:
    await connection.send(type="result", id=command["id"], status=status, data=data)
    frame = await connection.frame()
    assert frame == {"type": "ack", "ref": command["id"]}, frame


def problem(answer, status: int, code: str) -> None:
    assert (answer.status, answer.json().get("code")) == (status, code), (answer.status, answer.body[:400])


@rule("`command` has id, name, timeout and data; the status and data of `result` are the caller's answer")
async def test_round_trip(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        asked = asyncio.create_task(field.command(client, "restart", {"when": [1, "now"]}, timeout=7))
        command = await connection.next("command")
        assert set(command) == {"type", "id", "name", "timeout", "data"}
        assert (command["name"], command["timeout"], command["data"]) == ("restart", 7, {"when": [1, "now"]})
        await result(connection, command, {"done": True}, 207)
        answer = await asked
        told = answer.json()
        assert (answer.status, told["id"], told["status"], told["data"]) == (200, command["id"], 207, {"done": True})
        assert told["ms"] >= 0


@rule("A result may carry base64 or nothing; a command may carry base64, a text arrives as a JSON string")
async def test_payloads(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        path = f"/v1/clients/{client}/commands"
        asked = asyncio.create_task(field.ask("POST", path, {"name": "x", "base64": "AAEC"}))
        command = await connection.next("command")
        assert command["base64"] == "AAEC" and "data" not in command
        await connection.send(type="result", id=command["id"], status=200, base64="//8=")
        assert await connection.frame() == {"type": "ack", "ref": command["id"]}
        assert (await asked).json()["base64"] == "//8="
        asked = asyncio.create_task(field.ask("POST", path, {"name": "x", "text": "plain"}))
        command = await connection.next("command")
        assert command["data"] == "plain"
        await connection.send(type="result", id=command["id"], status=204)
        assert await connection.frame() == {"type": "ack", "ref": command["id"]}
        answer = (await asked).json()
        assert answer["status"] == 204 and "base64" not in answer


@rule("A `result` is acked with `ref`; a repeated one is acked again and changes nothing")
async def test_result_repeated(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        asked = asyncio.create_task(field.command(client, "once"))
        command = await connection.next("command")
        await result(connection, command, "first")
        assert (await asked).json()["data"] == "first"
        await result(connection, command, "second")
        answer = await field.ask("GET", f"/v1/commands/{command['id']}")
        assert answer.status == 404 or answer.json()["data"] == "first"


@rule("A result that nobody waits for any more (late, or of an unknown id) is acked, so that the client stops sending it")
async def test_result_unknown(field):
    async with framed(field.b, name("cmd")) as connection:
        await connection.send(type="result", id="nobody-asked", status=200, data=1)
        assert await connection.frame() == {"type": "ack", "ref": "nobody-asked"}
        await connection.alive()


@rule("A result counts only from the client that the command was for: another client's is acked and changes nothing")
async def test_result_of_another_client(field):
    client, stranger = name("cmd"), name("stranger")
    identifier = name("id")
    async with framed(field.b, client) as connection, framed(field.a, stranger) as other:
        asked = asyncio.create_task(field.command(client, "unlock", timeout=10, id=identifier))
        command = await connection.next("command")
        assert command["id"] == identifier
        await result(other, command, "forged")
        await result(connection, command, "honest")
        assert (await asked).json()["data"] == "honest"


@rule("A result that is sent on the next connection, on another node, reaches the caller")
async def test_result_after_reconnect(field):
    client = name("cmd")
    async with framed(field.b, client, hello={}) as connection:
        asked = asyncio.create_task(field.command(client, "slow", timeout=15))
        command = await connection.next("command")
        await connection.vanish()
    await asyncio.sleep(0.2)
    async with framed(field.a, client, hello={}) as connection:
        await connection.send(type="result", id=command["id"], status=200, data="kept")
        frames = [await connection.frame()]
        if frames[0]["type"] == "command":
            # It may be sent again: a client does not start what is done.
            assert frames[0]["id"] == command["id"]
            frames.append(await connection.frame())
        assert frames[-1] == {"type": "ack", "ref": command["id"]}
        answer = await asked
        assert (answer.status, answer.json().get("data")) == (200, "kept"), answer.body[:300]


@rule("At most 8 commands run on one client at a time, the rest queue and follow one by one as results come")
async def test_eight_at_once(field):
    client, count = name("cmd"), 12
    async with framed(field.b, client) as connection:
        asked = [asyncio.create_task(field.command(client, "work", number, timeout=20)) for number in range(count)]
        running = [await connection.next("command") for _ in range(AT_ONCE)]
        await connection.nothing(0.6)
        for _ in range(count - AT_ONCE):
            first = running.pop(0)
            await connection.send(type="result", id=first["id"], status=200, data=first["data"])
            frames = [await connection.frame() for _ in range(2)]
            assert {frame["type"] for frame in frames} == {"ack", "command"}
            running += [frame for frame in frames if frame["type"] == "command"]
            await connection.nothing(0.1)
        for command in running:
            await result(connection, command, command["data"])
        answers = [(await task).json() for task in asked]
        assert [answer["data"] for answer in answers] == list(range(count)), "each caller gets its own result"


@rule("Pushes, heartbeats and acks are never behind commands")
async def test_not_behind_commands(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        asked = [asyncio.create_task(field.command(client, "work", timeout=20)) for _ in range(AT_ONCE + 4)]
        running = [await connection.next("command") for _ in range(AT_ONCE)]
        await field.push({"client": client}, "meanwhile")
        await connection.push("meanwhile")
        await connection.alive()
        await (await connection.socket.ping())
        await connection.leave()
        for task in asked:
            task.cancel()
        assert len(running) == AT_ONCE


@rule("Pieces of `output` reach a streaming caller in order, as they come, before the result")
async def test_output(field):
    client = name("cmd")
    async with framed(field.b, client) as connection, stream(field, client) as lines:
        command = await connection.next("command")
        for number in range(3):
            await connection.send(type="output", id=command["id"], data={"n": number})
            assert await lines.event() == ("output", {"data": {"n": number}})
        await connection.send(type="output", id=command["id"], base64="AAE=")
        assert await lines.event() == ("output", {"base64": "AAE="})
        await result(connection, command, "end")
        kind, data = await lines.event()
        assert (kind, data["status"], data["data"], data["id"]) == ("result", 200, "end", command["id"])


@rule("`output` to a caller who does not stream, or of an unknown id, harms nothing")
async def test_output_unused(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        asked = asyncio.create_task(field.command(client, "x"))
        command = await connection.next("command")
        await connection.send(type="output", id=command["id"], data=1)
        await connection.send(type="output", id="unknown", data=1)
        await result(connection, command, 2)
        assert (await asked).json()["data"] == 2
        await connection.alive()


@rule("`cancel` is sent when the caller goes away")
async def test_cancel(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        async with stream(field, client):
            command = await connection.next("command")
        assert await connection.next("cancel") == {"type": "cancel", "id": command["id"]}
        await result(connection, command, "stopped", 499)
        await connection.alive()


@rule("A command that is still in the queue when its caller goes away is never sent")
async def test_cancel_queued(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        asked = [asyncio.create_task(field.command(client, "work", timeout=20)) for _ in range(AT_ONCE)]
        running = [await connection.next("command") for _ in range(AT_ONCE)]
        async with stream(field, client, command="never"):
            await connection.nothing()
        await asyncio.sleep(0.3)
        for command in running:
            await result(connection, command)
        await connection.nothing()
        for task in asked:
            assert (await task).status == 200


@rule("A command with the same id runs once: a repeat gets the first one's answer, also from another node")
async def test_runs_once(field):
    client, command_id = name("cmd"), name("id")
    async with framed(field.b, client) as connection:
        asked = asyncio.create_task(field.command(client, "once", 1, id=command_id))
        command = await connection.next("command")
        assert command["id"] == command_id
        await result(connection, command, "done")
        first = (await asked).json()
        for url in (field.a, field.b):
            body = {"name": "once", "data": 1, "id": command_id}
            again = await field.ask("POST", f"/v1/clients/{client}/commands", body, url=url)
            assert again.status == 200, (again.status, again.body[:300])
            assert (again.json()["status"], again.json()["data"]) == (first["status"], first["data"])
        await connection.nothing()


@rule("A client that is not connected: 404 `client_offline`, at once")
async def test_offline(field):
    begin = asyncio.get_running_loop().time()
    problem(await field.command(name("nobody"), "x"), 404, "client_offline")
    assert asyncio.get_running_loop().time() - begin < 1


@rule("With `connectTimeout` a client that is away is waited for: in time it gets the command, else 404 `client_offline`")
async def test_connect_timeout(field):
    client = name("cmd")
    problem(await field.command(client, "x", connectTimeout=0.5), 404, "client_offline")
    asked = asyncio.create_task(field.command(client, "x", connectTimeout=10))
    await asyncio.sleep(0.4)
    assert not asked.done()
    async with framed(field.b, client, hello={}) as connection:
        await result(connection, await connection.next("command"), "here")
        assert (await asked).json()["data"] == "here"


@rule("A command that was delivered and not answered in time: 504 `no_result`")
async def test_silent(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        begin = asyncio.get_running_loop().time()
        asked = asyncio.create_task(field.command(client, "x", timeout=1))
        command = await connection.next("command")
        problem(await asked, 504, "no_result")
        assert 0.9 < asyncio.get_running_loop().time() - begin < 4
        # Whether or not the client is told: what it answers late is taken from it.
        await connection.send(type="result", id=command["id"], status=200, data="late")
        frame = await connection.frame()
        if frame["type"] == "cancel":
            frame = await connection.frame()
        assert frame == {"type": "ack", "ref": command["id"]}


@rule("A raw session runs no commands: 409 `commands_unsupported`, and nothing is sent to it")
async def test_raw(field):
    client = name("raw")
    async with raw(field.b, client) as connection:
        problem(await field.command(client, "x"), 409, "commands_unsupported")
        with pytest.raises(TimeoutError):
            await connection.message(0.3)


@rule("A command that timed out in the queue was not delivered: the client never gets it")
async def test_timed_out_in_queue(field):
    client = name("cmd")
    async with framed(field.b, client) as connection:
        asked = [asyncio.create_task(field.command(client, "work", timeout=20)) for _ in range(AT_ONCE)]
        running = [await connection.next("command") for _ in range(AT_ONCE)]
        assert (await field.command(client, "late", timeout=0.5)).status == 504
        for command in running:
            await result(connection, command)
        await connection.nothing()
        for task in asked:
            assert (await task).status == 200


class stream:
    """A caller who reads server-sent events; leaving the block breaks the connection off."""

    def __init__(self, field, client: str, command: str = "stream"):
        parts = urllib.parse.urlsplit(field.a)
        self._address = parts.hostname, parts.port
        body = json.dumps({"name": command, "timeout": 20}).encode()
        self._request = (
            f"POST /v1/clients/{client}/commands HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    async def __aenter__(self):
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        self._writer.write(self._request)
        return self

    async def __aexit__(self, *_):
        self._writer.transport.abort()

    async def event(self) -> tuple[str, dict]:
        """The next event. The chunks' sizes and comments between the lines are passed over."""
        kind = None
        async with asyncio.timeout(10):
            while True:
                line = await self._reader.readline()
                assert line, "the stream ended"
                if line.startswith(b"event:"):
                    kind = line[6:].strip().decode()
                elif line.startswith(b"data:") and kind:
                    return kind, json.loads(line[5:])
