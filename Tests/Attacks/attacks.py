"""Every kind of attack that goes on for a while. What each has to end with stands beside its name."""

import json
import os
import zlib

from bytewise import BINARY, CONTINUATION, FIN, PING, RSV1, TEXT, frame
from peers import Peer
from siege import attack, Siege

FRAMED = "switchboard.v1"
# An address that the node does not take for a proxy: what connects from there is counted as one address.
STRANGER = "127.0.0.66"


def limited(limit: str):
    return "switchboard_limited_total", {"limit": limit}


def closed(code: int):
    return "switchboard_connections_closed_total", {"code": str(code)}


def socket(siege: Siege, kind: str, *, framed: bool = False, **options) -> Peer:
    """A WebSocket of a client of its own."""
    path = f"/ws?clientId={siege.name(kind)}"
    return Peer.upgraded(siege.url, path, protocol=FRAMED if framed else None, **options)


def post(path: str, length: int, body: bytes = b"") -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: node\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), length, body)


# Slow ones: they cost the attacker next to nothing.


@attack("slowloris: head", "408", counted=limited("requestTime"), quick=False)
def slow_head(siege: Siege) -> None:
    siege.hold(100, lambda: Peer(siege.url, b"GET /healthz HTTP/1.1\r\n"), lambda peer: peer.send(b"X-A: b\r\n"))


@attack("slowloris: head of a push", "408", counted=limited("requestTime"), quick=False)
def slow_push_head(siege: Siege) -> None:
    siege.hold(100, lambda: Peer(siege.url, b"POST /v1/push HTTP/1.1\r\n"), lambda peer: peer.send(b"X-A: b\r\n"))


@attack("slowloris: body of a push", "408", counted=limited("requestTime"), quick=False)
def slow_push(siege: Siege) -> None:
    siege.hold(100, lambda: Peer(siege.url, post("/v1/push", 100_000)), lambda peer: peer.send(b" "))


@attack("slowloris: body of a command", "408", counted=limited("requestTime"), quick=False)
def slow_body(siege: Siege) -> None:
    begin = post("/v1/clients/nobody/commands", 100_000)
    siege.hold(100, lambda: Peer(siege.url, begin), lambda peer: peer.send(b" "))


@attack("slowloris: WebSocket handshake", "408", counted=limited("requestTime"), quick=False)
def slow_handshake(siege: Siege) -> None:
    begin = b"GET /ws?clientId=slow HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\n"
    siege.hold(100, lambda: Peer(siege.url, begin), lambda peer: peer.send(b"X-A: b\r\n"))


@attack("connections that say nothing", "closed", counted=limited("requestTime"), quick=False)
def mute(siege: Siege) -> None:
    siege.hold(100, lambda: Peer(siege.url), lambda peer: None)


@attack("half a frame, byte by byte", "4202", quick=False)
def half_frame(siege: Siege) -> None:
    begin = frame(BINARY, b"x", length=60_000)

    def opened() -> Peer:
        peer = socket(siege, "half")
        peer.send(begin)
        return peer

    siege.hold(50, opened, lambda peer: peer.send(b"x"))


# Those who do not read.


@attack("answers that nobody reads", "closed", rate=10, counted=limited("answerTime"), quick=False)
def unread_answers(siege: Siege) -> None:
    unread(siege, b"GET /openapi.yaml HTTP/1.1\r\nHost: node\r\n\r\n" * 60)


# These answers are so short that they need longer than a round to fill a socket: see test_an_answer_that_nobody_reads.
@attack("answers to pushes that nobody reads", "closed", rate=6, quick=False)
def unread_push_answers(siege: Siege) -> None:
    unread(siege, post("/v1/groups/none/push", 1, b"x") * 400)


@attack("pushes that their client does not read", "closed", rate=40, counted=closed(4101), quick=False)
def deaf(siege: Siege) -> None:
    clients = [siege.name("deaf") for _ in range(2)]
    held = [Peer.upgraded(siege.url, f"/ws?clientId={client}", buffer=4096) for client in clients]
    pusher = Peer(siege.url)
    turn = 0
    while siege.goes_on():
        turn = (turn + 1) % len(clients)
        pusher.send(post(f"/v1/clients/{clients[turn]}/push", 200_000, b"x" * 200_000))
        pusher.look()
        if pusher.verdict:
            pusher = Peer(siege.url)
    for peer in [*held, pusher]:
        peer.close()


@attack("events that nobody reads", "closed", "503", rate=100, quick=False)
def unread_events(siege: Siege) -> None:
    watchers = [Peer(siege.url, b"GET /v1/events HTTP/1.1\r\nHost: node\r\n\r\n", buffer=4096) for _ in range(16)]
    listener = socket(siege, "listener")
    backend = Peer(siege.url)
    while siege.goes_on():
        # Each is an event for every watcher.
        backend.send(post("/v1/groups/none/push", 1, b"x") * 5)
        listener.send(frame(TEXT, b"x"))
        listener.look()
        if backend.look():
            backend = Peer(siege.url)
    for peer in [*watchers, listener, backend]:
        peer.close()


