"""One hostile connection at a time, and the node's answer to it."""

import contextlib
import struct
import time
import uuid

import scrapes
import wire


def fresh(prefix: str) -> str:
    """An id that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@contextlib.contextmanager
def counted(url: str, name: str, **labels):
    """Fails unless the series rises meanwhile, once the node has had the time to count."""
    series = scrapes.label(name, **labels)
    before = scrapes.samples(url).get(series, 0)
    yield
    wire.until(lambda: scrapes.samples(url).get(series, 0), lambda value: value > before)


def limited(url: str, limit: str):
    return counted(url, "switchboard_limited_total", limit=limit)


def closed(url: str, code: int):
    return counted(url, "switchboard_connections_closed_total", code=str(code))


@contextlib.contextmanager
def session(url: str, *, client: str | None = None, framed: bool = False, headers: dict | None = None, query: str = ""):
    """A WebSocket, byte by byte; a framed one has had its hello."""
    protocol = {"Sec-WebSocket-Protocol": "switchboard.v1"} if framed else {}
    with wire.Connection(url) as connection:
        answer = connection.upgrade(f"/ws?clientId={client or fresh('peer')}{query}", protocol | (headers or {}))
        assert answer.status == 101, (answer.status, answer.body)
        if framed:
            assert b'"hello"' in connection.frame().payload
        yield connection


def close_code(connection: wire.Connection) -> tuple[int, str]:
    """Reads up to the close frame, pings being answered; its code and reason."""
    deadline = time.monotonic() + 2 * wire.SECONDS
    while time.monotonic() < deadline:
        frame = connection.frame()
        if frame.opcode == wire.CLOSE:
            return struct.unpack(">H", frame.payload[:2])[0], frame.payload[2:].decode()
    raise AssertionError("it is not closed")
