"""A node that does what a test tells it, to see what the agent makes of it."""

import asyncio
import contextlib
import http
import itertools
import json
import os
import urllib.parse
from dataclasses import dataclass

import websockets
from websockets.asyncio.server import serve

# What is awaited and does not come has failed after this long; the first retry after a loss alone may take 5 s.
SECONDS = float(os.environ.get("CONFORMANCE_SECONDS", "15"))
# Long enough for a frame that should not come to come.
SILENCE = 0.5
FRAMED = "switchboard.v1"
# What the ids of commands begin with that only ask whether the agent is there.
PROBE = "probe-"
# The back-off that the node's hello asks for: quick, so that many attempts take little time.
MINIMUM, MAXIMUM = 0.05, 0.4


@dataclass
class Attempt:
    """An upgrade request: when it came, and for what."""

    at: float
    path: str
    headers: websockets.Headers

    @property
    def query(self) -> dict[str, list[str]]:
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)


class FakeNode:
    """Accepts connections, or refuses them while `refusal` is set: a status and headers."""

    def __init__(self):
        self.attempts: list[Attempt] = []
        self.refusal: tuple[int, dict] | None = None
        self.minimum, self.maximum = MINIMUM, MAXIMUM
        self.heartbeat = (25.0, 10.0)
        self._links: asyncio.Queue[Link] = asyncio.Queue()
        self._attempted = asyncio.Condition()
        self._epochs = itertools.count(1)

    @contextlib.asynccontextmanager
    async def running(self):
        async with serve(
            self._connected, "127.0.0.1", 0, subprotocols=[FRAMED], ping_interval=None, compression=None,
            close_timeout=1, process_request=self._requested,
        ) as server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}"
            yield self

    async def _requested(self, connection, request):
        attempt = Attempt(asyncio.get_running_loop().time(), request.path, request.headers)
        async with self._attempted:
            self.attempts.append(attempt)
            self._attempted.notify_all()
        connection.attempt = attempt
        if self.refusal is None:
            return None
        status, headers = self.refusal
        response = connection.respond(http.HTTPStatus(status), json.dumps({"status": status, "code": "refused"}))
        for name, value in headers.items():
            response.headers[name] = value
        return response

    async def _connected(self, socket) -> None:
        link = Link(self, socket, next(self._epochs))
        self._links.put_nowait(link)
        await socket.wait_closed()
        link.ended_at = asyncio.get_running_loop().time()

    async def link(self, seconds: float = SECONDS) -> "Link":
        """The next connection, before any hello."""
        async with asyncio.timeout(seconds):
            return await self._links.get()

    async def online(self, seconds: float = SECONDS, **hello) -> "Link":
        """The next connection, after both hellos."""
        link = await self.link(seconds)
        await link.greet(**hello)
        return link

    async def attempted(self, count: int, seconds: float = SECONDS) -> list[Attempt]:
        """Waits until there were so many attempts altogether."""
        async with asyncio.timeout(seconds), self._attempted:
            await self._attempted.wait_for(lambda: len(self.attempts) >= count)
        return self.attempts


