"""Honest clients and their backend: many connections, a steady stream of pushes to one of them after the other, and the time that
each push takes. A process of its own, so that what is measured is the node."""

import json
import os
import re
import select
import struct
import sys
import time
import urllib.parse

import wire
from bytewise import PONG, frame

# A push that has not come by then is lost.
PATIENCE = 5.0


class Crowd:
    """`count` raw clients, and one connection for the pushes to them."""

    def __init__(self, url: str, count: int):
        self._names = [f"honest-{number}" for number in range(count)]
        self._poll = select.epoll()
        self._clients: dict[int, "_Client"] = {}
        self._sent: dict[int, float] = {}
        self._number = 0
        self._times: list[float] = []
        for name in self._names:
            connection = wire.Connection(url)
            answer = connection.upgrade(f"/ws?clientId={name}")
            if answer.status != 101:
                raise SystemExit(f"{name} is refused: {answer.status}")
            client = _Client(name, connection.detach())
            self._clients[client.socket.fileno()] = client
            self._poll.register(client.socket, select.EPOLLIN)
        parts = urllib.parse.urlsplit(url)
        self._host = f"{parts.hostname}:{parts.port}"
        self._backend = wire.Connection(url).detach()
        self._poll.register(self._backend, select.EPOLLIN)
        self._answers = b""

    def measure(self, seconds: float, rate: int) -> dict:
        """Pushes for so long. Milliseconds of each push, and how many never came."""
        self._times, self._sent = [], {}
        start = time.perf_counter()
        for step in range(int(seconds * rate)):
            self._read(until=start + step / rate)
            self._push()
        deadline = time.perf_counter() + PATIENCE
        while self._sent and time.perf_counter() < deadline:
            self._read(until=min(deadline, time.perf_counter() + 0.05), stops=True)
        return {"times": [round(took * 1000, 3) for took in self._times], "lost": len(self._sent)}

    def idle(self, seconds: float) -> None:
        """Pings are answered all the same."""
        self._read(until=time.perf_counter() + seconds)

    def _push(self) -> None:
        self._number += 1
        # Strides, so that neighbours do not share what is warm in the node's caches.
        name = self._names[self._number * 37 % len(self._names)]
        body = b"%d" % self._number
        head = f"POST /v1/clients/{name}/push HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._sent[self._number] = time.perf_counter()
        self._backend.sendall(head.encode() + body)

    def _read(self, until: float, stops: bool = False) -> None:
        while True:
            left = until - time.perf_counter()
            events = self._poll.poll(max(0.0, left))
            for descriptor, _ in events:
                if descriptor == self._backend.fileno():
                    self._answer()
                else:
                    self._receive(self._clients[descriptor])
            if time.perf_counter() >= until or stops and not self._sent:
                return

    def _answer(self) -> None:
        data = self._backend.recv(65536)
        if not data:
            raise SystemExit("the node has closed the backend's connection")
        self._answers = self._answers[-12:] + data
        refused = set(re.findall(rb"HTTP/1\.1 ([0-9]{3})", self._answers)) - {b"200", b"202"}
        if refused:
            raise SystemExit(f"a push was refused: {refused}")

    def _receive(self, client: "_Client") -> None:
        data = client.socket.recv(65536)
        if not data:
            raise SystemExit(f"{client.name} was cut off")
        now = time.perf_counter()
        for opcode, payload in client.frames(data):
            if opcode == wire.PING:
                client.socket.sendall(frame(PONG, payload))
            elif opcode == wire.CLOSE:
                raise SystemExit(f"{client.name} was closed: {payload!r}")
            else:
                # An attack may push to everybody as well.
                sent = self._sent.pop(int(payload), None) if payload.isdigit() else None
                if sent is not None:
                    self._times.append(now - sent)


class _Client:
    def __init__(self, name: str, socket):
        self.name = name
        self.socket = socket
        self._rest = b""

    def frames(self, data: bytes):
        """The whole frames that there are; all of ours are short."""
        self._rest += data
        while len(self._rest) >= 2 and len(self._rest) >= 2 + (size := self._rest[1] & 0x7F):
            if size > 125:
                size = struct.unpack_from(">H", self._rest, 2)[0] + 2
                if len(self._rest) < 2 + size:
                    return
            yield self._rest[0] & 15, self._rest[2 : 2 + size]
            self._rest = self._rest[2 + size :]


def main() -> None:
    """Reads `SECONDS RATE` a line from standard input and answers with what was measured."""
    url, count = sys.argv[1], int(sys.argv[2])
    crowd = Crowd(url, count)
    print(json.dumps({"connected": count, "pid": os.getpid()}), flush=True)
    while True:
        if not select.select([sys.stdin], [], [], 0)[0]:
            crowd.idle(0.02)
            continue
        line = sys.stdin.readline()
        if not line:
            return
        seconds, rate = line.split()
        print(json.dumps(crowd.measure(float(seconds), int(rate))), flush=True)


if __name__ == "__main__":
    main()
