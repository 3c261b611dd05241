"""Each limit that a connection can run into: what it is told, and that it is counted."""

import contextlib
import json
import time

import pytest

import fields
import processes
import wire
from attacks import OFFER, STRANGER, bomb, post
from bytewise import BINARY, CONTINUATION, FIN, PING, PONG, TEXT, frame
from conversation import close_code, closed, counted, fresh, limited, session
from peers import Peer
from problems import expect
from scrapes import label, samples
from test_siege import compresses


def opened(url: str, source: str, count: int) -> list[Peer]:
    return [Peer(url, source=source) for _ in range(count)]


def verdict(peer: Peer) -> str:
    return wire.until(peer.look, lambda verdict: verdict is not None)


# Time


SLOW = {
    "a head": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "a head of a push": b"POST /v1/push HTTP/1.1\r\nHost: x\r\n",
    "a handshake": b"GET /ws?clientId=a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n",
    "a body of a push": post("/v1/push", 100, b"{"),
    "a body of a command": post("/v1/clients/nobody/commands", 100, b"{"),
    "a chunked body": b"POST /v1/push HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
}


@pytest.mark.parametrize("case", SLOW)
def test_a_request_that_trickles(node, case):
    """A byte now and then does not keep it alive."""
    with limited(node.url, "requestTime"), wire.Connection(node.url) as connection:
        connection.send(SLOW[case])
        began = time.monotonic()
        drip = b"X" if "head" in case or "handshake" in case else b"1\r\n \r\n" if "chunked" in case else b" "
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < began + 12 and not connection.readable(0.1):
                connection.send(drip)
        answer = connection.answer()
        expect(answer, "request_timeout")
        assert answer.closes and connection.closed()
        assert time.monotonic() - began < 12


