"""Commands: what the client says is what the caller gets, and who goes away is noticed."""

import base64
import contextlib
import json
import time
import uuid

import pytest

import agents
import wire
from problems import STATUS, expect

EVENTS = {"Accept": "text/event-stream"}
LATER = {"Prefer": "respond-async"}


def body(name: str = "work", **members) -> bytes:
    return json.dumps({"name": name} | members).encode()


def send(url, client: str, command: bytes = body(), headers=None, *, chunked=False) -> wire.Answer:
    return wire.call(url, "POST", f"/v1/clients/{client}/commands", command, headers, chunked=chunked)


def result(answer: wire.Answer) -> dict:
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer.body[:400]
    assert answer.headers["x-request-id"]
    return answer.json()


def state(url, id: str) -> dict:
    answer = wire.call(url, "GET", f"/v1/commands/{id}")
    assert answer.status == 200, answer.body
    return answer.json()


def settled(url, id: str, wanted: str) -> dict:
    """The state once it is this one: what a client does is told a moment later."""
    path = f"/v1/commands/{id}"
    return wire.until(lambda: wire.call(url, "GET", path).json(), lambda found: found.get("state") == wanted)


@contextlib.contextmanager
def calling(url, client: str, command: bytes = body(), headers=None):
    """A caller that has sent its command and not read the answer."""
    with wire.Connection(url) as connection:
        path = f"/v1/clients/{client}/commands"
        connection.send(wire.request("POST", path, connection.host, command, headers))
        yield connection


def test_round_trip(url, agent, background, chunked):
    there = agent()
    answer = background(send, url, there.id, body("restart", data={"delay": 5}, timeout=7.5), chunked=chunked)
    command = there.next("command")
    assert (command["name"], command["data"], command["timeout"]) == ("restart", {"delay": 5}, 7.5)
    there.result(command, {"restarted": True})
    found = result(answer.result(10))
    assert found.pop("ms") >= 0
    assert found == {"id": command["id"], "status": 200, "data": {"restarted": True}}


@pytest.mark.parametrize(
    "sent, received",
    [
        (b'{"name":"n"}', b'"data":null'),
        (b'{"name":"n","data":3.20}', b'"data":3.20'),
        (b'{"name":"n","data":{"z":1,"a":[1e999]}}', b'"data":{"z":1,"a":[1e999]}'),
        (b'{"name":"n","text":"a\\nb"}', rb'"data":"a\nb"'),
        (b'{"name":"n","base64":"AAECAw=="}', b'"base64":"AAECAw=="'),
    ],
)
def test_payloads_go_down_verbatim(url, agent, background, sent, received):
    there = agent()
    answer = background(send, url, there.id, sent)
    frame = there.connection.frame().payload
    assert received in frame
    there.result(json.loads(frame), None)
    assert result(answer.result(10))["data"] is None


@pytest.mark.parametrize(
    "status, payload",
    [
        (200, b'"data":3.20'),
        (404, b'"data":{"error":"unknown command"}'),
        (599, b'"data":{ "z" : 1,\n "a" : 1e999 }'),
        (100, b'"base64":"AAECAw=="'),
    ],
)
def test_results_come_up_verbatim(url, agent, background, status, payload):
    there = agent()
    answer = background(send, url, there.id)
    command = there.next("command")
    there.verbatim(b'{"type":"result","id":"%s","status":%d,%s}' % (command["id"].encode(), status, payload))
    found = answer.result(10)
    assert result(found)["status"] == status
    assert payload in found.body


def test_the_connection_lives_on(url, agent, background):
    there = agent()
    with wire.Connection(url) as connection:
        for number in range(5):
            answer = background(connection.request, "POST", f"/v1/clients/{there.id}/commands", body(data=number))
            command = there.next("command")
            there.result(command, command["data"])
            assert result(answer.result(10))["data"] == number


def test_no_result(url, agent):
    there = agent()
    start = time.monotonic()
    expect(send(url, there.id, body(timeout=0.3)), "no_result")
    assert 0.25 < time.monotonic() - start < 5


def test_raw_clients_take_none(url, connect):
    client = connect()
    expect(send(url, client.id), "commands_unsupported")
    expect(send(url, client.id, body(id=client.id)), "commands_unsupported")
    assert state(url, client.id) | {"state": "failed", "code": "commands_unsupported"} == state(url, client.id)