def unread(siege: Siege, asks: bytes) -> None:
    """Peers that ask, and ask again, and never read."""
    held: list[Peer] = []
    while siege.goes_on():
        if len(held) < 5:
            held.append(Peer(siege.url, asks, buffer=4096))
        else:
            siege.number += 1
            held[siege.number % 5].send(asks)
    for peer in held:
        peer.close()


# Floods of frames.


@attack("ping flood", "4102", rate=50, counted=closed(4102))
def pings(siege: Siege) -> None:
    many = frame(PING, b"x" * 100) * 100
    siege.hold(1, lambda: socket(siege, "ping"), lambda peer: peer.send(many))


@attack("fragment flood", "4102", "1009", "1002", rate=50)
def fragments(siege: Siege) -> None:
    many = frame(CONTINUATION, b"", bits=0) * 130 + frame(CONTINUATION, b"x", bits=0) * 20

    def begin() -> Peer:
        peer = socket(siege, "fragment")
        peer.send(frame(TEXT, b"x", bits=0))
        return peer

    siege.hold(1, begin, lambda peer: peer.send(many))


@attack("message flood", "4102", rate=25, counted=closed(4102))
def messages(siege: Siege) -> None:
    many = frame(TEXT, b"x" * 50) * 50
    siege.hold(5, lambda: socket(siege, "talk"), lambda peer: peer.send(many))


@attack("join flood", "4102", rate=50, counted=limited("groups"))
def joins(siege: Siege) -> None:
    def more(peer: Peer) -> None:
        groups = [siege.name("g") for _ in range(60)]
        peer.send(b"".join(frame(TEXT, json.dumps({"type": "join", "group": group}).encode()) for group in groups))

    siege.hold(5, lambda: socket(siege, "join", framed=True), more)


@attack("flood of unknown types", "4102", rate=50, counted=closed(4102))
def unknown_types(siege: Siege) -> None:
    many = frame(TEXT, b'{"type":"x"}') * 150
    siege.hold(1, lambda: socket(siege, "unknown", framed=True), lambda peer: peer.send(many))


@attack("flood of pongs and acks", "4102", rate=50, counted=closed(4102))
def pongs(siege: Siege) -> None:
    many = (frame(TEXT, b'{"type":"pong"}') + frame(TEXT, b'{"type":"ack","offset":"1-1"}')) * 75
    siege.hold(1, lambda: socket(siege, "pong", framed=True), lambda peer: peer.send(many))


# Frames that are not what they should be.


def frames(siege: Siege, *data: bytes, framed: bool = False) -> None:
    """Each connection is opened, sends this, and is cut off."""

    def begin() -> Peer:
        peer = socket(siege, "odd", framed=framed)
        for piece in data:
            peer.send(piece)
        return peer

    siege.hold(10, begin, lambda peer: None)


@attack("huge declared length", "1009", rate=100, counted=closed(1009))
def huge(siege: Siege) -> None:
    frames(siege, frame(BINARY, b"x", length=(1 << 63) - 1))


@attack("invalid UTF-8 across fragments", "1007", rate=100, counted=closed(1007))
def broken_text(siege: Siege) -> None:
    frames(siege, frame(TEXT, b"ok \xf0\x9f", bits=0) + frame(CONTINUATION, b"\x98", bits=0) + frame(CONTINUATION, b"(", bits=FIN))


@attack("reserved bits, opcodes, no mask", "1002", rate=100, counted=closed(1002))
def odd_frames(siege: Siege) -> None:
    kinds = [frame(TEXT, b"x", masked=False), frame(11, b"x"), frame(TEXT, b"x", bits=FIN | 0x20), frame(PING, b"", bits=0)]

    def begin() -> Peer:
        peer = socket(siege, "odd")
        peer.send(kinds[siege.number % len(kinds)])
        return peer

    siege.hold(10, begin, lambda peer: None)


@attack("JSON nesting bomb in a frame", "4006", rate=50, counted=closed(4006))
def nested_frames(siege: Siege) -> None:
    frames(siege, frame(TEXT, b'{"type":"message","data":' + b"[" * 60_000), framed=True)


