"""What is too much."""

import asyncio
import json

import pytest
import wire
from bytewise import BINARY, CONTINUATION, TEXT, code, converse, frame
from clients import FRAMED, framed, raw
from field import name

from rules import rule

LIMIT = 64 * 1024


@rule("A message of 64 KB is taken, a longer one closes 1009; in both modes, whole or in fragments")
@pytest.mark.parametrize("mode", ["raw", "framed"])
@pytest.mark.parametrize("pieces", [1, 5])
async def test_inbound_limit(field, mode, pieces):
    def message(size: int) -> str:
        text = '{"type":"message","id":"big","data":""}'
        return text.replace('""', '"' + "x" * (size - len(text)) + '"')

    def parts(text: str):
        size = -(-len(text) // pieces)
        return [text[start : start + size] for start in range(0, len(text), size)]

    async with (raw if mode == "raw" else framed)(field.b, name("big")) as connection:
        await connection.socket.send(parts(message(LIMIT)) if pieces > 1 else message(LIMIT))
        if mode == "framed":
            assert await connection.frame() == {"type": "ack", "ref": "big"}
        await (await connection.socket.ping())
        await connection.socket.send(parts(message(LIMIT + 1)) if pieces > 1 else message(LIMIT + 1))
        await connection.closed(1009)


@rule("A frame that only announces more than the limit closes 1009 without waiting for it")
@pytest.mark.parametrize("length", [LIMIT + 1, 1 << 20, 1 << 40, (1 << 63) - 1])
async def test_announced(field, length):
    frames = await converse(field.b, f"/ws?clientId={name('big')}", frame(BINARY, b"x", length=length))
    assert code(frames) == 1009


@rule("Fragments are counted together: endless small ones close 1009")
async def test_endless(field):
    data = frame(TEXT, b"x" * 1000, bits=0) + frame(CONTINUATION, b"x" * 1000, bits=0) * 70
    assert code(await converse(field.b, f"/ws?clientId={name('big')}", data)) == 1009


@rule("More messages than the rate allows close 4102; the burst is allowed at once")
@pytest.mark.parametrize("mode", ["raw", "framed"])
async def test_rate(field, mode):
    async with field.with_flags("--message-rate", "5", "--message-burst", "20") as own:
        async with (raw if mode == "raw" else framed)(own.b, "fast") as connection:
            text = '{"type":"message","data":1}'
            for _ in range(20):
                await connection.socket.send(text)
            await (await connection.socket.ping())
            for _ in range(15):
                await connection.socket.send(text)
            await connection.closed(4102)
            await own.eventually("fast", closeCode=4102)


@rule("A client within the rate is not closed")
async def test_within_rate(field):
    async with field.with_flags("--message-rate", "20", "--message-burst", "5") as own:
        async with framed(own.b, "steady") as connection:
            for number in range(30):
                await connection.send(type="message", id=str(number), data=1)
                assert await connection.frame() == {"type": "ack", "ref": str(number)}
                await asyncio.sleep(0.06)


@rule("A client that does not read is closed 4101; what was accepted for it before comes whole, then the close")
@pytest.mark.parametrize("mode", ["raw", "framed"])
async def test_slow_consumer(field, mode):
    async with field.with_flags("--outbound-limit", "256KB") as own:
        connection = wire.Connection(own.b)
        try:
            headers = {"Sec-WebSocket-Protocol": FRAMED} if mode == "framed" else {}
            assert (await asyncio.to_thread(connection.upgrade, "/ws?clientId=slow", headers)).status == 101
            await own.eventually("slow", state="online")
            delivered = dropped = 0
            text = "x" * 100_000
            async with framed(own.a, "keen") as keen:
                while not dropped:
                    assert delivered < 400, "it reads nothing, and nothing is dropped"
                    told = await own.push({"clients": ["slow", "keen"]}, f"{delivered}#{text}")
                    delivered += told["delivered"] - 1
                    dropped += told["dropped"]
                    await keen.push()
                await own.eventually("slow", closeCode=4101)
                assert (await own.push({"client": "keen"}, "on"))["delivered"] == 1

            def read():
                got = []
                while (message := connection.frame()).opcode != wire.CLOSE:
                    got.append(json.loads(message.payload))
                return got, int.from_bytes(message.payload[:2], "big")

            got, end = await asyncio.to_thread(read)
            assert end == 4101
            pushes = got if mode == "raw" else [message["data"] for message in got if message["type"] == "push"]
            assert [int(push.split("#")[0]) for push in pushes] == list(range(delivered))
        finally:
            connection.__exit__()