def test_awaited(url, background):
    """`connectTimeout`: a client that comes in time gets the command, one that does not is offline."""
    client = f"late-{uuid.uuid4().hex[:12]}"
    start = time.monotonic()
    expect(send(url, client, body(connectTimeout=0.5)), "client_offline")
    assert time.monotonic() - start > 0.4
    answer = background(send, url, client, body(connectTimeout=10))
    there = agents.Agent(wire.connect(url, client, framed=True))
    command = there.next("command")
    there.result(command, "here")
    assert result(answer.result(10))["data"] == "here"
    there.connection.__exit__()


def test_eight_at_a_time_and_then_a_queue(url, agent):
    there = agent()
    for _ in range(8 + 256):
        assert send(url, there.id, headers=LATER).status == 202
    expect(send(url, there.id), "command_queue_full")
    running = [there.next("command") for _ in range(8)]
    expect_nothing_more(there)
    there.send(type="result", id=running[3]["id"], status=200, data=None)
    frames = {json.loads(there.connection.frame().payload)["type"] for _ in range(2)}
    assert frames == {"ack", "command"}, "the next takes its place"


def expect_nothing_more(there: agents.Agent) -> None:
    """What the node sends next is the answer to this."""
    there.send(type="message", id="nothing-more", data=1)
    assert there.next("ack")["ref"] == "nothing-more"


# Later


def test_later(url, agent):
    there = agent()
    answer = send(url, there.id, body("restart"), LATER)
    assert answer.status == 202
    assert answer.headers["preference-applied"] == "respond-async"
    id = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/commands/{id}"
    known = {"id": id, "client": there.id, "name": "restart"}
    assert answer.json() == state(url, id) == known | {"state": "pending"}
    command = there.next("command")
    assert command["id"] == id
    there.result(command, [1.0])
    found = settled(url, id, "done")
    assert found.pop("ms") >= 0
    assert found == known | {"state": "done", "status": 200, "data": [1.0]}


def test_later_and_nobody_there(url):
    for headers in (LATER, {"Prefer": "wait=10, Respond-Async"}):
        answer = send(url, "nobody", body(), headers)
        assert answer.status == 202
        assert settled(url, answer.json()["id"], "failed")["code"] == "client_offline"


def test_later_and_no_result(url, agent):
    there = agent()
    id = send(url, there.id, body(timeout=0.2), LATER).json()["id"]
    command = there.next("command")
    assert settled(url, id, "failed")["code"] == "no_result"
    # Too late for whoever waited, not for whoever looks.
    there.send(type="result", id=command["id"], status=200, data="late")
    assert settled(url, id, "done")["data"] == "late"


# Once


def test_the_same_id_runs_once(url, agent, background, chunked):
    there, id = agent(), f"receipt:{uuid.uuid4().hex}"
    callers = [background(send, url, there.id, body(id=id), chunked=chunked) for _ in range(4)]
    command = there.next("command")
    assert command["id"] == id
    there.result(command, "done")
    assert {(answer.result(10).status, answer.result().json()["data"]) for answer in callers} == {(200, "done")}
    assert result(send(url, there.id, body(id=id)))["data"] == "done"
    assert result(send(url, there.id, body(), {"Idempotency-Key": id}))["data"] == "done"
    assert send(url, there.id, body(id=id), LATER).status == 202
    assert state(url, id)["state"] == "done"
    expect_nothing_more(there)


def test_the_same_id_for_something_else(url, agent, background):
    there, other, id = agent(), agent(), uuid.uuid4().hex
    answer = background(send, url, there.id, body(id=id))
    there.result(there.next("command"), 1)
    assert result(answer.result(10))["data"] == 1
    expect(send(url, other.id, body(id=id)), "idempotency_conflict")
    expect(send(url, there.id, body("another", id=id)), "idempotency_conflict")
    expect(send(url, other.id, body(id=id), LATER), "idempotency_conflict")
    expect_nothing_more(other)


def test_one_that_came_to_nothing_is_sent_again(url, background):
    client, id = f"late-{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    expect(send(url, client, body(id=id)), "client_offline")
    there = agents.Agent(wire.connect(url, client, framed=True))
    answer = background(send, url, client, body(id=id))
    there.result(there.next("command"), "now")
    assert result(answer.result(10))["data"] == "now"
    there.connection.__exit__()


