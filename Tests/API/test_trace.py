"""W3C trace context: what a backend's request says reaches the client's frame, and nothing that is not valid does."""

import json

import pytest

import wire

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = {"traceparent": PARENT, "tracestate": "vendor=opaque, other@system=1"}
PLAIN = {"Content-Type": "text/plain"}


def push(url, path, headers, chunked=False, body=b"x", code=200):
    answer = wire.call(url, "POST", path, body, headers, chunked=chunked)
    assert answer.status == code, answer.body
    return answer


def context(frame):
    return {name: frame[name] for name in ("traceparent", "tracestate") if name in frame}


def test_a_push_carries_it(url, agent, chunked):
    client = agent()
    push(url, f"/v1/clients/{client.id}/push", {**PLAIN, **TRACE}, chunked)
    assert context(client.push()) == TRACE
    push(url, f"/v1/clients/{client.id}/push", {**PLAIN, "Traceparent": PARENT}, chunked)
    assert context(client.push()) == {"traceparent": PARENT}
    push(url, f"/v1/clients/{client.id}/push", PLAIN, chunked)
    assert context(client.push()) == {}


def test_so_do_the_other_ways_to_push(url, agent):
    client = agent()
    to = json.dumps({"to": {"client": client.id}, "data": 1}).encode()
    push(url, "/v1/push", {"Content-Type": "application/json", **TRACE}, body=to)
    push(url, "/v1/push", {"Content-Type": "application/json", **TRACE}, body=json.dumps(
        {"to": {"clients": [client.id, "nobody"]}, "data": 2}).encode())
    push(url, "/v1/pushes", {"Content-Type": "application/x-ndjson", **TRACE}, body=to + b"\n" + to + b"\n")
    assert [context(client.push()) for _ in range(4)] == [TRACE] * 4


def test_a_push_from_the_mailbox_has_it_still(url, agent, connect):
    client = agent("sleeper")
    name = client.id
    push(url, f"/v1/clients/{name}/push?durable=true", {**PLAIN, **TRACE})
    first = client.push()
    # Not acknowledged, so it comes again.
    again = wire.connect(url, name, framed=True)
    try:
        frames = [json.loads(again.connection.frame().payload) for _ in range(2)]
    finally:
        again.close()
    assert frames[0]["type"] == "hello"
    assert frames[1]["id"] == first["id"]
    assert context(first) == context(frames[1]) == TRACE


def test_a_command_carries_it(url, agent, background):
    client = agent()
    body = json.dumps({"name": "restart"}).encode()
    answer = background(wire.call, url, "POST", f"/v1/clients/{client.id}/commands", body, TRACE)
    command = client.next("command")
    client.result(command, 1)
    assert context(command) == TRACE
    assert answer.result().status == 200


@pytest.mark.parametrize("parent", [
    "x", PARENT.upper(), PARENT + "-1", "ff" + PARENT[2:], f"00-{'0' * 32}-00f067aa0ba902b7-01",
    f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
])
def test_an_invalid_one_is_ignored(url, agent, chunked, parent):
    client = agent()
    push(url, f"/v1/clients/{client.id}/push", {**PLAIN, "traceparent": parent, "tracestate": "a=1"}, chunked)
    assert context(client.push()) == {}


def test_an_invalid_state_is_left_out_alone(url, agent, chunked):
    client = agent()
    push(url, f"/v1/clients/{client.id}/push", {**PLAIN, "traceparent": PARENT, "tracestate": "A=1"}, chunked)
    assert context(client.push()) == {"traceparent": PARENT}


def test_two_parents_are_none(url, agent):
    """Repeated lines are for the real parser, and what they say together is not valid."""
    client = agent()
    with wire.Connection(url) as connection:
        head = wire.request("POST", f"/v1/clients/{client.id}/push", connection.host, b"x", PLAIN)
        line = f"traceparent: {PARENT}\r\n".encode()
        connection.send(head.replace(b"\r\n\r\n", b"\r\n" + line + line + b"\r\n", 1))
        assert connection.answer().status == 200
    assert context(client.push()) == {}


def test_raw_clients_get_the_payload_alone(url, connect):
    client = connect()
    push(url, f"/v1/clients/{client.id}/push", {**PLAIN, **TRACE})
    assert client.connection.frame().payload == b"x"
