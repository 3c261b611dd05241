"""An operator's socket: speaks `switchboard.operator.v1`, and does only what a test tells it to."""

import json

import wire

SUBPROTOCOL = {"Sec-WebSocket-Protocol": "switchboard.operator.v1"}


class Operator:
    """Heartbeats are answered by themselves, everything else by the test."""

    def __init__(self, url: str, *, key: str | None = None, shows: str | None = None):
        """`key` goes into the handshake, where a program can put it; `shows` into the first frame, as a page does."""
        self.connection = wire.Connection(url)
        headers = SUBPROTOCOL | ({"Authorization": f"Bearer {key}"} if key else {})
        self.answer = self.connection.upgrade("/v1/live", headers)
        if self.answer.status == 101 and shows is not None:
            self.send(type="hello", key=shows)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.__exit__()

    def send(self, **frame) -> None:
        self.verbatim(json.dumps(frame).encode())

    def verbatim(self, text: bytes, opcode: int = wire.TEXT) -> None:
        self.connection.send_frame(opcode, text)

    def next(self, kind: str) -> dict:
        """The next frame, which must be of this type."""
        frame = self.connection.frame()
        assert frame.opcode == wire.TEXT, frame
        document = json.loads(frame.payload)
        assert document["type"] == kind, document
        return document

    def event(self, kind: str, watch: str) -> dict:
        """The next event of this type; others are passed over."""
        while True:
            frame = self.next("events")
            assert frame["id"] == watch and frame["events"], frame
            for event in frame["events"]:
                if event["type"] == kind:
                    return event

    def closed(self) -> tuple[int, str]:
        """The code and the reason with which the node closes, whatever it says before."""
        while (frame := self.connection.frame()).opcode != wire.CLOSE:
            assert frame.opcode == wire.TEXT, frame
        return int.from_bytes(frame.payload[:2], "big"), frame.payload[2:].decode()
