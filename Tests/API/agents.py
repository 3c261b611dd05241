"""A framed client that does only what a test tells it to: what it leaves undone is what the node has to cope with."""

import json

import wire


class Agent:
    """Speaks `switchboard.v1`. Heartbeats are answered by themselves, everything else by the test."""

    def __init__(self, client: wire.Client):
        self.id = client.id
        self.connection = client.connection
        self.hello = self.next("hello")

    def next(self, kind: str) -> dict:
        """The next frame, which must be of this type."""
        while True:
            frame = json.loads(self.connection.frame().payload)
            if frame["type"] == "ping":
                self.send(type="pong")
            else:
                assert frame["type"] == kind, frame
                return frame

    def send(self, **frame) -> None:
        self.connection.send_frame(wire.TEXT, json.dumps(frame).encode())

    def verbatim(self, text: bytes) -> None:
        self.connection.send_frame(wire.TEXT, text)

    def output(self, command: dict, data) -> None:
        self.send(type="output", id=command["id"], data=data)

    def result(self, command: dict, data, status: int = 200) -> None:
        """Answers a command, and waits until the node has taken the answer over."""
        self.send(type="result", id=command["id"], status=status, data=data)
        assert self.next("ack")["ref"] == command["id"]

    def push(self) -> dict:
        return self.next("push")

    def ack(self, push: dict) -> None:
        """Acknowledges everything up to a push from the mailbox."""
        self.send(type="ack", offset=push["offset"])
