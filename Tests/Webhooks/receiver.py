"""A backend that gets webhooks. Every request is verified with the published libraries before it counts."""

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook

import processes

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECONDS = 60


@dataclass
class Reply:
    """How a request is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    # Seconds before the answer.
    after: float = 0
    # Bytes instead of an answer, after which the connection is closed.
    garbage: bytes | None = None


@dataclass
class Delivery:
    """A verified request."""

    at: float
    path: str
    id: str
    content_type: str
    events: list
    status: int = 0


def _parse(headers: dict, body: bytes) -> tuple[str, list]:
    """The events of a request, each read by the CloudEvents library."""
    content_type = headers["content-type"]
    kind = content_type.split(";")[0]
    if kind == "application/cloudevents+json":
        return kind, [from_structured(HTTPMessage({"content-type": content_type}, body), JSONFormat())]
    assert kind == "application/cloudevents-batch+json", content_type
    # The library reads one event at a time; a batch is a JSON array of them.
    return kind, [JSONFormat().read(None, json.dumps(event)) for event in json.loads(body)]


class Receiver:
    """Listens on loopback. `behave` decides what each request gets; what it does not like, it says in `failures`."""

    def __init__(self, secret: str = SECRET):
        self.secret = secret
        self.behave = lambda delivery: Reply()
        self.failures: list[str] = []
        # Requests that are verified and not answered.
        self.under_way = 0
        self._deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._connections: set[socket.socket] = set()
        self.port = processes.free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer that leaves in two packets would wait for the peer's delayed acknowledgement.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if len(body) < int(self.headers["Content-Length"]):
                    # Cut off by `stop`, or by a node that was killed.
                    self.close_connection = True
                    return
                reply = receiver._take(self.path, self.headers, body)
                if reply.after:
                    time.sleep(reply.after)
                if reply.garbage is not None:
                    self.wfile.write(reply.garbage)
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def handle(self):
                receiver._connections.add(self.connection)
                # A node that is killed, or does not wait any longer, is none of this test's business.
                with contextlib.suppress(ConnectionError):
                    super().handle()
                receiver._connections.discard(self.connection)

            def finish(self):
                with contextlib.suppress(ConnectionError, ValueError):
                    super().finish()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 1024

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            for connection in list(self._connections):
                # One that has ended by itself is closed already.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _take(self, path: str, headers, body: bytes) -> Reply:
        try:
            names = {name.lower(): value for name, value in headers.items()}
            Webhook(self.secret).verify(body, names)
            kind, events = _parse(names, body)
            delivery = Delivery(time.monotonic(), path, names["webhook-id"], kind, events)
        except Exception as error:
            with self._changed:
                self.failures.append(f"{error!r} in {body[:500]!r}")
                self._changed.notify_all()
            return Reply(400)
        with self._changed:
            self.under_way += 1
            self._changed.notify_all()
        reply = self.behave(delivery)
        delivery.status = reply.status if reply.garbage is None else 0
        with self._changed:
            self.under_way -= 1
            self._deliveries.append(delivery)
            self._changed.notify_all()
        return reply

    @property
    def deliveries(self) -> list[Delivery]:
        with self._changed:
            return list(self._deliveries)

    def events(self, type: str | None = None, client: str | None = None) -> list:
        """Events that were taken with success, in the order of their requests; repetitions of one id included."""
        return [
            event
            for delivery in self.deliveries
            if 200 <= delivery.status < 300
            for event in delivery.events
            if type in (None, event.get_type()) and client in (None, event.get_subject())
        ]

    def wait(self, wanted, seconds: float = SECONDS):
        """Waits until `wanted(self)` is true, asked whenever something has come; returns what it gave."""
        deadline = time.monotonic() + seconds
        while not (found := wanted(self)):
            assert not self.failures, self.failures
            with self._changed:
                left = deadline - time.monotonic()
                assert left > 0, f"after {seconds} s: {self.summary()}"
                self._changed.wait(min(left, 0.5))
        assert not self.failures, self.failures
        return found

    def wait_for(self, count: int, type: str | None = None, client: str | None = None, seconds: float = SECONDS) -> list:
        """Waits until that many different events were taken; returns them, each once."""
        return self.wait(lambda _: (found := self.unique(type, client)) if len(self.unique(type, client)) >= count else None, seconds)

    def unique(self, type: str | None = None, client: str | None = None) -> list:
        return list({event.get_id(): event for event in self.events(type, client)}.values())

    def summary(self) -> dict:
        return {
            "requests": Counter(delivery.status for delivery in self.deliveries),
            "events": Counter(event.get_type() for event in self.unique()),
            "failures": self.failures[:3],
        }


@contextlib.contextmanager
def receiving(secret: str = SECRET, *, listens: bool = True):
    receiver = Receiver(secret)
    if listens:
        receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
    assert not receiver.failures, receiver.failures
