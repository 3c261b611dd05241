"""A hostile peer: a socket that never blocks its owner, and remembers only what tells how it ended."""

import base64
import os
import socket
import urllib.parse

import verdicts

# More of an answer is not needed to tell what it is.
ENOUGH = 4096

class Peer:
    """One connection of an attack. `verdict` is what the node said at the end, None while it lives."""

    def __init__(self, url: str, opening: bytes = b"", *, source: str | None = None, buffer: int | None = None):
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if source:
            self._socket.bind((source, 0))
        self._socket.settimeout(5)
        self._data = b""
        self._unsent = b""
        self._opened = False
        self.verdict: str | None = None
        try:
            self._socket.connect((parts.hostname, parts.port))
            self._socket.setblocking(False)
        except OSError:
            self._end("no connection")
        if opening:
            self.send(opening)

    @classmethod
    def upgraded(cls, url: str, path: str, *, protocol: str | None = None, headers: str = "", **options) -> "Peer":
        """One whose handshake has been answered; a refused one has a verdict."""
        peer = cls(url, handshake(path, protocol, headers), **options)
        peer._socket.settimeout(5)
        try:
            while peer.verdict is None and b"\r\n\r\n" not in peer._data:
                peer._take(peer._socket.recv(4096))
        except OSError:
            peer._end("no answer")
        if peer.verdict is None:
            if peer._data.startswith(b"HTTP/1.1 101 "):
                peer._opened = True
                peer._data = peer._data.split(b"\r\n\r\n", 1)[1]
            else:
                peer._end(peer._last or "no answer")
        if peer.verdict is None:
            peer._socket.setblocking(False)
        return peer

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Sends what the kernel takes. The rest goes first the next time, instead of what would be sent then."""
        if self.verdict is not None:
            return
        self._unsent = self._unsent or data
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            # The node has closed: what it said before may still be read.
            self.look()
            if self.verdict is None:
                self._end("closed")

    def look(self) -> str | None:
        """Reads what is there. Returns the verdict, if there is one now."""
        while self.verdict is None:
            try:
                self._take(self._socket.recv(65536))
            except BlockingIOError:
                break
            except OSError:
                self._end(self._last or "closed")
        return self.verdict

    @property
    def _last(self) -> str | None:
        """The status of the newest answer, of a connection that is none of frames."""
        return None if self._opened else verdicts.status(self._data)

    def _take(self, data: bytes) -> None:
        if self._opened:
            code, self._data = verdicts.close_code(self._data + data)
            if code:
                return self._end(code)
        else:
            self._data = (self._data + data)[:ENOUGH]
        if not data:
            self._end(self._last or "closed")

    def _end(self, verdict: str) -> None:
        self.verdict = verdict
        self._socket.close()

    def close(self) -> None:
        if self.verdict is None:
            self._end("left")


def handshake(path: str, protocol: str | None = None, headers: str = "") -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    subprotocol = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{subprotocol}{headers}\r\n"
    ).encode("latin-1")
