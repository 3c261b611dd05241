"""HTTP/1.1 and WebSocket, byte by byte: what a client library would hide has to be seen here."""

import base64
import hashlib
import json
import os
import re
import select
import socket
import struct
import time
import urllib.parse
from dataclasses import dataclass, field

SECONDS = 10


class Misframed(AssertionError):
    """An answer that is not well-formed HTTP/1.1."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    version: str = "HTTP/1.1"

    def json(self):
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return "close" in self.headers.get("connection", "").lower()


@dataclass
class Frame:
    opcode: int
    payload: bytes


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Connection:
    """One TCP connection to a node. Reads answers strictly: a wrong length fails the test."""

    def __init__(self, url: str, *, buffer: int | None = None, source: str | None = None):
        parts = urllib.parse.urlsplit(url)
        self.host = f"{parts.hostname}:{parts.port}"
        self._socket = socket.socket()
        self._socket.settimeout(SECONDS)
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if source:
            self._socket.bind((source, 0))
        self._socket.connect((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def detach(self) -> socket.socket:
        """The socket itself, for who goes on without this class; nothing that came may be pending."""
        assert not self._pending, self._pending
        return self._socket

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def readable(self, seconds: float) -> bool:
        """Whether something comes within that time, be it the end."""
        return bool(self._pending or select.select([self._socket], [], [], seconds)[0])

    def write_on(self, data: bytes, seconds: float) -> None:
        """Sends the same over and over, and reads nothing, until the node ends the connection."""
        deadline = time.monotonic() + seconds
        self._socket.settimeout(0.2)
        while time.monotonic() < deadline:
            try:
                self._socket.sendall(data)
            except TimeoutError:
                continue
            except ConnectionError:
                return
        raise AssertionError(f"the connection is still open after {seconds} s")

    def taken(self, data: bytes, limit: int, seconds: float) -> int:
        """Sends the same over and over until the node has read nothing for so long; how many bytes went, at most `limit`."""
        went = 0
        self._socket.setblocking(False)
        while went < limit and select.select([], [self._socket], [], seconds)[1]:
            went += self._socket.send(data)
        self._socket.settimeout(SECONDS)
        return went

    def finish(self) -> None:
        """Nothing more will be sent; answers are still read."""
        self._socket.shutdown(socket.SHUT_WR)

    def _more(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            return False
        self._pending += data
        return bool(data)

    def _until(self, end: bytes) -> bytes:
        while end not in self._pending:
            if not self._more():
                raise EOFError(f"closed in the middle of {self._pending!r}")
        line, self._pending = self._pending.split(end, 1)
        return line

    def _exactly(self, count: int) -> bytes:
        while len(self._pending) < count:
            if not self._more():
                raise EOFError(f"closed {count - len(self._pending)} bytes early")
        data, self._pending = self._pending[:count], self._pending[count:]
        return data

    def head(self) -> Answer:
        """The head of the next answer."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        line = re.fullmatch(r"(HTTP/1\.[01]) ([1-5][0-9]{2}) [^\r\n]*", head[0])
        if not line:
            raise Misframed(f"not a status line: {head[0]!r}")
        headers: dict[str, str] = {}
        for text in head[1:]:
            field_line = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", text)
            if not field_line:
                raise Misframed(f"not a header: {text!r}")
            name = field_line[1].lower()
            if name in headers and name in ("content-length", "transfer-encoding", "x-request-id", "content-type"):
                raise Misframed(f"twice: {name}")
            headers[name] = f"{headers[name]}, {field_line[2]}" if name in headers else field_line[2]
        return Answer(int(line[2]), headers, version=line[1])

    def chunk(self) -> bytes:
        """The next piece of a chunked body; empty at its end."""
        size = int(self._until(b"\r\n").split(b";")[0], 16)
        data = self._exactly(size)
        if self._exactly(2) != b"\r\n":
            raise Misframed("a chunk does not end where it says" if size else "unexpected trailers")
        return data

    def answer(self, to: str = "GET") -> Answer:
        """The next answer, interim ones (1xx) included. EOFError when the node has closed."""
        answer = self.head()
        headers = answer.headers
        if to == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            if answer.status < 200 or answer.status == 204:
                if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
                    raise Misframed(f"{answer.status} announces a body (RFC 9110 section 8.6)")
            return answer
        if "transfer-encoding" in headers:
            if "content-length" in headers or headers["transfer-encoding"].lower() != "chunked":
                raise Misframed("two ways to frame one body")
            body = bytearray()
            while data := self.chunk():
                body += data
            answer.body = bytes(body)
        elif "content-length" in headers:
            answer.body = self._exactly(int(headers["content-length"]))
        else:
            raise Misframed("a body without a length")
        return answer

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None, *, chunked=False):
        self.send(request(method, path, self.host, body, headers, chunked=chunked))
        return self.answer(method)

    def patience(self, seconds: float) -> None:
        """How long to wait for the next bytes."""
        self._socket.settimeout(seconds)

    def closed(self, seconds: float = SECONDS) -> bool:
        """Waits for the node to close. False when it sends something more, or does not close in time."""
        self._socket.settimeout(seconds)
        try:
            return not self._pending and not self._more()
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(SECONDS)

    def everything(self) -> bytes:
        """What comes until the node closes, as it comes."""
        while self._more():
            pass
        return self._pending

    def answers(self, seconds: float) -> tuple[list[Answer], bool]:
        """All answers that come before the node closes or is silent for `seconds`; and whether it closed."""
        found = []
        self._socket.settimeout(seconds)
        try:
            while True:
                found.append(self.answer())
        except EOFError as end:
            if self._pending:
                raise Misframed(str(end)) from end
            return found, True
        except TimeoutError:
            if self._pending:
                raise Misframed(f"half an answer: {self._pending!r}")
            return found, False

    # WebSocket

    def upgrade(self, path: str, headers: dict | None = None) -> Answer:
        """Asks for a WebSocket; the answer may be a refusal."""
        key = base64.b64encode(os.urandom(16)).decode()
        defaults = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
        }
        answer = self.request("GET", path, headers=defaults | (headers or {}))
        if answer.status == 101:
            digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            assert answer.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
        return answer

    def frame(self, *, skip_pings: bool = True, answers_pings: bool = True) -> Frame:
        """The next frame; the bytes of its payload are as they came."""
        while True:
            first, second = self._exactly(2)
            if not first & 0x80 or first & 0x70 or second & 0x80:
                raise Misframed(f"not a plain, whole, unmasked frame: {first:#x} {second:#x}")
            length = second & 0x7F
            if length == 126:
                length = struct.unpack(">H", self._exactly(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._exactly(8))[0]
            frame = Frame(first & 15, self._exactly(length))
            if frame.opcode == PING:
                if answers_pings:
                    self.send_frame(PONG, frame.payload)
                if skip_pings:
                    continue
            return frame

    def send_frame(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        head = bytes([0x80 | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        else:
            head += struct.pack(">BH", 0x80 | 126, len(payload))
        self.send(head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)))


class Stream:
    """An answer that is read line by line, while it still comes."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._text = b""
        self.answer = connection.head()
        assert self.answer.headers.get("transfer-encoding") == "chunked", self.answer

    def line(self) -> str | None:
        """The next line without its end; None behind the last."""
        while b"\n" not in self._text:
            data = self._connection.chunk()
            if not data:
                assert not self._text, f"ends in the middle of a line: {self._text!r}"
                return None
            self._text += data
        line, self._text = self._text.split(b"\n", 1)
        return line.decode()

    def event(self) -> tuple[str, dict] | None:
        """The next server-sent event with its data; None at the end."""
        fields: dict[str, str] = {}
        while (line := self.line()) is not None:
            if not line and fields:
                return fields["event"], json.loads(fields["data"])
            if line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                fields[name] = value
        assert not fields, f"ends in the middle of an event: {fields}"
        return None


def credentials(host: str) -> dict[str, str]:
    """What the node under test wants to see, where it asks for a key."""
    key = os.environ.get("SWITCHBOARD_KEY")
    is_meant = os.environ.get("SWITCHBOARD_URL", "").endswith(f"//{host}")
    return {"Authorization": f"Bearer {key}"} if key and is_meant else {}


def request(method, path, host, body=None, headers=None, *, chunked=False) -> bytes:
    """The bytes of a request. A chunked body goes in chunks of odd sizes, so that none ends where a token does."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    # A client shows a token of its own.
    if not path.startswith("/ws"):
        headers = credentials(host) | (headers or {})
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    payload = b""
    if body is not None and chunked:
        lines.append("Transfer-Encoding: chunked")
        start, size = 0, 1
        while start < len(body):
            piece = body[start : start + size]
            payload += b"%x\r\n%s\r\n" % (len(piece), piece)
            start, size = start + size, min(size * 3 + 1, 65536)
        payload += b"0\r\n\r\n"
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
        payload = body
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + payload


def call(url: str, method: str, path: str, body: bytes | None = None, headers: dict | None = None, *, chunked=False):
    """One request on a connection of its own."""
    with Connection(url) as connection:
        return connection.request(method, path, body, headers, chunked=chunked)


@dataclass
class Client:
    """A WebSocket client that is connected, and known to be so by the whole cluster."""

    id: str
    connection: Connection
    groups: list[str] = field(default_factory=list)

    def close(self) -> None:
        self.connection.__exit__()


def connect(url: str, client: str, *, framed: bool = False, query: str = "", key: str | None = None, token: str | None = None) -> Client:
    """A client that shows a token, once the node shows it; `key` is for asking that."""
    connection = Connection(url)
    headers = {"Sec-WebSocket-Protocol": "switchboard.v1"} if framed else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = connection.upgrade(f"/ws?clientId={client}{query}", headers)
    assert answer.status == 101, (answer.status, answer.body)
    await_state(url, client, "online", key)
    return Client(client, connection)


def await_state(url: str, client: str, state: str, key: str | None = None) -> dict:
    """Waits until the API shows the client in `state`: presence follows the connection, a moment later."""
    deadline = time.monotonic() + SECONDS
    while True:
        answer = call(url, "GET", f"/v1/clients/{client}", headers={"Authorization": f"Bearer {key}"} if key else {})
        if answer.status == 200 and answer.json()["state"] == state:
            return answer.json()
        if time.monotonic() > deadline:
            raise AssertionError(f"{client} is not {state}: {answer.status} {answer.body!r}")
        time.sleep(0.02)


def until(found, wanted) -> object:
    """Asks until what is found is wanted: what a client or a clock does is told a moment later."""
    deadline = time.monotonic() + SECONDS
    while not wanted(value := found()):
        if time.monotonic() > deadline:
            raise AssertionError(value)
        time.sleep(0.01)
    return value
