"""The hook that decides who may connect."""

import base64
import collections
import contextlib
import json
import os
import re
import threading
import uuid

import pytest

import agents
import client_tokens
import guarded
import nodes
import receiver as receivers
import wire
from receiver import Reply


def name() -> str:
    return f"kiosk-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def hooked(start, receiver):
    """Starts a node that asks the receiver, at another path than its events go to."""

    def hooked(*options: str):
        return start("--connecting-url", receiver.url + "/connecting", *options)

    return hooked


def answering(receiver, reply) -> None:
    """What the hook answers; events are always taken."""
    receiver.behave = lambda delivery: reply(delivery.events[0]) if delivery.path.endswith("/connecting") else Reply()


def refused(url: str, query: str, headers: dict | None = None) -> wire.Answer:
    with wire.Connection(url) as connection:
        answer = connection.upgrade(f"/ws?{query}", headers)
        assert answer.status != 101
        assert answer.headers["content-type"] == "application/problem+json"
        return answer


# Questions that a node asks at once.
PLACES = 64


def knock(connection: wire.Connection, id: str) -> None:
    """Asks for a WebSocket, and does not wait for the answer."""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
    connection.send(wire.request("GET", f"/ws?clientId={id}", connection.host, headers=headers))


def limited(url: str) -> int:
    """How often there was too much at once."""
    text = wire.call(url, "GET", "/metrics").body.decode()
    return int(re.search(r'switchboard_limited_total{limit="underWay"} (\d+)', text)[1])


def test_it_gives_groups_and_labels(hooked, receiver):
    seen = []

    def reply(event):
        seen.append(event)
        grant = {"groups": ["tills", "vip"], "labels": {"tenant": "a", "role": "till"}}
        return Reply(200, json.dumps(grant).encode(), {"Content-Type": "application/json"})

    answering(receiver, reply)
    node = hooked()
    id = name()
    client = wire.connect(node.url, id, query="&group=tills&label.role=admin&label.floor=2")
    presence = wire.await_state(node.url, id, "online")
    assert presence["labels"] == {"tenant": "a", "role": "till", "floor": "2"}
    assert sorted(presence["groups"]) == ["tills", "vip"]
    (event,) = seen
    assert (event.get_type(), event.get_subject()) == ("client.connecting", id)
    assert event.get_data()["groups"] == ["tills"]
    assert event.get_data()["labels"] == {"role": "admin", "floor": "2"}
    body = json.dumps({"to": {"group": "vip"}, "text": "hello"}).encode()
    assert wire.call(node.url, "POST", "/v1/push", body).json()["delivered"] == 1
    (connected,) = receiver.wait_for(1, "client.connected", id)
    assert sorted(connected.get_data()["groups"]) == ["tills", "vip"]
    client.close()


@pytest.mark.parametrize("status, body", [(403, {"reason": "not on the list"}), (401, {"reason": "who?"}), (404, {})])
def test_it_refuses(hooked, receiver, status, body):
    answering(receiver, lambda event: Reply(status, json.dumps(body).encode()))
    node = hooked()
    answer = refused(node.url, f"clientId={name()}")
    assert answer.status == status
    problem = answer.json()
    assert (problem["code"], problem["status"]) == ("connection_refused", status)
    assert problem["detail"] == body.get("reason", "the backend refused the client")


def test_it_says_when_to_come_back(hooked, receiver):
    answering(receiver, lambda event: Reply(429, b'{"reason":"full"}', {"Retry-After": "17"}))
    answer = refused(hooked().url, f"clientId={name()}")
    assert (answer.status, answer.headers["retry-after"]) == (429, "17")


