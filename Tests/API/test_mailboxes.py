"""Durable pushes: what waits for a client, what becomes of it, and what is told of it."""

import json
import uuid

import pytest

import agents
import processes
import wire
from problems import expect, expect_counts


def new(name: str = "offline") -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}"


def push(url, client: str, data="x", *, chunked=False, headers=None, **options) -> wire.Answer:
    body = {"to": {"client": client}, "data": data, "durable": True} | options
    return wire.call(url, "POST", "/v1/push", json.dumps(body).encode(), headers, chunked=chunked)


def mailbox(url, client: str, query: str = "") -> dict:
    answer = wire.call(url, "GET", f"/v1/clients/{client}/mailbox{query}")
    assert answer.status == 200, answer.body
    return answer.json()


def report(url, id: str) -> dict:
    answer = wire.call(url, "GET", f"/v1/pushes/{id}")
    assert answer.status == 200, answer.body
    return answer.json()


def counts(report: dict) -> dict:
    """Without those that are 0."""
    return {name: count for name, count in report["counts"].items() if count}


def settled(url, id: str, state: str) -> dict:
    """The report once it says so: what a client does is told a moment later."""
    return wire.until(lambda: report(url, id), lambda found: found["state"] == state)


def online(url, client: str) -> agents.Agent:
    return agents.Agent(wire.connect(url, client, framed=True))


def test_an_offline_client_finds_its_pushes(url, chunked):
    client = new()
    ids = [expect_counts(push(url, client, n, chunked=chunked), 202, queued=1, offline=1)["id"] for n in range(3)]
    assert [entry["id"] for entry in mailbox(url, client)["pushes"]] == ids
    agent = online(url, client)
    pushes = [agent.push() for _ in range(3)]
    assert [frame["id"] for frame in pushes] == ids
    assert [frame["data"] for frame in pushes] == [0, 1, 2]
    assert all(frame["channel"] == "client" and "ack" not in frame for frame in pushes)
    agent.ack(pushes[1])
    settled(url, ids[1], "acked")
    assert [entry["id"] for entry in mailbox(url, client)["pushes"]] == ids[2:]
    agent.ack(pushes[2])
    settled(url, ids[2], "acked")
    assert mailbox(url, client) == {"client": client, "count": 0, "bytes": 0, "pushes": []}
    agent.connection.__exit__()


def test_what_is_told_of_a_push_that_waits(url):
    client = new()
    answer = push(url, client, {"price": 3.2}, ttl=90, collapse="prices")
    [entry] = mailbox(url, client)["pushes"]
    assert entry["id"] == answer.json()["id"]
    assert (entry["bytes"], entry["format"], entry["collapse"]) == (len(b'{"price": 3.2}'), "json", "prices")
    assert entry["at"] < entry["expiresAt"]
    wire.call(url, "POST", f"/v1/clients/{client}/push?durable=true", b"\0\1", {})
    wire.call(url, "POST", f"/v1/clients/{client}/push?offline=queue", b"text", {"Content-Type": "text/plain"})
    box = mailbox(url, client)
    assert [entry["format"] for entry in box["pushes"]] == ["json", "binary", "text"]
    assert (box["count"], box["bytes"]) == (3, len(b'{"price": 3.2}') + 2 + 4)
    assert len({entry["offset"] for entry in box["pushes"]}) == 3
    wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox")


def test_pages(url):
    client = new()
    ids = [push(url, client, number).json()["id"] for number in range(5)]
    found, query = [], "?limit=2"
    while True:
        page = mailbox(url, client, query)
        assert page["count"] == 5 and len(page["pushes"]) <= 2
        found += [entry["id"] for entry in page["pushes"]]
        if "next" not in page:
            break
        query = f"?limit=2&cursor={page['next']}"
    assert found == ids
    wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox")


def test_collapse(url):
    client = new()
    ids = [push(url, client, number, collapse="prices").json()["id"] for number in range(3)]
    other = push(url, client, "other", collapse="news").json()["id"]
    assert [entry["id"] for entry in mailbox(url, client)["pushes"]] == [ids[2], other]
    assert counts(report(url, ids[0])) == {"offline": 1, "collapsed": 1}
    assert report(url, ids[0])["state"] == "collapsed"
    assert report(url, ids[2])["state"] == "queued"
    wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox")


