"""`GET /v1/live`: what operators see over one socket, and whom the node lets in there."""

import json
import signal

import pytest

import guarded
import processes
import wire
from operators import SUBPROTOCOL, Operator
from problems import expect


@pytest.fixture(scope="module")
def open_url():
    """A node that asks nobody for a key."""
    with processes.node() as url:
        yield url


@pytest.fixture(scope="module")
def node():
    with guarded.node() as node:
        yield node


@pytest.fixture
def operator(open_url):
    with Operator(open_url) as operator:
        assert operator.answer.status == 101
        assert operator.answer.headers["sec-websocket-protocol"] == "switchboard.operator.v1"
        operator.next("hello")
        yield operator


# The handshake


@pytest.mark.parametrize("offered", [None, "switchboard.v1", "switchboard.operator.v2"])
def test_the_subprotocol_must_be_offered(open_url, offered):
    with wire.Connection(open_url) as connection:
        headers = {"Sec-WebSocket-Protocol": offered} if offered else {}
        expect(connection.upgrade("/v1/live", headers), "unknown_subprotocol")


def test_it_is_a_websocket_endpoint(open_url):
    expect(wire.call(open_url, "GET", "/v1/live"), "upgrade_required")
    with wire.Connection(open_url) as connection:
        expect(connection.upgrade("/v1/live", SUBPROTOCOL | {"Sec-WebSocket-Version": "8"}), "upgrade_required")
    with wire.Connection(open_url) as connection:
        expect(connection.upgrade("/v1/lively", SUBPROTOCOL), "not_found")


def test_a_foreign_page_is_kept_out(open_url):
    with wire.Connection(open_url) as connection:
        answer = connection.upgrade("/v1/live", SUBPROTOCOL | {"Origin": "https://evil.example"})
    expect(answer, "forbidden")
    assert answer.json()["reason"] == "origin_not_allowed"


def test_hello_where_nobody_is_asked(open_url):
    with Operator(open_url) as operator:
        hello = operator.next("hello")
    assert hello["node"] == wire.call(open_url, "GET", "/v1/nodes").json()["nodes"][0]["id"]
    assert hello["scopes"] == ["admin"] and hello["version"]
    assert hello["heartbeat"] == {"interval": 25, "timeout": 10}


# Keys


def test_a_key_in_the_handshake(node):
    with Operator(node.url, key=node.keys["read"]) as operator:
        assert operator.next("hello")["scopes"] == ["read"]


def test_a_key_in_the_first_frame(node):
    with Operator(node.url, shows=node.keys["admin"]) as operator:
        # What follows at once waits until it is known who asks.
        operator.send(type="watch", id="early")
        assert operator.next("hello")["scopes"] == ["admin"]
        assert operator.next("watching") == {"type": "watching", "id": "early", "nodes": 1}


def test_a_token_is_as_good_as_a_key(node):
    with Operator(node.url, shows=node.token("read")) as operator:
        assert operator.next("hello")["scopes"] == ["read"]


def test_a_wrong_key(node):
    with Operator(node.url, shows="sbk_" + "A" * 43) as operator:
        code, reason = operator.closed()
        assert code == 4001 and "unknown_key" in reason
    with Operator(node.url, key="sbk_" + "A" * 43) as operator:
        expect(operator.answer, "unauthorized")


def test_a_key_without_the_scope(node):
    with Operator(node.url, shows=node.keys["push"]) as operator:
        code, reason = operator.closed()
        assert code == 4002 and "insufficient_scope" in reason
    with Operator(node.url, key=node.keys["push"]) as operator:
        expect(operator.answer, "forbidden")


@pytest.mark.parametrize("first", [{"type": "watch", "id": "w"}, {"type": "hello"}, {"type": "hello", "key": 7}])
def test_the_key_comes_first(node, first):
    with Operator(node.url) as operator:
        operator.send(**first)
        assert operator.closed()[0] == 4001


def test_who_shows_no_key_is_closed(node):
    with Operator(node.url) as operator:
        operator.connection.patience(15)
        assert operator.closed()[0] == 4001