# Callers that go away


@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["plain", "events"])
@pytest.mark.parametrize("named", [False, True])
def test_a_caller_that_goes_away_cancels(url, agent, headers, named):
    there = agent()
    with calling(url, there.id, body(id=f"gone-{uuid.uuid4().hex}") if named else body(), headers):
        command = there.next("command")
    assert there.next("cancel")["id"] == command["id"]
    assert settled(url, command["id"], "failed")["code"] == "caller_gone"
    # The client says what came of it, for whoever looks.
    there.result(command, None, status=499)
    assert settled(url, command["id"], "done")["status"] == 499


def test_a_caller_that_goes_away_at_once(url, agent):
    """Closed before the node has read the request: the command is cancelled, whether it was sent or not."""
    there = agent()
    for _ in range(20):
        with calling(url, there.id):
            pass
    answer = send(url, there.id, body("last"), LATER)
    last, running = None, set()
    # The node may see that a caller has gone only after it has taken the last request, from another connection.
    while last is None or running:
        frame = json.loads(there.connection.frame().payload)
        if frame.get("name") == "last":
            last = frame
        elif frame["type"] == "command":
            running.add(frame["id"])
        elif frame["type"] == "cancel":
            running.remove(frame["id"])
            there.send(type="result", id=frame["id"], status=499, data=None)
    assert answer.json()["id"] == last["id"]


def test_one_that_waits_is_taken_out_of_the_queue(url, agent):
    there = agent()
    for _ in range(8):
        assert send(url, there.id, body("busy", timeout=20), LATER).status == 202
    running = [there.next("command") for _ in range(8)]
    with calling(url, there.id, body("waits", id=(waits := uuid.uuid4().hex))):
        settled(url, waits, "pending")
        # Its place in the queue is behind this one's when this is answered.
        assert send(url, there.id, body("behind", timeout=20), LATER).status == 202
    assert settled(url, waits, "failed")["code"] == "caller_gone"
    expect_nothing_more(there)
    there.send(type="result", id=running[0]["id"], status=200, data=None)
    frames = [json.loads(there.connection.frame().payload) for _ in range(2)]
    assert [frame["name"] for frame in frames if frame["type"] == "command"] == ["behind"]


def test_a_caller_that_closes_only_its_sending_side(url, agent):
    there = agent()
    with calling(url, there.id) as connection:
        command = there.next("command")
        connection.finish()
        expect(connection.answer(), "caller_gone")
        assert connection.closed()
    assert there.next("cancel")["id"] == command["id"]


def test_nobody_waits_for_a_later_one(url, agent):
    there = agent()
    with wire.Connection(url) as connection:
        assert connection.request("POST", f"/v1/clients/{there.id}/commands", body(), LATER).status == 202
        command = there.next("command")
    expect_nothing_more(there)
    there.result(command, "done")
    assert settled(url, command["id"], "done")["data"] == "done"


# As it comes


def test_events(url, agent):
    there = agent()
    with calling(url, there.id, headers=EVENTS) as connection:
        command = there.next("command")
        stream = wire.Stream(connection)
        assert stream.answer.status == 200
        assert stream.answer.headers["content-type"] == "text/event-stream"
        assert stream.answer.headers["cache-control"] == "no-store"
        for number in range(5):
            there.output(command, {"line": number})
            assert stream.event() == ("output", {"data": {"line": number}})
        there.verbatim(b'{"type":"output","id":"%s","data":{\r\n"a":\n1}}' % command["id"].encode())
        assert stream.event() == ("output", {"data": {"a": 1}})
        there.send(type="output", id=command["id"], base64=base64.b64encode(b"\0\1").decode())
        assert stream.event() == ("output", {"base64": "AAE="})
        there.result(command, "done", status=201)
        kind, found = stream.event()
        assert kind == "result" and found.pop("ms") >= 0
        assert found == {"id": command["id"], "status": 201, "data": "done"}
        assert stream.event() is None
        assert connection.request("GET", "/healthz").status == 200, "the connection lives on"


@pytest.mark.parametrize("code", ["client_offline", "commands_unsupported", "no_result"])
def test_events_of_what_fails(url, agent, connect, code):
    clients = {"client_offline": lambda: "nobody", "commands_unsupported": lambda: connect().id}
    client = clients.get(code, lambda: agent().id)()
    with calling(url, client, body(timeout=0.2), EVENTS) as connection:
        stream = wire.Stream(connection)
        kind, document = stream.event()
        assert (kind, document["code"], document["status"]) == ("error", code, STATUS[code])
        assert document["type"] == f"urn:switchboard:problem:{code}" and document["title"] and document["detail"]
        assert stream.event() is None