def bomb() -> bytes:
    """64 MB of zeros as one compressed message (RFC 7692 section 7.2.1)."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(64)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    return frame(BINARY, data.removesuffix(b"\x00\x00\xff\xff"), bits=FIN | RSV1)


OFFER = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


@attack("deflate bomb", "1009", rate=50, counted=closed(1009))
def bombs(siege: Siege) -> None:
    data = bomb()

    def begin() -> Peer:
        peer = socket(siege, "bomb", headers=OFFER)
        peer.send(data)
        return peer

    siege.hold(10, begin, lambda peer: None)


# Connections.


@attack("reconnect loop of one id", "4100", "4003", "1000", counted=closed(4100))
def loop(siege: Siege) -> None:
    client = siege.name("loop")
    siege.hold(3, lambda: Peer.upgraded(siege.url, f"/ws?clientId={client}"), lambda peer: peer.send(frame(8, b"\x03\xe8")))


@attack("connection flood from one address", "429", "closed", counted=limited("connectionsPerAddress"))
def flood(siege: Siege) -> None:
    held = [Peer(siege.url, source=STRANGER) for _ in range(100)]
    siege.hold(20, lambda: Peer(siege.url, source=STRANGER), lambda peer: None)
    for peer in held:
        peer.close()


@attack("WebSocket flood from one address behind a proxy", "429", rate=100, counted=limited("connectionsPerAddress"))
def proxied_flood(siege: Siege) -> None:
    def begin() -> Peer:
        return socket(siege, "flood", headers="X-Forwarded-For: 203.0.113.7\r\n")

    held = [begin() for _ in range(100)]
    siege.hold(20, begin, lambda peer: None)
    for peer in held:
        peer.close()


@attack("ever new ids", "1000", rate=100)
def new_ids(siege: Siege) -> None:
    siege.hold(3, lambda: socket(siege, "new"), lambda peer: peer.send(frame(8, b"\x03\xe8")))


# Requests.


def requests(siege: Siege, *data: bytes, count: int = 10) -> None:
    """Each connection sends one of these and is answered and closed."""

    def begin() -> Peer:
        siege.number += 1
        return Peer(siege.url, data[siege.number % len(data)])

    siege.hold(count, begin, lambda peer: None)


@attack("oversized header", "431", rate=100, counted=limited("head"))
def big_header(siege: Siege) -> None:
    requests(siege, b"GET /healthz HTTP/1.1\r\nHost: node\r\nX-A: " + b"a" * 40_000)


@attack("oversized URL", "431", counted=limited("head"))
def big_url(siege: Siege) -> None:
    requests(siege, b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n")


@attack("oversized body", "413", rate=100, counted=limited("body"))
def big_body(siege: Siege) -> None:
    chunks = b"POST /v1/broadcast HTTP/1.1\r\nHost: node\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    requests(siege, post("/v1/broadcast", 10**12), chunks + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 5)


@attack("request smuggling", "400")
def smuggling(siege: Siege) -> None:
    hidden = b"DELETE /v1/clients/honest-1 HTTP/1.1\r\nHost: node\r\n\r\n"
    for_two = b"POST /v1/push HTTP/1.1\r\nHost: node\r\nContent-Length: %d\r\n%s\r\n\r\n0\r\n\r\n" + hidden
    requests(
        siege, for_two % (5 + len(hidden), b"Transfer-Encoding: chunked"), for_two % (0, b"Content-Length: 5"),
        for_two % (5 + len(hidden), b"Transfer-Encoding : chunked"))


def ended(path: bytes, body: bytes = b"") -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (path, len(body), body)


@attack("JSON nesting bomb", "400", counted=limited("nesting"))
def nested(siege: Siege) -> None:
    requests(siege, ended(b"/v1/push", b'{"to":{"all":true},"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))


@attack("JSON with 20 000 members", "400", rate=20)
def members(siege: Siege) -> None:
    body = b"{" + b",".join(b'"m%d":0' % number for number in range(20_000)) + b"}"
    requests(siege, ended(b"/v1/push", body))


@attack("NDJSON line without an end", "200", rate=50, counted=limited("line"))
def endless_line(siege: Siege) -> None:
    head = b"POST /v1/pushes HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n"
    siege.hold(2, lambda: Peer(siege.url, head + b" " * 60_000), lambda peer: peer.send(b" " * 60_000))


PATHS = [
    "/v1/clients/../nodes", "/v1/clients/%2e%2e%2fnodes", "/v1/clients/a%00b", "/v1/clients/%7Bsb%7D:x", "/v1/clients/a%0Ab",
    "/v1/clients/" + "a" * 4000, "/v1/clients/%ff", "/v1/groups/..%2F..%2Fetc", "/v1/clients/%", "//v1//clients//x",
]


@attack("path tricks", "400", "404")
def paths(siege: Siege) -> None:
    get = "GET {} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"
    requests(siege, *[get.format(path).encode() for path in PATHS])


@attack("log and header injection", "400", "404", "426")
def injection(siege: Siege) -> None:
    get = "GET {} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nX-Request-Id: {}\r\nUser-Agent: {}\r\n\r\n"
    evil = "x%0d%0aSet-Cookie:%20a=b"
    requests(
        siege, get.format(f"/v1/clients/{evil}", evil, "a").encode(), get.format(f"/ws?clientId={evil}", "a\tb", "\x1b[2J").encode(),
        get.format("/ws", "a\rb", "a").encode())


@attack("random bytes", "400", "closed")
def noise(siege: Siege) -> None:
    siege.hold(10, lambda: Peer(siege.url, b"\x16\x03\x01" + os.urandom(2000) + b"\r\n\r\n"), lambda peer: None)