def test_a_key_that_is_taken_away_closes_the_socket():
    with guarded.node() as node:
        with Operator(node.url, key=node.keys["read"]) as operator, Operator(node.url, key=node.keys["admin"]) as other:
            operator.next("hello")
            other.next("hello")
            guarded.revoke(node.key_file, "the-read-key")
            node.hang_up()
            assert operator.closed()[0] == 4001
            other.send(type="watch", id="still")
            other.next("watching")


def test_a_ping(operator):
    operator.send(type="ping")
    assert operator.next("pong") == {"type": "pong"}


# What is not understood


def test_an_unknown_type(operator):
    operator.send(type="dance", id="d-1")
    error = operator.next("error")
    assert (error["code"], error["ref"]) == ("unknown_type", "d-1") and error["message"]
    operator.send(type="watch", id="after")
    operator.next("watching")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'"hello"', b"{}", b'{"type":7}', b'{"type":"watch"} x'])
def test_malformed(operator, text):
    operator.verbatim(text)
    assert operator.closed()[0] == 4006


def test_binary(operator):
    operator.verbatim(b'{"type":"hello"}', wire.BINARY)
    assert operator.closed()[0] == 4006


def test_too_long(operator):
    operator.verbatim(json.dumps({"type": "x", "pad": "x" * 100}).encode())
    operator.next("error")
    operator.connection.send(b"\x81\xff" + (1 << 20).to_bytes(8, "big") + b"mask")
    assert operator.closed()[0] == 1009


REFUSED = [
    {"type": "watch"},
    {"type": "watch", "id": ""},
    {"type": "watch", "id": "a b"},
    {"type": "watch", "id": "w", "client": "a b"},
    {"type": "watch", "id": "w", "types": "push"},
    {"type": "watch", "id": "w", "types": ["sessions"]},
    {"type": "watch", "id": "w", "types": ["push"] * 33},
    {"type": "unwatch"},
    {"type": "stats"},
    {"type": "stats", "interval": 61},
    {"type": "stats", "interval": -1},
    {"type": "stats", "interval": 0.5},
    {"type": "stats", "interval": "1"},
    {"type": "hello", "key": 7},
]


@pytest.mark.parametrize("frame", REFUSED, ids=json.dumps)
def test_refused(operator, frame):
    operator.send(**frame)
    assert operator.next("error")["code"] == "invalid_frame"


# Events


def test_a_watch_sees_a_push_delivered(open_url, operator):
    client = wire.connect(open_url, "live-watched")
    operator.send(type="watch", id="w", client="live-watched", types=["push", "session.closed"])
    assert operator.next("watching") == {"type": "watching", "id": "w", "nodes": 1}
    pushed = wire.call(open_url, "POST", "/v1/clients/live-watched/push", b"x").json()
    event = operator.event("push.delivered", "w")
    assert (event["push"], event["client"]) == (pushed["id"], "live-watched")
    assert event["at"] and event["node"]
    # Of another client nothing is said.
    with wire.connect(open_url, "live-other").connection:
        wire.call(open_url, "POST", "/v1/clients/live-other/push", b"x")
    client.close()
    assert operator.event("session.closed", "w")["client"] == "live-watched"


def test_two_watches_and_none(open_url, operator):
    for name in ("sessions", "pushes"):
        operator.send(type="watch", id=name, types=[name[:-1] if name == "sessions" else "push"])
        operator.next("watching")
    with wire.connect(open_url, "live-two").connection:
        assert operator.event("session.connected", "sessions")["client"] == "live-two"
        operator.send(type="unwatch", id="sessions")
        # Passed over in its turn, so what follows comes without it.
        operator.send(type="unwatch", id="sessions")
        operator.send(type="dance")
        operator.next("error")
        wire.call(open_url, "POST", "/v1/clients/live-two/push", b"x")
        assert operator.event("push.delivered", "pushes")["client"] == "live-two"


def test_eight_watches(operator):
    for number in range(8):
        operator.send(type="watch", id=f"w-{number}")
        operator.next("watching")
    operator.send(type="watch", id="w-8")
    error = operator.next("error")
    assert (error["code"], error["ref"]) == ("too_many_watches", "w-8")
    # One of the same name takes the place of the earlier.
    operator.send(type="watch", id="w-7", types=["node"])
    assert operator.next("watching")["id"] == "w-7"