def test_cancel(url):
    client = new()
    ids = [push(url, client, number).json()["id"] for number in range(3)]
    assert wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox/{ids[1]}").status == 204
    expect(wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox/{ids[1]}"), "push_not_found")
    expect(wire.call(url, "DELETE", f"/v1/clients/{new()}/mailbox/{ids[0]}"), "push_not_found")
    found = report(url, ids[1])
    assert (found["state"], counts(found)) == ("cancelled", {"offline": 1, "cancelled": 1})
    assert [(moment["event"], moment["count"]) for moment in found["timeline"]] == [("queued", 1), ("cancelled", 1)]
    answer = wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox")
    assert (answer.status, answer.json()) == (200, {"deleted": 2})
    assert wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox").json() == {"deleted": 0}
    assert report(url, ids[0])["state"] == "cancelled"
    agent = online(url, client)
    expect_counts(wire.call(url, "POST", f"/v1/clients/{client}/push", b"now"), matched=1, delivered=1, nodes=1)
    assert agent.push()["base64"] == "bm93", "nothing of what was cancelled comes"
    agent.connection.__exit__()


def test_report_of_one_that_waited(url):
    client = new()
    id = push(url, client).json()["id"]
    found = report(url, id)
    assert (found["id"], found["state"], found["target"]) == (id, "queued", {"client": client})
    assert counts(found) == {"queued": 1, "offline": 1}
    agent = online(url, client)
    agent.ack(agent.push())
    found = settled(url, id, "acked")
    assert counts(found) == {"matched": 1, "delivered": 1, "acked": 1, "nodes": 1}
    assert [(moment["event"], moment["client"]) for moment in found["timeline"]] == [("queued", client), ("acked", client)]
    assert found["timeline"] == sorted(found["timeline"], key=lambda moment: moment["at"])
    agent.connection.__exit__()


def test_report_of_one_that_was_there(url, agent):
    there = agent()
    id = expect_counts(push(url, there.id), matched=1, delivered=1, nodes=1)["id"]
    assert counts(report(url, id)) == {"matched": 1, "delivered": 1, "nodes": 1}
    assert report(url, id)["state"] == "delivered"
    there.ack(there.push())
    assert counts(settled(url, id, "acked")) == {"matched": 1, "delivered": 1, "acked": 1, "nodes": 1}


def test_report_of_several(url, agent):
    there, away = agent(), [new(), new()]
    body = {"to": {"clients": [there.id, *away]}, "data": 1, "durable": True}
    answer = wire.call(url, "POST", "/v1/push", json.dumps(body).encode())
    id = expect_counts(answer, 202, matched=1, delivered=1, queued=2, offline=2, nodes=1)["id"]
    found = report(url, id)
    assert found["state"] == "queued"
    assert sorted(found["target"]["clients"]) == sorted([there.id, *away])
    assert counts(found) == {"matched": 1, "delivered": 1, "queued": 2, "offline": 2, "nodes": 1}
    there.ack(there.push())
    late = online(url, away[0])
    late.ack(late.push())
    assert wire.call(url, "DELETE", f"/v1/clients/{away[1]}/mailbox/{id}").status == 204
    found = wire.until(lambda: report(url, id), lambda found: counts(found).get("acked") == 2)
    assert found["state"] == "cancelled"
    assert counts(found) == {"matched": 2, "delivered": 2, "acked": 2, "offline": 1, "cancelled": 1, "nodes": 1}
    late.connection.__exit__()


def test_wait(url, agent, background):
    there = agent()
    answer = background(push, url, there.id, headers={"Prefer": "wait=10"})
    frame = there.push()
    assert not answer.done()
    there.ack(frame)
    id = expect_counts(answer.result(10), matched=1, delivered=1, acked=1, nodes=1)["id"]
    assert counts(settled(url, id, "acked")) == {"matched": 1, "delivered": 1, "acked": 1, "nodes": 1}


def test_wait_in_vain(url, agent):
    there = agent()
    headers = {"Prefer": "wait=1"}
    path = f"/v1/clients/{there.id}/push"
    id = expect_counts(wire.call(url, "POST", path, b"x", headers), 202, matched=1, delivered=1, nodes=1)["id"]
    frame = there.push()
    assert frame["ack"] is True and "offset" not in frame
    assert report(url, id)["state"] == "delivered"
    there.send(type="ack", id=id)
    assert counts(settled(url, id, "acked")) == {"matched": 1, "delivered": 1, "acked": 1, "nodes": 1}


def test_a_transient_push_leaves_nothing(url, connect):
    there = connect()
    id = wire.call(url, "POST", f"/v1/clients/{there.id}/push", b"x").json()["id"]
    expect(wire.call(url, "GET", f"/v1/pushes/{id}"), "push_not_found")


@pytest.mark.own_node
def test_full():
    with processes.node("--mailbox-limit", "3", "--mailbox-bytes", "1000") as url:
        for number in range(3):
            expect_counts(push(url, "kiosk-7", number), 202, queued=1, offline=1)
        for chunked in (False, True):
            refused = push(url, "kiosk-7", "x", chunked=chunked)
            expect(refused, "mailbox_full")
            document = refused.json()
            assert {name: document[name] for name in ("count", "bytes", "limit", "limitBytes")} == {
                "count": 3,
                "bytes": 3,
                "limit": 3,
                "limitBytes": 1000,
            }
        assert mailbox(url, "kiosk-7")["count"] == 3
        expect(push(url, "kiosk-8", "x" * 1000), "mailbox_full")
        assert wire.call(url, "DELETE", "/v1/clients/kiosk-7/mailbox").json() == {"deleted": 3}
        expect_counts(push(url, "kiosk-7"), 202, queued=1, offline=1)


@pytest.mark.own_node
def test_displaced():
    with processes.node("--mailbox-limit", "2", "--mailbox-overflow", "displace") as url:
        ids = [push(url, "kiosk-7", number).json()["id"] for number in range(3)]
        assert [entry["id"] for entry in mailbox(url, "kiosk-7")["pushes"]] == ids[1:]
        found = report(url, ids[0])
        assert (found["state"], counts(found)) == ("displaced", {"offline": 1, "displaced": 1})


def test_expired(url):
    client = new()
    id = push(url, client, ttl=1).json()["id"]
    kept = push(url, client).json()["id"]
    found = wire.until(lambda: mailbox(url, client), lambda found: found["count"] == 1)
    assert [entry["id"] for entry in found["pushes"]] == [kept]
    found = settled(url, id, "expired")
    assert counts(found) == {"offline": 1, "expired": 1}
    wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox")
