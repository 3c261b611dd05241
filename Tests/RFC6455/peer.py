"""The other end of what is tested: a client of a node's `/ws/echo`, or the node of `switchboard agent`."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import urllib.parse

import deflate
import processes
from frames import BINARY, CLOSE, CONTINUATION, PONG, TEXT, Frame, Reader

SECONDS = 15
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
FRAMED = "switchboard.v1"


def accept(key: str) -> str:
    """Section 4.2.2, step 5.4."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class Peer:
    """An open connection. What it sends is masked as its side has to, unless a frame says otherwise."""

    # Whether this end is the client, whose frames are masked.
    is_client: bool

    def __init__(self, reader, writer, agreement: deflate.Agreement | None):
        self.stream, self._writer = reader, writer
        self.agreement = agreement
        self._frames = Reader(reader, masked=not self.is_client, compressed=agreement is not None)
        self._is_text = False
        if agreement:
            client = deflate.Sender(agreement.client_bits, agreement.client_keeps_context)
            server = deflate.Sender(agreement.server_bits, agreement.server_keeps_context)
            self.sender, other = (client, server) if self.is_client else (server, client)
            self._receiver = deflate.Receiver(other.bits, other.keeps_context)

    @property
    def masks(self) -> list[bytes]:
        """Of the frames that came."""
        return self._frames.masks

    # Out

    async def send(self, data: bytes, chop: int | None = None) -> None:
        """With `chop` in pieces of so many bytes, each for itself on the way."""
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(data), chop or max(len(data), 1)):
                self._writer.write(data[start : start + (chop or len(data))])
                await self._writer.drain()
                if chop:
                    # Lets the other end read what is there.
                    await asyncio.sleep(0)

    def encoded(self, frame: Frame, *, masked: bool | None = None, **options) -> bytes:
        return frame.encoded(self.is_client if masked is None else masked, **options)

    def message(self, opcode: int, content: bytes, fin: bool = True) -> bytes:
        """The payload that carries a test's content, here: as it is for an echo, within JSON for an agent."""
        if opcode in (TEXT, BINARY):
            self._is_text = opcode == TEXT
            payload = self.head(content) if self._is_text else content
        else:
            payload = content
        if fin and opcode in (TEXT, CONTINUATION) and self._is_text:
            payload += self.tail
            self._is_text = False
        return payload

    # In

    async def frame(self) -> Frame:
        async with asyncio.timeout(SECONDS):
            return await self._frames.frame()

    async def payload(self) -> tuple[int, bytes]:
        """The next message, inflated if it came compressed."""
        frame = await self.frame()
        assert frame.fin and frame.opcode in (TEXT, BINARY), frame
        return frame.opcode, self._receiver.inflate(frame.payload) if frame.rsv else frame.payload

    async def closing(self) -> tuple[int, bytes]:
        """The close frame, which has to be next: code and reason."""
        frame = await self.frame()
        assert frame.opcode == CLOSE, f"a close frame is due, not {str(frame)[:200]}"
        if not frame.payload:
            return 1005, b""
        assert len(frame.payload) > 1, "5.5.1: half a code"
        frame.payload[2:].decode()
        return int.from_bytes(frame.payload[:2], "big"), frame.payload[2:]

    async def ended(self) -> None:
        """Nothing more comes, and the TCP connection ends."""
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(ConnectionResetError):
                rest = await self.stream.read(65536)
                assert not rest, f"7.1.1: nothing follows the close frame, but this did: {rest[:100]!r}"

    async def finish(self) -> None:
        """Ends this end's half of the TCP connection."""
        with contextlib.suppress(ConnectionError, OSError):
            if self._writer.can_write_eof():
                self._writer.write_eof()


class EchoPeer(Peer):
    """A client of `/ws/echo`."""

    is_client = True
    tail = b""

    def head(self, content: bytes) -> bytes:
        return content

    def answer(self, opcode: int, content: bytes) -> tuple[int, bytes]:
        return opcode, content