def test_a_caller_that_reads_too_slowly_loses_output_and_is_told(url, agent):
    """A result is never lost, and what the node keeps for a slow caller is bounded."""
    there = agent(query="")
    with wire.Connection(url, buffer=4096) as connection:
        path = f"/v1/clients/{there.id}/commands"
        connection.send(wire.request("POST", path, connection.host, body(), EVENTS))
        command = there.next("command")
        sent = 0
        # 50 messages a second, and 100 at once: what a node does without its rate is no matter of this test.
        for number in range(90):
            there.output(command, {"number": number, "fill": "x" * 60_000})
            sent += 1
        there.result(command, "done")
        stream = wire.Stream(connection)
        events = []
        while event := stream.event():
            events.append(event)
    kinds = [kind for kind, _ in events]
    assert kinds[-2:] == ["gap", "result"] and set(kinds[:-2]) == {"output"}
    numbers = [data["data"]["number"] for kind, data in events if kind == "output"]
    assert numbers == sorted(numbers)
    assert len(numbers) + events[-2][1]["lost"] == sent
    # What the queue, the backlog and the sockets hold.
    assert len(numbers) * 60_000 < 6_000_000


# Groups


def members(url, agent, count: int) -> tuple[str, list[agents.Agent]]:
    group = f"group-{uuid.uuid4().hex[:12]}"
    return group, [agent(query=f"&group={group}") for _ in range(count)]


def test_group(url, agent):
    group, there = members(url, agent, 3)
    with wire.Connection(url) as connection:
        path = f"/v1/groups/{group}/commands"
        connection.send(wire.request("POST", path, connection.host, body("version", data=1, timeout=1)))
        commands = [one.next("command") for one in there]
        assert {command["name"] for command in commands} == {"version"}
        assert len({command["id"] for command in commands}) == 3
        stream = wire.Stream(connection)
        assert stream.answer.headers["content-type"] == "application/x-ndjson"
        # As the results come, not as the members are called.
        for index in (2, 0):
            there[index].verbatim(
                b'{"type":"result","id":"%s","status":200,"data":{\n"i": %d}}' % (commands[index]["id"].encode(), index)
            )
            found = json.loads(stream.line())
            assert found.pop("ms") >= 0
            assert found == {
                "client": there[index].id,
                "id": commands[index]["id"],
                "status": 200,
                "data": {"i": index},
            }
        silent = {"client": there[1].id, "id": commands[1]["id"], "code": "no_result"}
        assert json.loads(stream.line()) == silent
        assert json.loads(stream.line()) == {"matched": 3, "answered": 2, "failed": 1}
        assert stream.line() is None


def test_group_with_nobody_in_it(url):
    answer = wire.call(url, "POST", "/v1/groups/nobody-is-here/commands", body())
    assert [json.loads(line) for line in answer.body.splitlines()] == [{"matched": 0, "answered": 0, "failed": 0}]


def test_group_with_raw_members(url, connect, agent, background):
    group, there = members(url, agent, 1)
    raw = connect(query=f"&group={group}")
    answer = background(wire.call, url, "POST", f"/v1/groups/{group}/commands", body())
    there[0].result(there[0].next("command"), None)
    lines = [json.loads(line) for line in answer.result(10).body.splitlines()]
    assert {line["client"]: line.get("code") for line in lines[:2]} == {raw.id: "commands_unsupported", there[0].id: None}
    assert lines[2] == {"matched": 2, "answered": 1, "failed": 1}


def test_group_whose_caller_goes_away(url, agent):
    group, there = members(url, agent, 3)
    with wire.Connection(url) as connection:
        connection.send(wire.request("POST", f"/v1/groups/{group}/commands", connection.host, body()))
        commands = [one.next("command") for one in there]
        there[0].result(commands[0], None)
        stream = wire.Stream(connection)
        assert json.loads(stream.line())["client"] == there[0].id
    for one, command in list(zip(there, commands))[1:]:
        assert one.next("cancel")["id"] == command["id"]
    expect_nothing_more(there[0])
