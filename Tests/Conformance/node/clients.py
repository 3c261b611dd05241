"""Clients as the author of an agent would write one first: strict about what comes, and in which order."""

import asyncio
import contextlib
import json
import urllib.parse

import websockets

import wire

SECONDS = 10
# Long enough for a frame that should not come to come.
SILENCE = 0.4
FRAMED = "switchboard.v1"


class Refused(Exception):
    """The upgrade was answered with another status than 101."""

    def __init__(self, status: int, body: bytes, headers):
        super().__init__(f"{status}: {body[:300]!r}")
        self.status, self.headers = status, headers
        self.problem = json.loads(body) if body else {}


async def upgrade(url: str, query: str = "", *, protocols=None, path: str = "/ws", **options):
    address = f"{url.replace('http', 'ws', 1)}{path}{'?' + query if query else ''}"
    settings = {"ping_interval": None, "max_size": None, "compression": None, "open_timeout": SECONDS}
    try:
        return await websockets.connect(address, subprotocols=protocols, **(settings | options))
    except websockets.InvalidStatus as refused:
        answer = refused.response
        raise Refused(answer.status_code, answer.body or b"", answer.headers) from None


class Client:
    """A connection; `hello` is the first frame of a framed one."""

    def __init__(self, socket):
        self.socket = socket
        self.hello: dict = {}
        self.pings = 0
        self.answers_pings = True

    async def message(self, seconds: float = SECONDS):
        """The next message, as it came."""
        async with asyncio.timeout(seconds):
            return await self.socket.recv()

    async def frame(self, seconds: float = SECONDS) -> dict:
        """The next frame; pings are answered and passed over."""
        async with asyncio.timeout(seconds):
            while True:
                text = await self.socket.recv()
                assert isinstance(text, str), f"frames are text, this is binary: {text[:80]!r}"
                frame = json.loads(text)
                if frame["type"] != "ping":
                    return frame
                self.pings += 1
                if self.answers_pings:
                    await self.send(type="pong")

    async def next(self, kind: str, seconds: float = SECONDS) -> dict:
        """The next frame, which has to be of this type."""
        frame = await self.frame(seconds)
        assert frame["type"] == kind, f"expected {kind}, got {str(frame)[:500]}"
        return frame

    async def push(self, data=..., seconds: float = SECONDS) -> dict:
        """The next frame, which has to be a push (with this data)."""
        frame = await self.next("push", seconds)
        if data is not ...:
            assert frame["data"] == data, f"expected {data!r}, got {str(frame)[:500]}"
        return frame

    async def nothing(self, seconds: float = SILENCE) -> None:
        try:
            frame = await self.frame(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"nothing should come, but this did: {str(frame)[:500]}")

    async def send(self, **frame) -> None:
        await self.socket.send(json.dumps(frame))

    async def ack(self, push: dict) -> None:
        await self.send(type="ack", offset=push["offset"])

    async def alive(self) -> None:
        """Whatever was sent before has been seen by the node, which says nothing else."""
        await self.send(type="message", id="are-you-there", data=0)
        assert await self.frame() == {"type": "ack", "ref": "are-you-there"}

    async def error(self, code: str) -> dict:
        frame = await self.next("error")
        assert frame["code"] == code, frame
        assert frame["message"]
        return frame

    async def closed(self, code: int, seconds: float = SECONDS) -> str:
        """Waits for the node to close with this code; frames before that are passed over. Returns the reason."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.socket.recv()
        except websockets.ConnectionClosed as end:
            assert end.rcvd is not None, "the connection ended without a close frame"
            assert end.rcvd.code == code, f"expected {code}, got {end.rcvd.code} {end.rcvd.reason!r}"
            return end.rcvd.reason

    async def leave(self) -> None:
        """Closes orderly."""
        await self.socket.close()

    async def vanish(self) -> None:
        """Breaks off without a close frame."""
        self.socket.transport.abort()
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.socket.recv()


@contextlib.asynccontextmanager
async def raw(url: str, client: str | None = None, query: str = "", **options):
    """A raw connection. It gets no hello, so it is asked for until the cluster knows it."""
    name = "" if client is None else f"clientId={urllib.parse.quote(client)}"
    socket = await upgrade(url, "&".join(part for part in (name, query) if part), **options)
    try:
        if client is not None:
            await asyncio.to_thread(wire.await_state, url, client, "online")
        yield Client(socket)
    finally:
        await socket.close()


@contextlib.asynccontextmanager
async def framed(url: str, client: str | None = None, query: str = "", hello: dict | None = None, **options):
    """A framed connection whose hello has come. With `hello` it says its own one first, as the SDKs do."""
    parts = [] if client is None else [f"clientId={urllib.parse.quote(client)}"]
    parts += [query] if query else []
    parts += ["hello=1"] if hello is not None else []
    socket = await upgrade(url, "&".join(parts), protocols=[FRAMED], **options)
    try:
        connection = Client(socket)
        if hello is not None:
            await connection.send(type="hello", **hello)
        connection.hello = await connection.next("hello")
        yield connection
    finally:
        await socket.close()
