"""A push that is sent twice is delivered once, and both senders get the same answer."""

import json
import uuid

import pytest

import wire
from problems import expect, expect_counts


@pytest.fixture(params=["id", "key"])
def once(request, url, chunked):
    """Sends a push under a name: as its id, or as the header."""

    def once(name: str, client: str, data="x", headers=None, **options) -> wire.Answer:
        body, headers = {"to": {"client": client}, "data": data} | options, dict(headers or {})
        if request.param == "id":
            body["id"] = name
        else:
            headers["Idempotency-Key"] = name
        return wire.call(url, "POST", "/v1/push", json.dumps(body).encode(), headers, chunked=chunked)

    return once


def new() -> str:
    return f"order:{uuid.uuid4().hex}"


def test_a_repeat_delivers_nothing(url, connect, once):
    client, name = connect(), new()
    first = once(name, client.id, "once")
    expect_counts(first, matched=1, delivered=1, nodes=1)
    for _ in range(3):
        again = once(name, client.id, "once")
        assert (again.status, again.body) == (first.status, first.body)
    once(new(), client.id, "other")
    assert [client.connection.frame().payload for _ in range(2)] == [b'"once"', b'"other"']


def test_the_id_is_the_pushs_own(url, agent):
    there, name = agent(), new()
    body = json.dumps({"to": {"client": there.id}, "data": 1, "id": name}).encode()
    assert wire.call(url, "POST", "/v1/push", body).json()["id"] == name
    assert there.push()["id"] == name


def test_repeats_at_the_same_time(connect, once, background):
    client, name = connect(), new()
    answers = [background(once, name, client.id, "once") for _ in range(12)]
    assert len({answer.result(10).body for answer in answers}) == 1
    assert {answer.result().status for answer in answers} == {200}
    once(new(), client.id, "other")
    assert [client.connection.frame().payload for _ in range(2)] == [b'"once"', b'"other"']


def test_a_durable_repeat(url, once):
    client, name = f"offline-{uuid.uuid4().hex[:12]}", new()
    first = once(name, client, durable=True)
    expect_counts(first, 202, queued=1, offline=1)
    assert (once(name, client, durable=True).status, once(name, client, durable=True).body) == (202, first.body)
    assert wire.call(url, "GET", f"/v1/clients/{client}/mailbox").json()["count"] == 1
    wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox")


def test_another_request_of_the_same_name(once):
    name = new()
    expect_counts(once(name, "nobody"), offline=1)
    expect(once(name, "nobody", "y"), "idempotency_conflict")
    expect(once(name, "nobody-else"), "idempotency_conflict")
    expect(once(name, "nobody", durable=True), "idempotency_conflict")


def test_a_refused_one_may_be_tried_again(url, connect, once):
    client = f"late-{uuid.uuid4().hex[:12]}"
    name = new()
    expect(once(name, client, offline="fail"), "client_offline")
    there = wire.connect(url, client)
    expect_counts(once(name, client, offline="fail"), matched=1, delivered=1, nodes=1)
    there.close()


def test_while_the_first_is_under_way(agent, once, background):
    there, name = agent(), new()
    first = background(once, name, there.id, headers={"Prefer": "wait=20"})
    frame = there.push()
    expect(once(name, there.id), "push_in_progress")
    expect(once(name, there.id, "other"), "idempotency_conflict")
    there.send(type="ack", id=frame["id"])
    expect_counts(first.result(10), matched=1, delivered=1, acked=1, nodes=1)
    assert once(name, there.id).body == first.result().body
