"""Frames made by hand, for what no WebSocket library would send."""

import asyncio
import os
import struct

import wire

FIN, RSV1 = 0x80, 0x40
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, bits: int = FIN, masked: bool = True, length: int | None = None) -> bytes:
    """One frame; `length` announces another length than the payload's."""
    size = len(payload) if length is None else length
    head = bytes([bits | opcode])
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65536:
        head += struct.pack(">BH", mask_bit | 126, size)
    else:
        head += struct.pack(">BQ", mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))


async def converse(url: str, path: str, data: bytes, *, protocol: str | None = None) -> list[wire.Frame]:
    """Sends the bytes after the upgrade; returns all frames until the node closes, a close frame last."""
    return await asyncio.to_thread(_converse, url, path, data, protocol)


def _converse(url: str, path: str, data: bytes, protocol: str | None) -> list[wire.Frame]:
    frames: list[wire.Frame] = []
    with wire.Connection(url) as connection:
        headers = {"Sec-WebSocket-Protocol": protocol} if protocol else {}
        assert connection.upgrade(path, headers).status == 101
        connection.send(data)
        while not frames or frames[-1].opcode != CLOSE:
            frames.append(connection.frame(skip_pings=False))
        # Having received and sent a close frame the node ends the TCP connection (RFC 6455 section 7.1.1).
        connection.send(frame(CLOSE, frames[-1].payload[:2]))
        assert connection.closed(5), "after the close handshake the node ends the TCP connection"
    return frames


def code(frames: list[wire.Frame]) -> int:
    """The code of the close frame at the end."""
    return struct.unpack(">H", frames[-1].payload[:2])[0] if frames[-1].payload else 1005
