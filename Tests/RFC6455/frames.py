"""Frames by hand (RFC 6455 section 5.2): every one that a library would refuse to send can be written down."""

import os
import struct
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass(frozen=True)
class Frame:
    """One frame, right or wrong. `rsv` has RSV1 as 4, RSV2 as 2, RSV3 as 1."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0

    def encoded(self, masked: bool, *, length: int | None = None, mask: bytes | None = None) -> bytes:
        """`length` announces another length than the payload's."""
        size = len(self.payload) if length is None else length
        head = bytes([(0x80 if self.fin else 0) | self.rsv << 4 | self.opcode])
        bit = 0x80 if masked else 0
        if size < 126:
            head += bytes([bit | size])
        elif size < 65536:
            head += struct.pack(">BH", bit | 126, size)
        else:
            head += struct.pack(">BQ", bit | 127, size)
        if not masked:
            return head + self.payload
        mask = os.urandom(4) if mask is None else mask
        return head + mask + apply(mask, self.payload)


def apply(mask: bytes, payload: bytes) -> bytes:
    """Masks or unmasks (RFC 6455 section 5.3)."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class Wrong(AssertionError):
    """What came breaks RFC 6455 itself."""


class Reader:
    """Reads frames strictly: whatever a sender must not do fails the test."""

    def __init__(self, stream, masked: bool, compressed: bool):
        self._stream = stream
        self._masked = masked
        self._compressed = compressed
        self.masks: list[bytes] = []

    async def frame(self) -> Frame:
        first, second = await self._stream.readexactly(2)
        fin, rsv, opcode = bool(first & 0x80), first >> 4 & 7, first & 15
        masked, length = bool(second & 0x80), second & 0x7F
        if length == 126:
            length = struct.unpack(">H", await self._stream.readexactly(2))[0]
            self._check(length > 125, "5.2: the length takes more bytes than it needs")
        elif length == 127:
            length = struct.unpack(">Q", await self._stream.readexactly(8))[0]
            self._check(0xFFFF < length < 1 << 63, "5.2: the length takes more bytes than it needs, or is negative")
        self._check(masked == self._masked, "5.1: a client masks, a server does not")
        self._check(opcode in (0, 1, 2, 8, 9, 10), f"5.2: opcode {opcode} is reserved")
        self._check(opcode < 8 or (fin and length < 126), "5.5: a control frame is whole and has at most 125 bytes")
        self._check(rsv == 0 or (rsv == 4 and self._compressed and opcode in (1, 2)), f"5.2: RSV is {rsv}")
        mask = await self._stream.readexactly(4) if masked else b""
        payload = await self._stream.readexactly(length)
        if masked:
            self.masks.append(mask)
            payload = apply(mask, payload)
        return Frame(opcode, payload, fin, rsv)

    @staticmethod
    def _check(is_right: bool, what: str) -> None:
        if not is_right:
            raise Wrong(f"RFC 6455 section {what}")