# Statistics


def test_statistics_tick_and_end(open_url, operator):
    with Operator(open_url) as other:
        other.next("hello")
        for socket in (operator, other):
            socket.send(type="stats", interval=1)
        frames = [socket.next("stats") for socket in (operator, other, operator)]
    assert frames[0]["at"] < frames[2]["at"]
    for frame in frames:
        assert frame["complete"] is True
        [figures] = frame["nodes"]
        assert figures["node"] and figures["sessions"] >= 0 and figures["pushes"] >= 0
    operator.send(type="stats", interval=0)
    operator.send(type="dance")
    # At most one was under way.
    frame = json.loads(operator.connection.frame().payload)
    if frame["type"] == "stats":
        operator.next("error")
    assert not operator.connection.readable(1.5)


def test_two_nodes_over_redis():
    """Everything that an operator sees is of the whole cluster, whichever node the socket is on."""
    with processes.redis() as redis:
        options = ("--redis", redis.url)
        with processes.node(*options, "--node-id", "live-a") as first, processes.node(*options, "--node-id", "live-b") as second:
            with Operator(first) as operator:
                assert operator.next("hello")["node"] == "live-a"
                operator.send(type="watch", id="w", types=["push"])
                assert operator.next("watching")["nodes"] == 2
                with wire.connect(second, "far-away").connection:
                    pushed = wire.call(first, "POST", "/v1/clients/far-away/push", b"x").json()
                    event = operator.event("push.delivered", "w")
                    assert (event["push"], event["node"]) == (pushed["id"], "live-b")
                    operator.send(type="stats", interval=1)
                    frame = operator.next("stats")
                    while sum(node["sessions"] for node in frame["nodes"]) != 1:
                        frame = operator.next("stats")
                    assert [node["node"] for node in frame["nodes"]] == ["live-a", "live-b"]
                    assert [node["sessions"] for node in frame["nodes"]] == [0, 1]


# Life


@pytest.mark.own_node
def test_a_silent_operator_is_closed():
    with processes.node("--heartbeat-interval", "1", "--heartbeat-timeout", "1") as url, Operator(url) as operator:
        operator.next("hello")
        frame = operator.connection.frame(skip_pings=False, answers_pings=False)
        assert frame.opcode == wire.PING
        while frame.opcode != wire.CLOSE:
            frame = operator.connection.frame(skip_pings=False, answers_pings=False)
        assert int.from_bytes(frame.payload[:2], "big") == 4202


@pytest.mark.own_node
def test_a_node_that_stops_says_so():
    with processes.running_node("--drain-delay", "0") as running, Operator(running.url) as operator:
        operator.next("hello")
        running.process.send_signal(signal.SIGTERM)
        assert operator.closed()[0] == 4200


@pytest.mark.own_node
def test_64_sockets():
    with processes.node() as url:
        operators = [Operator(url) for _ in range(64)]
        for operator in operators:
            operator.next("hello")
        with Operator(url) as late:
            expect(late.answer, "overloaded")
        operators.pop().__exit__()

        def is_let_in(status: int) -> bool:
            return status == 101

        def attempt() -> int:
            with Operator(url) as again:
                return again.answer.status

        wire.until(attempt, is_let_in)
        for operator in operators:
            operator.__exit__()


def test_a_slow_operator_loses_events_and_is_told(open_url):
    """Nobody waits for an operator who does not read, and nothing piles up."""
    with Operator(open_url) as operator, wire.Connection(open_url) as pushing:
        operator.next("hello")
        operator.send(type="watch", id="w", types=["push"])
        operator.next("watching")
        with wire.connect(open_url, "live-busy").connection as busy:
            for _ in range(200):
                pushing.send(wire.request("POST", "/v1/clients/live-busy/push", pushing.host, b"x") * 100)
                for _ in range(100):
                    assert pushing.answer("POST").status == 200
                for _ in range(100):
                    busy.frame()
        seen = dropped = 0
        while seen + dropped < 20_000:
            frame = operator.next("events")
            seen += len(frame["events"])
            dropped += frame.get("dropped", 0)
        assert seen + dropped == 20_000