def test_a_client_that_says_later_who_it_is(hooked, receiver):
    answering(
        receiver,
        lambda event: Reply(403, b'{"reason":"no"}')
        if event.get_subject() == "bad"
        else Reply(200, b'{"labels":{"by":"hook"}}'),
    )
    node = hooked()
    with wire.Connection(node.url) as connection:
        assert connection.upgrade("/ws?hello=1", {"Sec-WebSocket-Protocol": "switchboard.v1"}).status == 101
        connection.send_frame(wire.TEXT, b'{"type":"hello","clientId":"bad"}')
        frame = connection.frame()
        assert frame.opcode == wire.CLOSE and frame.payload == b"\x0f\xa2no"
    with wire.Connection(node.url) as connection:
        assert connection.upgrade("/ws?hello=1", {"Sec-WebSocket-Protocol": "switchboard.v1"}).status == 101
        hello = {"type": "hello", "clientId": "good", "labels": {"by": "me", "floor": "1"}}
        connection.send_frame(wire.TEXT, json.dumps(hello).encode())
        agent = agents.Agent(wire.Client("good", connection))
        assert agent.hello["clientId"] == "good"
        assert wire.await_state(node.url, "good", "online")["labels"] == {"by": "hook", "floor": "1"}


def test_labels_of_the_first_frame_come_too_late(hooked, receiver):
    """The backend was asked about others: they neither undo what it gave, nor replace or add to what it has seen."""
    seen = []

    def reply(event):
        seen.append(event.get_data()["labels"])
        return Reply(200, b'{"labels":{"by":"hook"}}')

    answering(receiver, reply)
    node = hooked()
    with wire.Connection(node.url) as connection:
        target = "/ws?clientId=c&hello=1&label.role=guest"
        assert connection.upgrade(target, {"Sec-WebSocket-Protocol": "switchboard.v1"}).status == 101
        connection.send_frame(wire.TEXT, b'{"type":"hello","labels":{"by":"me","role":"admin","x":"y"}}')
        agents.Agent(wire.Client("c", connection))
        assert wire.await_state(node.url, "c", "online")["labels"] == {"by": "hook", "role": "guest"}
    assert seen == [{"role": "guest"}]


def test_it_is_asked_about_those_who_have_shown_a_token(hooked, receiver):
    """Under the token's name, and never about anybody else; what it gives comes on top of what the token says."""
    asked = []

    def reply(event):
        asked.append((event.get_subject(), event.get_data()["groups"], event.get_data()["labels"]))
        return Reply(200, b'{"groups":["vip"],"labels":{"by":"hook"}}')

    answering(receiver, reply)
    node = hooked("--token-secret", client_tokens.SECRET)
    shown = {"groups": ["tills"], "labels": {"role": "till"}}
    ids = [name(), name()]
    with client_tokens.Client(node.url, f"clientId={ids[0]}", framed=False) as client:
        assert client.answer.status == 401
    with client_tokens.Client(node.url, f"clientId={ids[0]}") as client:
        client.send(type="hello")
        assert client.close()[0] == 4001
    for id, in_hello in zip(ids, (False, True)):
        text = client_tokens.token(id, **shown)
        with client_tokens.Client(node.url, "hello=1", {} if in_hello else guarded.bearer(text)) as client:
            client.hello(text if in_hello else None)
            (connected,) = receiver.wait_for(1, "client.connected", id)
            assert sorted(connected.get_data()["groups"]) == ["tills", "vip"]
            assert connected.get_data()["labels"] == {"role": "till", "by": "hook"}
            for group in ("vip", "ops"):
                client.send(type="join", group=group)
            assert client.next()["ref"] == "ops"
    assert asked == [(id, shown["groups"], shown["labels"]) for id in ids]