class AgentPeer(Peer):
    """A node, to which an agent is connected. Its echo is the pong to the framed ping that carries the content."""

    is_client = False
    tail = b'"}'

    def head(self, content: bytes) -> bytes:
        return b'{"type":"ping","x":"' + content

    def answer(self, opcode: int, content: bytes) -> tuple[int, bytes]:
        return TEXT, b'{"type":"pong"}'


@contextlib.asynccontextmanager
async def echo(url: str, extensions: str | None = None):
    """A client that is connected to a node."""
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        head = {
            "Host": parts.netloc, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key}
        if extensions:
            head["Sec-WebSocket-Extensions"] = extensions
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"GET /ws/echo HTTP/1.1\r\n{lines}\r\n".encode())
        status, headers = await _head(reader)
        assert status.startswith("HTTP/1.1 101 "), status
        assert headers["sec-websocket-accept"] == accept(key)
        chosen = headers.get("sec-websocket-extensions")
        yield EchoPeer(reader, writer, deflate.agreed(chosen) if chosen else None)
    finally:
        writer.close()


class Request:
    """An agent's request for an upgrade."""

    def __init__(self, line: str, headers: dict[str, str]):
        self.line, self.headers = line, headers

    @property
    def key(self) -> str:
        return self.headers["sec-websocket-key"]

    def answer(self, changes: dict[str, str | None] | None = None, extensions: str | None = None) -> bytes:
        """The right answer, with some headers changed or left out."""
        head = {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept(self.key),
            "Sec-WebSocket-Protocol": FRAMED, "Sec-WebSocket-Extensions": extensions} | (changes or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value is not None)
        return f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode()


async def _head(reader) -> tuple[str, dict[str, str]]:
    async with asyncio.timeout(SECONDS):
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = text.removesuffix("\r\n\r\n").split("\r\n")
    headers = {}
    for text in lines:
        name, value = text.split(":", 1)
        assert name.lower() not in headers, f"twice: {name}"
        headers[name.lower()] = value.strip()
    return line, headers


class Stage:
    """A port to which an agent connects; the agent's process."""

    def __init__(self):
        self._connections: asyncio.Queue = asyncio.Queue()
        self._writers = []

    def _connected(self, reader, writer) -> None:
        self._writers.append(writer)
        self._connections.put_nowait((reader, writer))

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, *flags: str):
        """Starts an agent with these flags."""
        stage = cls()
        server = await asyncio.start_server(stage._connected, "127.0.0.1", 0, limit=1 << 20)
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            processes.executable(), "agent", "--url", f"ws://127.0.0.1:{port}", "--id", "under-test",
            "--health-interval", "0", "--json", *flags, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, limit=1 << 22)
        stage.process = process
        try:
            yield stage
        finally:
            server.close()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()
            for writer in stage._writers:
                writer.close()

    async def request(self) -> tuple[Request, object, object]:
        """The next request, and its connection."""
        async with asyncio.timeout(SECONDS):
            reader, writer = await self._connections.get()
        return Request(*await _head(reader)), reader, writer

    async def peer(self, extensions: str | None = None) -> AgentPeer:
        """The next connection, after both hellos."""
        request, reader, writer = await self.request()
        writer.write(request.answer(extensions=extensions))
        peer = AgentPeer(reader, writer, deflate.agreed(extensions) if extensions else None)
        opcode, payload = await peer.payload()
        assert opcode == TEXT and json.loads(payload)["type"] == "hello", payload
        hello = {
            "type": "hello", "clientId": "under-test", "session": "s", "epoch": 1, "node": "n",
            "heartbeat": {"interval": 25, "timeout": 10}, "reconnect": {"min": 1, "max": 30}, "recovered": False}
        await peer.send(peer.encoded(Frame(TEXT, json.dumps(hello).encode())))
        return peer


@contextlib.asynccontextmanager
async def agent(extensions: str | None = None):
    """A node to which an agent is connected, that has taken these extensions."""
    async with Stage.open(*(["--compression"] if extensions else [])) as stage:
        yield await stage.peer(extensions)


__all__ = ["AgentPeer", "EchoPeer", "PONG", "Peer", "Request", "Stage", "accept", "agent", "echo"]