class Link:
    """One connection of the agent."""

    def __init__(self, node: FakeNode, socket, epoch: int):
        self.node, self.socket, self.epoch = node, socket, epoch
        self.attempt: Attempt = socket.attempt
        self.hello: dict = {}
        self.ended_at = 0.0
        self._offsets = itertools.count(1)
        # Frames that come by themselves.
        self.seen: list[dict] = []

    async def greet(self, *, channels: dict | None = None, **changes) -> dict:
        """Takes the agent's hello, which has to be its first frame, and answers it."""
        async with asyncio.timeout(SECONDS):
            text = await self.socket.recv()
        assert isinstance(text, str), "frames are text"
        self.hello = json.loads(text)
        assert self.hello["type"] == "hello", f"the first frame is hello, not {text[:200]}"
        frame = self._greeting()
        resume = self.hello.get("resume") or {}
        if resume:
            frame["channels"] = {
                name: {"recovered": True, "offset": offset or "E:0-0"} for name, offset in resume.items()} | (
                    channels or {})
            frame["recovered"] = all(state["recovered"] for state in frame["channels"].values())
        await self.send(**(frame | changes))
        return self.hello

    def _greeting(self) -> dict:
        return {
            "type": "hello", "clientId": self.attempt.query.get("clientId", ["anon-1"])[0],
            "session": f"s{self.epoch}", "epoch": self.epoch, "node": "fake",
            "heartbeat": {"interval": self.node.heartbeat[0], "timeout": self.node.heartbeat[1]},
            "reconnect": {"min": self.node.minimum, "max": self.node.maximum}, "recovered": False}

    async def tell(self, channels: dict) -> None:
        """What a node says when it was cut off itself: where channels stand, in another hello."""
        await self.send(**self._greeting(), channels=channels)

    async def send(self, **frame) -> None:
        await self.socket.send(json.dumps(frame))

    async def mail(self, push_id: str, data, offset: str | None = None) -> str:
        """A push of the client's mailbox; returns its offset."""
        offset = offset or f"{1732200000000 + self.epoch}-{next(self._offsets)}"
        await self.send(type="push", id=push_id, channel="client", offset=offset, data=data)
        return offset

    async def frame(self, seconds: float = SECONDS) -> dict:
        """The next frame but pongs and health, which come when they like."""
        async with asyncio.timeout(seconds):
            while True:
                text = await self.socket.recv()
                assert isinstance(text, str), "frames are text"
                frame = json.loads(text)
                if frame["type"] not in ("pong", "health"):
                    return frame
                self.seen.append(frame)

    async def next(self, kind: str, seconds: float = SECONDS) -> dict:
        frame = await self.frame(seconds)
        assert frame["type"] == kind, f"expected {kind}, got {str(frame)[:500]}"
        return frame

    async def nothing(self, seconds: float = SILENCE) -> None:
        try:
            frame = await self.frame(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"nothing should come, but this did: {str(frame)[:500]}")

    async def acked(self, offset: str, seconds: float = SECONDS) -> list[str]:
        """Waits for the ack of this offset; returns all that came up to it. Nothing else may come."""
        acks = []
        while not acks or acks[-1] != offset:
            frame = await self.next("ack", seconds)
            assert "offset" in frame, f"a push of the mailbox is acked by offset: {frame}"
            acks.append(frame["offset"])
        return acks

    async def result(self, command_id: str, *, ack: bool = True) -> dict:
        """The next frame, which has to be the result of this command; it is acked."""
        frame = await self.next("result")
        assert frame["id"] == command_id, frame
        if ack:
            await self.send(type="ack", ref=command_id)
        return frame

    async def command(self, command_id: str, name: str, data=None, timeout: float = 30) -> None:
        await self.send(type="command", id=command_id, name=name, timeout=timeout, data=data)

    async def until_alive(self) -> tuple[list[dict], str]:
        """Lets the agent answer all that was sent before: the frames that come, and the id of the command that asks."""
        probe = f"{PROBE}{self.epoch}-{next(self._offsets)}"
        await self.command(probe, "echo", "alive")
        frames = [await self.frame()]
        while frames[-1].get("id") != probe:
            if frames[-1]["type"] == "result":
                await self.send(type="ack", ref=frames[-1]["id"])
            frames.append(await self.frame())
        answer = frames.pop()
        assert (answer["type"], answer["data"]) == ("result", "alive"), answer
        await self.send(type="ack", ref=probe)
        return frames, probe

    async def alive(self) -> str:
        """The same, and nothing comes; but acks of the mailbox may, when they like."""
        frames, probe = await self.until_alive()
        strange = [frame for frame in frames if frame["type"] != "ack" or "offset" not in frame]
        assert not strange, str(strange)[:500]
        return probe

    async def close(self, code: int, reason: str = "") -> float:
        """Closes; returns when."""
        await self.socket.close(code, reason)
        return asyncio.get_running_loop().time()

    async def away(self, **hello) -> "Link":
        """Sends the agent away in order, to come back at once; the next connection, after both hellos."""
        await self.close(4200)
        return await self.node.online(**hello)

    def cut(self) -> float:
        """Breaks the connection without a word; returns when."""
        self.socket.transport.abort()
        return asyncio.get_running_loop().time()

    async def ended(self, seconds: float = SECONDS) -> tuple[int, str]:
        """Waits for the agent to end the connection: its code (1006: without a close frame) and reason."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.socket.recv()
        except websockets.ConnectionClosed as end:
            return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")
