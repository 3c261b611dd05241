"""Tokens of clients, and clients that show them."""

import json
import struct
import time

import tokens
import wire
from guarded import bearer

SECRET = "a secret that is long enough for HS256"


def token(sub: str | None = "c", seconds: float = 3600, *, secret: str = SECRET, header: dict | None = None, **claims) -> str:
    """A token that ends in so many seconds; claims that are None are left out."""
    claims = {"sub": sub, "exp": time.time() + seconds} | claims
    claims = {name: value for name, value in claims.items() if value is not None}
    text = f"{tokens.encoded(header or {'alg': 'HS256'})}.{tokens.encoded(claims)}"
    return f"{text}.{tokens.b64(tokens.hs256(secret.encode(), text.encode()))}"


def backend() -> dict:
    """The header of a backend that may do anything."""
    return bearer(token("backend", scope="admin"))


class Client:
    """A connection that may not be let in."""

    def __init__(self, url: str, query: str = "", headers: dict | None = None, *, framed: bool = True):
        self.connection = wire.Connection(url)
        offer = {"Sec-WebSocket-Protocol": "switchboard.v1"} if framed else {}
        self.answer = self.connection.upgrade(f"/ws?{query}", offer | (headers or {}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.__exit__()

    @property
    def refusal(self) -> tuple[int, str, str | None]:
        """Status, code and reason of a handshake that was refused."""
        assert self.answer.headers["content-type"] == "application/problem+json", self.answer
        problem = self.answer.json()
        assert problem["status"] == self.answer.status
        return self.answer.status, problem["code"], problem.get("reason")

    def send(self, **frame) -> None:
        self.connection.send_frame(wire.TEXT, json.dumps(frame).encode())

    def next(self) -> dict:
        """The next frame that is no ping."""
        while True:
            frame = self.connection.frame()
            assert frame.opcode == wire.TEXT, frame
            if (message := json.loads(frame.payload))["type"] != "ping":
                return message

    def hello(self, text: str | None = None, **members) -> dict:
        """Says hello, and gives the node's answer. Who is known without it promises it (`hello=1`): else it may come too late."""
        self.send(type="hello", **({"token": text} if text else {}), **members)
        answer = self.next()
        assert answer["type"] == "hello", answer
        return answer

    def close(self, seconds: float = wire.SECONDS) -> tuple[int, str]:
        """Waits until the node closes: code and reason. Pings are answered."""
        self.connection.patience(seconds)
        while True:
            frame = self.connection.frame()
            if frame.opcode == wire.CLOSE:
                return struct.unpack(">H", frame.payload[:2])[0], frame.payload[2:].decode()
            if json.loads(frame.payload)["type"] == "ping":
                self.send(type="pong")
