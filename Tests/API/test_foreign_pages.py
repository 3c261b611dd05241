"""Web pages of anywhere and nodes that ask nobody for a key: a browser takes every page to every node that it can reach."""

import pytest

import guarded
import processes
import wire
from problems import expect

EVIL = {"Origin": "https://evil.example"}
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


@pytest.fixture(scope="module")
def node():
    with processes.running_node() as node:
        yield node


@pytest.fixture(scope="module")
def listed():
    with processes.running_node("--allowed-origins", "https://shop.example") as node:
        yield node


REQUESTS = [
    ("POST", "/v1/broadcast", b"x", {"Content-Type": "text/plain"}),
    ("POST", "/v1/push", b'{"to": {"all": true}, "data": 1}', {}),
    ("POST", "/v1/clients/a/push", b"1", {}),
    ("POST", "/v1/groups/a/push", b"1", {}),
    ("POST", "/v1/pushes", b'{"to": {"all": true}, "data": 1}\n', {"Content-Type": "application/x-ndjson"}),
    ("POST", "/v1/clients/a/commands", b'{"name": "x"}', {}),
    ("DELETE", "/v1/clients/a", None, {}),
    ("GET", "/v1/clients", None, {}),
    ("GET", "/v1/stats", None, {}),
    ("GET", "/metrics", None, {}),
]


def refused(answer: wire.Answer) -> None:
    expect(answer, "forbidden")
    assert answer.json()["reason"] == "origin_not_allowed"


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request[1])
def test_a_page_of_anywhere_is_refused_everywhere(node, request_):
    method, path, body, headers = request_
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        refused(wire.call(node.url, method, path, body, headers | {"Origin": origin}))

    # The name of the page leads here (DNS rebinding): the browser takes the node for its own.
    with wire.Connection(node.url) as connection:
        connection.host = "evil.example"
        if method == "GET":
            refused(connection.request(method, path, body, headers | BROWSER))
        refused(connection.request(method, path, body, headers | {"Origin": "http://evil.example"}))


def test_a_page_behind_pushes_of_a_program_is_refused(node):
    """On one connection, where the first are taken by the short way."""
    with wire.Connection(node.url) as connection:
        for _ in range(3):
            assert connection.request("POST", "/v1/broadcast", b"x").status == 200
        refused(connection.request("POST", "/v1/broadcast", b"x", EVIL))
        assert connection.request("POST", "/v1/broadcast", b"x").status == 200


def test_a_page_of_anywhere_does_not_connect(node):
    with wire.Connection(node.url) as connection:
        refused(connection.upgrade("/ws?clientId=a", EVIL))
    with wire.Connection(node.url) as connection:
        connection.host = "evil.example"
        refused(connection.upgrade("/ws?clientId=a", {"Origin": "http://evil.example"}))


def test_pages_of_this_machine_and_programs_are_let_in(node):
    own = "http://" + node.url.split("//")[1]
    for origin in (None, own, "http://localhost:3000", "http://127.0.0.1", "http://[::1]:5173"):
        headers = {"Origin": origin} if origin else {}
        assert wire.call(node.url, "POST", "/v1/broadcast", b"x", headers).status == 200
        with wire.Connection(node.url) as connection:
            assert connection.upgrade("/ws?clientId=a", headers).status == 101
    for host in ("localhost", "app.localhost:8080", "[::1]:1"):
        with wire.Connection(node.url) as connection:
            connection.host = host
            assert connection.request("GET", "/v1/stats", headers=BROWSER).status == 200


def test_proxies_and_programs_may_name_the_node_as_they_like(node):
    with wire.Connection(node.url) as connection:
        connection.host = "switchboard_nodes"
        assert connection.request("POST", "/v1/broadcast", b"x").status == 200
        assert connection.request("GET", "/v1/stats", headers={"User-Agent": "curl/8"}).status == 200
    with wire.Connection(node.url) as connection:
        connection.host = "switchboard_nodes"
        assert connection.upgrade("/ws?clientId=a").status == 101


def test_what_asks_nobody_anyway_is_open(node):
    for path in ("/healthz", "/switchboard.js"):
        assert wire.call(node.url, "GET", path, headers=EVIL).status == 200


def test_a_list_holds_for_the_api_too(listed):
    refused(wire.call(listed.url, "POST", "/v1/broadcast", b"x", EVIL))
    refused(wire.call(listed.url, "POST", "/v1/broadcast", b"x", {"Origin": "http://localhost"}))
    with wire.Connection(listed.url) as connection:
        connection.host = "push.shop.example"
        for headers in ({}, {"Origin": "https://shop.example"}):
            assert connection.request("POST", "/v1/broadcast", b"x", headers).status == 200


def test_where_keys_are_asked_for_they_decide():
    with guarded.node() as node:
        assert node.call(node.keys["push"], "POST", "/v1/broadcast", b"x").status == 200
        headers = guarded.bearer(node.keys["push"]) | EVIL
        with wire.Connection(node.url) as connection:
            connection.host = "evil.example"
            assert connection.request("POST", "/v1/broadcast", b"x", headers).status == 200
