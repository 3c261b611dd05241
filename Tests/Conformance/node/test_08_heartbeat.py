"""Pings, pongs and lost clients. The node's clock ticks in tenths of a second or so: bounds are generous upwards."""

import asyncio
import json

import pytest
import wire
from bytewise import CLOSE, PING, code
from clients import FRAMED, framed, raw, upgrade

from rules import rule

INTERVAL, TIMEOUT = 1.0, 0.8
FLAGS = ("--heartbeat-interval", str(INTERVAL), "--heartbeat-timeout", str(TIMEOUT))
# 10 % of spread, and a moment for the machine.
EARLY, LATE = 0.85 * INTERVAL, 1.1 * INTERVAL + 0.5


@rule("`hello` tells the node's own heartbeat")
async def test_told(field):
    async with field.with_flags(*FLAGS) as own, framed(own.b, "beat") as connection:
        assert connection.hello["heartbeat"] == {"interval": INTERVAL, "timeout": TIMEOUT}


@rule("A framed session gets a `ping` frame every interval (spread +-10 %), and stays while it answers `pong`")
async def test_framed(field):
    async with field.with_flags(*FLAGS) as own:
        socket = await upgrade(own.b, "clientId=beat", protocols=[FRAMED])
        await socket.recv()
        clock = asyncio.get_running_loop().time
        last = clock()
        for _ in range(4):
            assert json.loads(await asyncio.wait_for(socket.recv(), 4)) == {"type": "ping"}
            assert EARLY - 0.2 <= clock() - last <= LATE, clock() - last
            last = clock()
            await socket.send('{"type":"pong"}')
        assert (await own.eventually("beat", "rtt"))["rtt"] >= 0
        await socket.close()


@rule("A raw session gets a WebSocket ping every interval; no message")
async def test_raw(field):
    async with field.with_flags(*FLAGS) as own, raw(own.b, "beat") as connection:
        # The library answers pings; a session without a pong would have been closed by now.
        with pytest.raises(TimeoutError):
            await connection.message(3 * INTERVAL + TIMEOUT)
        await own.push({"client": "beat"}, 1)
        assert await connection.message() == "1"


@rule("No pong within the timeout closes 4202")
async def test_no_pong(field):
    async with field.with_flags(*FLAGS) as own, framed(own.b, "mute") as connection:
        begin = asyncio.get_running_loop().time()
        connection.answers_pings = False
        await connection.closed(4202)
        assert EARLY + TIMEOUT - 0.2 <= asyncio.get_running_loop().time() - begin <= LATE + TIMEOUT + 0.5
        await own.eventually("mute", closeCode=4202)


@rule("No pong of a raw session closes 4202, too")
async def test_no_pong_raw(field):
    def listen(url: str) -> list[wire.Frame]:
        frames = []
        with wire.Connection(url) as connection:
            assert connection.upgrade("/ws?clientId=mute").status == 101
            # Frames are read by hand here, so nobody answers the pings.
            connection.send_frame = lambda *_: None
            while not frames or frames[-1].opcode != CLOSE:
                frames.append(connection.frame(skip_pings=False))
        return frames

    async with field.with_flags(*FLAGS) as own:
        frames = await asyncio.to_thread(listen, own.b)
        assert [one.opcode for one in frames] == [PING, CLOSE]
        assert code(frames) == 4202


@rule("Any frame from the client counts as life, not only pong")
@pytest.mark.parametrize("sends", ["message", "unknown type", "WebSocket ping"])
async def test_life(field, sends):
    async with field.with_flags(*FLAGS) as own, framed(own.b, "lively") as connection:
        connection.answers_pings = False
        clock = asyncio.get_running_loop().time
        end = clock() + 3 * (INTERVAL + TIMEOUT)
        while clock() < end:
            if sends == "message":
                await connection.send(type="message", data=1)
            elif sends == "unknown type":
                await connection.send(type="noise")
            else:
                await (await connection.socket.ping())
            await asyncio.sleep(0.3)
        # Still open: what the node said meanwhile is read, and it hears.
        await connection.send(type="message", id="end", data=1)
        while (await connection.frame()) != {"type": "ack", "ref": "end"}:
            pass


@rule("Heartbeats go on while 8 commands run: a client that is silent then is closed 4202")
async def test_beside_commands(field):
    async with field.with_flags(*FLAGS) as own, framed(own.b, "busy") as connection:
        asked = [asyncio.create_task(own.command("busy", "work", timeout=10)) for _ in range(10)]
        for _ in range(8):
            await connection.next("command")
        pings = connection.pings
        await connection.nothing(2.5 * INTERVAL)
        assert connection.pings - pings >= 2
        connection.answers_pings = False
        await connection.closed(4202)
        for task in asked:
            task.cancel()