def test_a_line_of_ndjson_that_trickles(node):
    """Whole lines may come slowly; a line may not."""
    line = b'{"to":{"client":"nobody"},"text":"x"}\n'
    with limited(node.url, "requestTime"), wire.Connection(node.url) as connection:
        connection.send(b"POST /v1/pushes HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        began = time.monotonic()
        while time.monotonic() < began + 4:
            connection.send(line)
            time.sleep(0.3)
        stream = wire.Stream(connection)
        connection.send(line[:9])
        while json.loads(last := stream.line())["status"] == 200:
            pass
        assert (json.loads(last)["code"], json.loads(last)["status"]) == ("request_timeout", 408)
        assert time.monotonic() - began > 5


def test_who_says_nothing(node):
    with limited(node.url, "requestTime"), wire.Connection(node.url) as connection:
        assert connection.closed(12)


@pytest.mark.parametrize("begin", ["frame", "message"])
def test_half_a_frame(node, begin):
    """Its end does not come, so no pong can: it is dead at the next heartbeat."""
    with closed(node.url, 4202), session(node.url) as connection:
        connection.send(frame(BINARY, b"x", length=60_000) if begin == "frame" else frame(TEXT, b"x", bits=0))
        for _ in range(10):
            connection.send(b"x" if begin == "frame" else b"")
        while (got := connection.frame(skip_pings=False, answers_pings=False)).opcode == PING:
            pass
        assert int.from_bytes(got.payload[:2], "big") == 4202


@pytest.mark.parametrize("asks", ["GET /openapi.yaml", "POST /v1/groups/none/push"])
def test_an_answer_that_nobody_reads(node, asks):
    """The node holds no answers for ever: after answerTimeout the connection is reset."""
    one = f"{asks} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    with limited(node.url, "answerTime"), wire.Connection(node.url, buffer=4096) as connection:
        connection.write_on(one * 100, 60)


def test_events_that_nobody_reads(node):
    name = fresh("talked-about")
    with wire.Connection(node.url, buffer=4096) as watcher, wire.Connection(node.url) as backend:
        listener = Peer.upgraded(node.url, f"/ws?clientId={name}", protocol="switchboard.v1")
        watcher.send(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")

        def more() -> float:
            """Each push to somebody who is there is an event."""
            backend.send(post(f"/v1/clients/{name}/push", 1, b"x") * 200)
            for _ in range(200):
                assert backend.answer().status < 300
            assert listener.look() is None
            listener.send(frame(TEXT, b'{"type":"pong"}'))
            return figure(node.url, "switchboard_limited_total", limit="answerTime")

        # The kernel takes some megabytes for a reader that does not read.
        before, deadline = more(), time.monotonic() + 90
        while more() == before:
            assert time.monotonic() < deadline, "it is still open"
        listener.close()


# Connections


def test_connections_from_one_address(node):
    """Answered without being asked, whatever they would have become; the next is welcome when one has gone."""
    held = opened(node.url, STRANGER, 100)
    wire.until(lambda: figure(node.url, "switchboard_plain_connections"), lambda value: value >= 100)
    with limited(node.url, "connectionsPerAddress"), wire.Connection(node.url, source=STRANGER) as connection:
        answer = connection.answer()
        expect(answer, "too_many_connections")
        assert 5 <= int(answer.headers["retry-after"]) <= 9 and connection.closed()
    # Others are not concerned.
    with wire.Connection(node.url, source="127.0.0.67") as connection:
        assert connection.request("GET", "/healthz").status == 200
    held.pop().close()
    wire.until(lambda: verdict(Peer(node.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", source=STRANGER)),
               lambda verdict: verdict == "200")
    for peer in held:
        peer.close()


def figure(url: str, name: str, **labels) -> float:
    return samples(url)[label(name, **labels)]


@pytest.mark.parametrize("addresses", ["203.0.113.7", "2001:db8:0:7::{}"])
def test_connections_from_one_address_behind_a_proxy(node, addresses):
    """It is that of X-Forwarded-For, of IPv6 the network of 64 bits."""
    def join(number: int, address: str | None = None) -> Peer:
        forwarded = address or addresses.format(f"{number:x}")
        return Peer.upgraded(node.url, f"/ws?clientId={fresh('p')}", headers=f"X-Forwarded-For: {forwarded}\r\n")

    held = [join(number) for number in range(100)]
    assert {peer.verdict for peer in held} == {None}
    with limited(node.url, "connectionsPerAddress"), counted(
        node.url, "switchboard_connections_refused_total", reason="too_many_connections"
    ):
        assert join(100).verdict == "429"
    other = join(0, "203.0.113.8" if "." in addresses else "2001:db8:0:8::1")
    assert other.verdict is None
    held.pop().close()
    wire.until(lambda: hold(held, join(101)), lambda verdict: verdict is None)
    for peer in [*held, other]:
        peer.close()


def hold(held: list[Peer], peer: Peer) -> str | None:
    if peer.verdict is None:
        held.append(peer)
    return peer.verdict


def test_connections_that_are_no_sessions():
    """Sessions do not count, and one that ends makes room."""
    with processes.running_node("--max-plain-connections", "5") as node:
        sessions = [wire.connect(node.url, f"session-{number}") for number in range(8)]
        held = [wire.until(lambda: accepted(node.url), bool) for _ in range(5)]
        with wire.Connection(node.url) as refused:
            expect(refused.answer(), "overloaded")
            assert refused.closed()
        for connection in held:
            connection.__exit__()
        wire.until(lambda: accepted(node.url), bool).__exit__()
        assert figure(node.url, "switchboard_limited_total", limit="plainConnections") >= 1
        for client in sessions:
            client.close()


def test_connections_that_idle_give_way():
    """Those of strangers; a proxy's are its own to keep, and one that is in use stays."""
    with processes.running_node("--max-plain-connections", "4", "--trusted-proxies", "127.0.0.1,::1") as node:
        proxy, used, *idle = [
            wire.until(lambda: accepted(node.url, source), bool) for source in (None, STRANGER, STRANGER, STRANGER)]

        def makes_room() -> wire.Connection | None:
            assert used.request("GET", "/healthz").status == 200
            return accepted(node.url, "127.0.0.67")

        wire.until(makes_room, bool).__exit__()
        wire.until(lambda: [connection.readable(0) for connection in idle], any)
        assert proxy.request("GET", "/healthz").status == 200


def accepted(url: str, source: str | None = None) -> wire.Connection | None:
    """A connection for which there is room; the node hears of one that was closed a moment later."""
    connection = wire.Connection(url, source=source)
    with contextlib.suppress(EOFError, ConnectionError):
        if connection.request("GET", "/healthz").status == 200:
            return connection
    connection.__exit__()
    return None


@pytest.mark.parametrize("flag, limit", [("--max-connections", "connections"), ("--accept-rate", "acceptRate")])
def test_sessions_of_one_node(flag, limit):
    with processes.running_node(flag, "4", "--loops", "1") as node:
        with limited(node.url, limit), counted(node.url, "switchboard_connections_refused_total", reason="overloaded"):
            peers = [Peer.upgraded(node.url, f"/ws?clientId=c{number}") for number in range(12)]
        assert [peer.verdict for peer in peers[:4]] == [None] * 4
        assert {peer.verdict for peer in peers} == {None, "503"}
        for peer in peers:
            peer.close()


def test_one_id_over_and_over(node):
    client = fresh("loop")
    with closed(node.url, 4100):
        for _ in range(15):
            # Its hello says that the connect is counted.
            with session(node.url, client=client, framed=True):
                pass
        with wire.Connection(node.url) as connection:
            connection.upgrade(f"/ws?clientId={client}")
            code, reason = close_code(connection)
    assert code == 4100 and 290 <= int(reason.split("after=")[1]) <= 300


def test_watchers(node):
    watchers = [wire.Connection(node.url) for _ in range(32)]
    for watcher in watchers:
        watcher.send(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert watcher.head().status == 200
    wire.until(lambda: watch(node.url), lambda status: status == 503)
    with limited(node.url, "watchers"):
        expect(wire.call(node.url, "GET", "/v1/events"), "overloaded")
    for watcher in watchers:
        watcher.__exit__()


def watch(url: str) -> int:
    with wire.Connection(url) as connection:
        connection.send(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.head().status


# Frames


def flood(peer: Peer, data: bytes) -> str:
    """Sends the same over and over and reads what comes, until it is cut off."""
    assert peer.verdict is None
    deadline = time.monotonic() + 30
    while peer.look() is None:
        peer.send(data)
        assert time.monotonic() < deadline, "it goes on and on"
    return peer.verdict


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_flood_of_control_frames(node, opcode):
    with closed(node.url, 4102):
        assert flood(Peer.upgraded(node.url, f"/ws?clientId={fresh('p')}"), frame(opcode, b"x" * 100) * 100) == "4102"


def test_flood_of_fragments(node):
    peer = Peer.upgraded(node.url, f"/ws?clientId={fresh('p')}")
    peer.send(frame(TEXT, b"x", bits=0))
    assert flood(peer, frame(CONTINUATION, b"", bits=0) * 200) in ("4102", "1009", "1002")


FLOODS = {
    "unknown types": b'{"type":"x"}', "acks": b'{"type":"ack","offset":"1-1"}', "pongs": b'{"type":"pong"}',
    "late hellos": b'{"type":"hello"}', "results": b'{"type":"result","id":"x","status":200}',
}


@pytest.mark.parametrize("case", FLOODS)
def test_flood_of_what_costs_a_client_nothing(node, case):
    with closed(node.url, 4102):
        peer = Peer.upgraded(node.url, f"/ws?clientId={fresh('p')}", protocol="switchboard.v1")
        assert flood(peer, frame(TEXT, FLOODS[case]) * 100) == "4102"


def test_bytes():
    """Few messages, and large ones: within the rate of messages, not within that of bytes."""
    with processes.running_node("--inbound-rate", "64KB") as node, limited(node.url, "inboundRate"), closed(node.url, 4102):
        peer = Peer.upgraded(node.url, "/ws?clientId=large")
        peer.send(frame(BINARY, b"x" * 60_000) * 2)
        assert flood(peer, frame(BINARY, b"x" * 60_000)) == "4102"


def test_messages(node):
    with closed(node.url, 4102):
        assert flood(Peer.upgraded(node.url, f"/ws?clientId={fresh('p')}"), frame(TEXT, b"x") * 10) == "4102"


def test_groups(node):
    def joins(first: int, count: int) -> bytes:
        groups = (f"g{number}" for number in range(first, first + count))
        return b"".join(frame(TEXT, json.dumps({"type": "join", "group": group}).encode()) for group in groups)

    with limited(node.url, "groups"), crowded(node) as connection:
        connection.send(joins(0, 10))
        error = json.loads(connection.frame().payload)
        assert error["code"] == "too_many_groups" and error["ref"] == "g9"
        connection.send(joins(10, 50))
        assert close_code(connection)[0] == 4102


@contextlib.contextmanager
def crowded(node):
    """A framed session that is in 41 of 50 groups already: the rate of messages would not let it join so many at once."""
    with session(node.url, framed=True, query="".join(f"&group=own{number}" for number in range(41))) as connection:
        yield connection


def test_groups_of_a_handshake(node):
    with limited(node.url, "groups"), wire.Connection(node.url) as connection:
        query = "".join(f"&group=g{number}" for number in range(51))
        expect(connection.upgrade(f"/ws?clientId={fresh('g')}{query}"), "too_many_groups")


@pytest.mark.parametrize(
    "query", ["".join(f"&label.l{number}=v" for number in range(33)), "&label.l=" + "v" * 257, f"&label.{'l' * 129}=v"])
def test_labels_of_a_handshake(node, query):
    with limited(node.url, "labels"), wire.Connection(node.url) as connection:
        expect(connection.upgrade(f"/ws?clientId={fresh('l')}{query}"), "invalid_request")


def test_labels_of_a_hello(node):
    with closed(node.url, 4006), wire.Connection(node.url) as connection:
        connection.upgrade(f"/ws?clientId={fresh('l')}&hello=1", {"Sec-WebSocket-Protocol": "switchboard.v1"})
        connection.send(frame(TEXT, json.dumps({"type": "hello", "labels": {"l": "v" * 257}}).encode()))
        assert close_code(connection)[0] == 4006


def test_the_id_of_a_message(node):
    """It is remembered for five minutes: 128 bytes of it."""
    with session(node.url, framed=True) as connection:
        for length, kind in ((128, "ack"), (129, "error")):
            connection.send(frame(TEXT, json.dumps({"type": "message", "id": "i" * length, "data": 1}).encode()))
            assert json.loads(connection.frame().payload)["type"] == kind


@pytest.mark.parametrize("length", [65_537, 1 << 31, (1 << 63) - 1])
def test_a_length_that_is_only_announced(node, length):
    with closed(node.url, 1009), session(node.url) as connection:
        connection.send(frame(BINARY, b"x", length=length))
        assert close_code(connection)[0] == 1009


@pytest.mark.parametrize("pieces", [
    [b"\xf0\x9f", b"\x98", b"("], [b"\xed\xa0", b"\x80"], [b"\xc0", b"\xaf"], [b"ok", b"\xf4\x90\x80\x80"], [b"\xe2\x82"],
])
def test_text_that_is_broken_across_fragments(node, pieces):
    with closed(node.url, 1007), session(node.url) as connection:
        for number, piece in enumerate(pieces):
            end = FIN if number == len(pieces) - 1 else 0
            connection.send(frame(CONTINUATION if number else TEXT, piece, bits=end))
        assert close_code(connection)[0] == 1007


def test_nesting_in_a_frame(node):
    with closed(node.url, 4006), session(node.url, framed=True) as connection:
        connection.send(frame(TEXT, b'{"type":"message","data":' + b"[" * 60_000))
        assert close_code(connection)[0] == 4006


def test_a_deflate_bomb(node):
    """64 KB that are 64 MB: not inflated beyond the limit."""
    if not compresses(node.url):
        pytest.skip("this node does not compress: there is nothing to inflate")
    memory = fields.Memory(node.process)
    with memory.watched() as seen, closed(node.url, 1009):
        with session(node.url, headers=dict([OFFER.strip().split(": ")])) as connection:
            connection.send(bomb())
            assert close_code(connection)[0] == 1009
    assert seen[-1] - seen[0] < 16


# Requests


@pytest.mark.parametrize("data", [
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 17_000, b"GET /" + b"a" * 17_000,
    b"POST /v1/push HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 17_000, b"GET /ws?clientId=a&x=" + b"a" * 17_000,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: a\r\n" * 250 + b"\r\n",
], ids=["header", "URL", "header of a push", "URL of a handshake", "250 headers"])
def test_a_head_that_is_too_large(node, data):
    with limited(node.url, "head"), wire.Connection(node.url) as connection:
        connection.send(data)
        expect(connection.answer(), "head_too_large")
        assert connection.closed()


def test_a_body_that_is_too_large(node):
    for data in (post("/v1/broadcast", 10**12), post("/v1/clients/nobody/commands", 300_000)):
        with limited(node.url, "body"), wire.Connection(node.url) as connection:
            connection.send(data)
            expect(connection.answer(), "body_too_large")


@pytest.mark.parametrize("path", ["/v1/push", "/v1/clients/nobody/commands"])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting(node, path, opening):
    with limited(node.url, "nesting"):
        body = b'{"to":{"all":true},"data":' + opening * 40_000
        expect(wire.call(node.url, "POST", path, body), "malformed_json")


@pytest.mark.parametrize("limit, body", [("line", b" " * (1 << 20) + b"x"), ("lines", b"{}\n" * 10_001)])
def test_lines(node, limit, body):
    with limited(node.url, limit), wire.Connection(node.url) as connection:
        answer = connection.request("POST", "/v1/pushes", body)
        last = json.loads(answer.body.splitlines()[-1])
        assert (last["code"], last["status"]) == ("body_too_large", 413)


def test_commands_that_nobody_waits_for():
    """2000 at once, for clients that do not answer."""
    body = b'{"name":"n","timeout":300}'
    with processes.running_node() as node, limited(node.url, "commands"), wire.Connection(node.url) as connection:
        clients = [wire.connect(node.url, f"silent-{number}", framed=True) for number in range(9)]
        statuses = []
        for number in range(201):
            path = f"/v1/clients/silent-{number // 25}/commands"
            connection.send(wire.request("POST", path, "x", body, {"Prefer": "respond-async"}) * 10)
            statuses += [connection.answer().status for _ in range(10)]
        assert statuses == [202] * 2000 + [503] * 10
        for client in clients:
            client.close()


def test_a_client_that_does_not_read():
    """Its queue is bounded, in the node's memory as well."""
    with processes.running_node() as node:
        memory = fields.Memory(node.process)
        with memory.watched() as seen, closed(node.url, 4101):
            peer = Peer.upgraded(node.url, "/ws?clientId=deaf", buffer=4096)
            wire.await_state(node.url, "deaf", "online")
            body = b"x" * 200_000
            while (told := wire.call(node.url, "POST", "/v1/clients/deaf/push", body).json())["delivered"]:
                pass
            assert told["dropped"] == 1
        peer.close()
    assert seen[-1] - seen[0] < 32