UNCLEAR = {
    "too slow": lambda event: Reply(200, after=20),
    "500": lambda event: Reply(500),
    "redirect": lambda event: Reply(307, headers={"Location": "http://127.0.0.1:1/"}),
    "no HTTP": lambda event: Reply(garbage=b"\xff\x00"),
    "broken JSON": lambda event: Reply(200, b'{"groups":["a"'),
    "an invalid group": lambda event: Reply(200, b'{"groups":["a/b"]}'),
    "too long": lambda event: Reply(200, b'{"labels":{"x":"' + b"y" * 100_000 + b'"}}'),
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_without_an_answer_the_default_counts(kind, cluster, receiver):
    answering(receiver, UNCLEAR[kind])
    options = ("--connecting-url", receiver.url + "/connecting", "--connecting-timeout", "0.5")
    allowing, refusing = cluster(*options), cluster(*options, "--connecting-default", "refuse")
    client = wire.connect(allowing.url, name())
    answer = refused(refusing.url, f"clientId={name()}")
    assert (answer.status, answer.json()["code"]) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1
    client.close()


def test_nobody_listens(redis):
    receiver = receivers.Receiver()
    with nodes.starting(receiver, "--redis", redis.url) as start:
        node = start("--connecting-url", receiver.url, "--connecting-default", "refuse")
        assert refused(node.url, "clientId=c").status == 503


def test_a_flood_of_one_that_is_refused(hooked, receiver):
    """Who is refused does not get in by coming often, whatever the default, and keeps the backend busy with one question."""

    def reply(event):
        if event.get_subject().startswith("bad"):
            return Reply(403, b'{"reason":"no"}', after=0.15)
        return Reply(200)

    answering(receiver, reply)
    node = hooked("--connecting-default", "allow")
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(wire.Connection(node.url)) for _ in range(300)]
        for connection in crowd:
            knock(connection, "bad")
        client = wire.connect(node.url, name())
        client.close()
        statuses = [connection.answer().status for connection in crowd]
    assert 403 in statuses and set(statuses) <= {403, 503}
    asked = [event for delivery in receiver.deliveries for event in delivery.events if event.get_subject() == "bad"]
    assert 1 <= len(asked) <= 10


def test_more_than_can_be_asked_about(hooked, receiver):
    """What finds no place is sent away for a moment, and never let in by the default."""
    released = threading.Event()

    def hold(event):
        released.wait(30)
        return Reply(403)

    answering(receiver, hold)
    node = hooked("--connecting-default", "allow", "--connecting-timeout", "9")
    with contextlib.ExitStack() as stack:
        stack.callback(released.set)
        crowd = [stack.enter_context(wire.Connection(node.url)) for _ in range(100)]
        for connection in crowd:
            knock(connection, name())
        wire.until(lambda: limited(node.url), lambda count: count == len(crowd) - PLACES)
        released.set()
        answers = [connection.answer() for connection in crowd]
    assert collections.Counter(answer.status for answer in answers) == {403: PLACES, 503: len(crowd) - PLACES}
    for answer in answers:
        if answer.status == 503:
            assert answer.json()["code"] == "overloaded"
            assert int(answer.headers["retry-after"]) >= 1


def test_waiting_clients_hold_nobody_up(hooked, receiver):
    """Many clients wait for the hook; meanwhile everything else goes on."""
    answering(receiver, lambda event: Reply(200))
    node = hooked("--connecting-timeout", "9", "--loops", "1")
    client = wire.connect(node.url, name())
    released = threading.Event()

    def hold(event):
        released.wait(30)
        return Reply(200)

    answering(receiver, hold)
    asked = len(receiver.deliveries)
    try:
        with nodes.connecting(node.url, [name() for _ in range(60)]) as waiting:
            receiver.wait(lambda receiver: receiver.under_way >= 30)
            for number in range(10):
                path = f"/v1/clients/{client.id}/push"
                answer = wire.call(node.url, "POST", path, b"%d" % number, {"Content-Type": "text/plain"})
                assert answer.json()["delivered"] == 1
                assert client.connection.frame().payload == b"%d" % number
            # All of this happened while they waited.
            assert not waiting.is_connected
            released.set()
            waiting.connected()
    finally:
        released.set()
    assert len(receiver.deliveries) >= asked + 60
    client.close()
