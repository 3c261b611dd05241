"""Cases as tables: what is sent, and what has to come back. The same tables are run against a node and against an agent.

A case is numbered after the group of the published suite (Autobahn) that it belongs to, and names the section of RFC 6455 or
RFC 7692 that it proves. Texts are *contents*: an echo sends them as they are, an agent gets them within a framed ping.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace

from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame

NODE, AGENT = "node", "agent"
# Fragments of a text are cut within it, so the words around it go with its ends.
_DATA = (TEXT, BINARY, CONTINUATION)


@dataclass(frozen=True)
class Case:
    number: str
    section: str
    title: str
    steps: tuple
    # Binary messages, for one, are nothing that an agent takes.
    sides: tuple[str, ...] = (NODE, AGENT)
    # What is offered as Sec-WebSocket-Extensions to a node, and what an agent is answered with.
    offer: str | None = None
    answer: str | None = None

    def __str__(self) -> str:
        return f"{self.number}-{self.title.replace(' ', '-')}"


@dataclass(frozen=True)
class Send:
    frame: Frame
    masked: bool | None = None
    length: int | None = None

    async def run(self, peer, chop: int | None) -> None:
        frame = self.frame
        if frame.opcode in _DATA and not frame.rsv & 4:
            frame = replace(frame, payload=peer.message(frame.opcode, frame.payload, frame.fin))
        await peer.send(peer.encoded(frame, masked=self.masked, length=self.length), chop)


@dataclass(frozen=True)
class Raw:
    """A header as it is, with a mask of zeros where this end has to mask, and what follows it."""

    head: bytes
    rest: bytes = b""

    async def run(self, peer, chop: int | None) -> None:
        second = self.head[1] | 0x80 if peer.is_client else self.head[1]
        mask = bytes(4) if peer.is_client else b""
        await peer.send(self.head[:1] + bytes([second]) + self.head[2:] + mask + self.rest, chop)


@dataclass(frozen=True)
class Compressed:
    """A message that is compressed, as was agreed on or by a function of its own, in frames of so many bytes."""

    content: bytes
    opcode: int = TEXT
    by: Callable[[bytes], bytes] | None = None
    cut: int | None = None
    # Sent between the frames.
    between: "Send | None" = None
    # The message has no last frame.
    is_open: bool = False

    async def run(self, peer, chop: int | None) -> None:
        data = (self.by or peer.sender.compress)(peer.message(self.opcode, self.content))
        size = self.cut or len(data)
        for start in range(0, len(data), size):
            if start and self.between:
                await self.between.run(peer, chop)
            opcode, rsv = (CONTINUATION, 0) if start else (self.opcode, 4)
            fin = start + size >= len(data) and not self.is_open
            await peer.send(peer.encoded(Frame(opcode, data[start : start + size], fin, rsv)), chop)


@dataclass(frozen=True)
class Together:
    """What these steps send leaves in one piece."""

    steps: tuple

    async def run(self, peer, chop: int | None) -> None:
        gathered = bytearray()

        class Gathering:
            def __getattr__(self, name):
                return getattr(peer, name)

            async def send(self, data: bytes, chop: int | None = None) -> None:
                gathered.extend(data)

        for step in self.steps:
            await step.run(Gathering(), None)
        await peer.send(bytes(gathered), chop)


@dataclass(frozen=True)
class Chopped:
    """What these steps send leaves in pieces of `size` bytes."""

    steps: tuple
    size: int = 1

    async def run(self, peer, chop: int | None) -> None:
        for step in self.steps:
            await step.run(peer, self.size)


@dataclass(frozen=True)
class Echo:
    """The message comes back."""

    content: bytes
    opcode: int = TEXT

    async def run(self, peer, chop: int | None) -> None:
        found = await peer.payload()
        expected = peer.answer(self.opcode, self.content)
        # Not compared by assert itself: what it would print may be long.
        if found != expected:
            raise AssertionError(f"{str(expected)[:200]} was sent, {str(found)[:200]} came back")


@dataclass(frozen=True)
class Answered:
    """This very frame comes."""

    frame: Frame

    async def run(self, peer, chop: int | None) -> None:
        assert await peer.frame() == self.frame


@dataclass(frozen=True)
class Fails:
    """The connection is failed: a close frame with this code comes, nothing after it, and the TCP connection ends (7.1.7)."""

    code: int

    async def run(self, peer, chop: int | None) -> None:
        code, reason = await peer.closing()
        assert code == self.code, f"closed with {code} {reason.decode()!r} instead of {self.code}"
        await peer.finish()
        await peer.ended()


@dataclass(frozen=True)
class Closes:
    """The close handshake ends with this code, and the TCP connection with it (7.1.1, 7.1.2)."""

    code: int

    async def run(self, peer, chop: int | None) -> None:
        code, _ = await peer.closing()
        assert code == self.code, f"closed with {code} instead of {self.code}"
        if not peer.is_client:
            await peer.finish()
        await peer.ended()


# Words for the tables


def text(content: str | bytes, *, fin: bool = True, rsv: int = 0) -> Send:
    return Send(Frame(TEXT, content.encode() if isinstance(content, str) else content, fin, rsv))


def binary(content: bytes, *, fin: bool = True) -> Send:
    return Send(Frame(BINARY, content, fin))


def more(content: str | bytes, *, fin: bool = False, rsv: int = 0) -> Send:
    """A continuation."""
    return Send(Frame(CONTINUATION, content.encode() if isinstance(content, str) else content, fin, rsv))


def last(content: str | bytes) -> Send:
    return more(content, fin=True)


def ping(payload: bytes = b"", **options) -> Send:
    return Send(Frame(PING, payload, **options))


def pong(payload: bytes = b"", **options) -> Send:
    return Send(Frame(PONG, payload, **options))


def close(code: int | None = 1000, reason: bytes = b"") -> Send:
    return Send(Frame(CLOSE, (b"" if code is None else code.to_bytes(2, "big")) + reason))


def ponged(payload: bytes = b"") -> Answered:
    return Answered(Frame(PONG, payload))


def echo(content: str | bytes, opcode: int = TEXT) -> Echo:
    return Echo(content.encode() if isinstance(content, str) else content, opcode)


def fragments(content: bytes, size: int, opcode: int = TEXT) -> list[Send]:
    """The message in frames of so many bytes."""
    pieces = [content[start : start + size] for start in range(0, len(content), size)] or [b""]
    return [
        Send(Frame(CONTINUATION if index else opcode, piece, index == len(pieces) - 1))
        for index, piece in enumerate(pieces)]


# At the end of a case that the connection survives: it does, and ends in order.
ORDERLY = (close(1000), Closes(1000))


def case(number: str, section: str, title: str, *steps, **options) -> Case:
    """A case that ends with the connection failed or closed, or is closed in order after its steps."""
    if not steps or not isinstance(steps[-1], (Fails, Closes)):
        steps += ORDERLY
    return Case(number, section, title, steps, **options)


def all_cases() -> list[Case]:
    """Of every table in this folder, in order."""
    found = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        found += importlib.import_module(f"{__name__}.{module.name}").CASES
    numbers = [one.number for one in found]
    assert len(numbers) == len(set(numbers)), "two cases have one number"
    return found


def show() -> None:
    """One line for each case."""
    for one in all_cases():
        print(f"{one.number:<10} RFC {one.section:<14} {', '.join(one.sides):<12} {one.title}")
