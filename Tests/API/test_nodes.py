"""One node, asked or told something by way of any: its newest closes, draining, and what happens on all."""

import contextlib
import json
import signal
import time
import urllib.request
import uuid

import pytest

import processes
import wire
from problems import expect
from test_specification import DOCUMENT, validator


def node_of(url: str) -> str:
    return wire.call(url, "GET", "/v1/nodes").json()["nodes"][0]["id"]


def fits(answer: wire.Answer, schema: str, status: int = 200) -> dict:
    assert answer.status == status, answer.body[:300]
    document = answer.json()
    validator({"$ref": f"#/components/schemas/{schema}"}).validate(document)
    return document


def test_nodes_tell_their_state_and_their_lag(url):
    document = fits(wire.call(url, "GET", "/v1/nodes"), "NodeList")
    assert document["nodes"][0]["state"] == "serving"
    assert document["nodes"][0]["busLag"] >= 0
    assert fits(wire.call(url, "GET", "/v1/stats"), "Stats")["total"]["busLagMicroseconds"] >= 0


QUERIES = {
    "closes: no such node": ("GET", "/v1/nodes/nobody/closes", "node_not_found"),
    "closes: limit 0": ("GET", "/v1/nodes/nobody/closes?limit=0", "invalid_request"),
    "closes: limit 101": ("GET", "/v1/nodes/nobody/closes?limit=101", "invalid_request"),
    "closes: unknown": ("GET", "/v1/nodes/nobody/closes?colour=red", "invalid_request"),
    "undrain: no such node": ("DELETE", "/v1/nodes/nobody/drain", "node_not_found"),
    "undrain: query": ("DELETE", "/v1/nodes/nobody/drain?now=1", "invalid_request"),
    "events: no such type": ("GET", "/v1/events?type=sessions", "invalid_request"),
    "events: one of them is none": ("GET", "/v1/events?type=session,,push", "invalid_request"),
    "events: bad client": ("GET", "/v1/events?client=a%20b", "invalid_client_id"),
    "events: unknown": ("GET", "/v1/events?since=1", "invalid_request"),
}


@pytest.mark.parametrize("case", QUERIES)
def test_refused(url, case):
    method, path, code = QUERIES[case]
    expect(wire.call(url, method, path), code)


def test_closes(url, connect):
    client = connect("closed")
    assert wire.call(url, "DELETE", f"/v1/clients/{client.id}?reason=enough").status == 204
    document = fits(wire.call(url, "GET", f"/v1/nodes/{node_of(url)}/closes"), "CloseList")
    closes = [close for close in document["closes"] if close["client"] == client.id]
    assert [(close["code"], close["reason"]) for close in closes] == [(4004, "enough")]
    assert [close["at"] for close in document["closes"]] == sorted((c["at"] for c in document["closes"]), reverse=True)


def test_events(url):
    """Each is what its name says, and the last is the end of the client."""
    name = f"watched-{uuid.uuid4().hex[:12]}"
    address = f"{url}/v1/events?client={name}&type=session&type=push.delivered"
    request = urllib.request.Request(address, headers=wire.credentials(url.removeprefix("http://")))
    with urllib.request.urlopen(request, timeout=20) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-request-id"]
        events = read(stream)
        assert next(events) == ("watching", {"nodes": 1})
        client = wire.connect(url, name)
        push = wire.call(url, "POST", f"/v1/clients/{name}/push", b"secret", {"Content-Type": "text/plain"})
        assert push.status == 200
        client.close()
        seen = []
        for kind, document in events:
            seen.append(kind)
            assert document["type"] == kind and document["client"] == name
            assert "secret" not in json.dumps(document)
            if kind == "session.closed":
                break
        assert seen == ["session.connected", "push.delivered", "session.closed"]


def read(stream):
    name = None
    for line in stream:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


@pytest.mark.own_node
def test_draining_and_back():
    with processes.node("--drain-delay", "0") as url:
        name = node_of(url)
        assert fits(wire.call(url, "POST", f"/v1/nodes/{name}/drain"), "DrainState", 202)["state"] in ("draining", "drained")
        answer = wire.call(url, "GET", "/readyz")
        expect(answer, "not_ready")
        assert answer.headers["connection"] == "close"
        assert fits(wire.call(url, "DELETE", f"/v1/nodes/{name}/drain", b"{}"), "DrainState")["state"] == "serving"
        assert wire.call(url, "GET", "/readyz").status == 200


@pytest.mark.own_node
def test_a_node_that_stops_cannot_be_taken_back():
    with processes.running_node("--drain-delay", "20") as node:
        url = node.url
        name = node_of(url)
        node.process.send_signal(signal.SIGTERM)
        while wire.call(url, "GET", "/readyz").status == 200:
            pass
        expect(wire.call(url, "DELETE", f"/v1/nodes/{name}/drain"), "node_stopping")
        assert wire.call(url, "POST", f"/v1/nodes/{name}/drain").json()["state"] == "draining"


@pytest.mark.own_node
def test_a_node_that_is_frozen_is_silent():
    with processes.redis() as redis, contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(processes.running_node("--redis", redis.url, "--node-id", id)) for id in "ab"]
        url, frozen = nodes[0].url, nodes[1].process
        deadline = time.monotonic() + 20
        while len(wire.call(url, "GET", "/v1/nodes").json()["nodes"]) < 2:
            assert time.monotonic() < deadline
        frozen.send_signal(signal.SIGSTOP)
        try:
            expect(wire.call(url, "GET", "/v1/nodes/b/closes"), "node_silent")
        finally:
            frozen.send_signal(signal.SIGCONT)


def test_every_type_of_event_is_described():
    operation = DOCUMENT["paths"]["/v1/events"]["get"]
    names = next(p for p in operation["parameters"] if p["name"] == "type")["schema"]["items"]["enum"]
    for name in names:
        assert "." not in name or f"`{name}`" in operation["description"], name
