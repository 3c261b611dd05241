"""`dryRun=1`: who would get a push is told, and nothing is sent; and `GET /v1/pushes`, what was sent."""

import json
import uuid

import pytest

import guarded
import processes
import wire
from problems import expect
from test_nodes import fits


def dry(url: str, to: dict, path: str = "/v1/push?dryRun=1", **options) -> dict:
    body = json.dumps({"to": to, "data": 1} | options).encode()
    return fits(wire.call(url, "POST", path, body), "DryRun")


def test_every_target(url, connect):
    group, label = f"g-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex[:8]
    clients = [connect(query=f"&group={group}&label.dry={label}") for _ in range(3)]
    names = sorted(client.id for client in clients)
    there = {"dryRun": True, "matched": 3, "offline": 0, "nodes": 1, "clients": names, "complete": True}
    assert dry(url, {"group": group}) == there
    assert dry(url, {"labels": {"dry": label}}) == there
    assert dry(url, {"clients": [*names, "nobody"]}) == there | {"offline": 1}
    assert dry(url, {"client": names[0]}) == there | {"matched": 1, "clients": names[:1]}
    nobody = {"dryRun": True, "matched": 0, "offline": 1, "nodes": 0, "clients": [], "complete": True}
    assert dry(url, {"client": "nobody"}) == nobody
    assert dry(url, {"client": "nobody"}, offline="fail") == nobody
    assert dry(url, {"group": "nobody"}) == nobody | {"offline": 0}
    assert dry(url, {"all": True})["matched"] >= 3
    # Nothing was sent: the first that arrives is this.
    for client in clients:
        assert wire.call(url, "POST", f"/v1/clients/{client.id}/push", b"real").json()["delivered"] == 1
        assert client.connection.frame().payload == b"real"


@pytest.mark.parametrize("query", ["dryRun=1", "durable=true&dryRun=1", "dry%52un=1&ttl=5&durable=true"])
def test_the_shorthands(url, connect, query, chunked):
    client = connect("dry", query="&group=dry-runs")
    for path in (f"/v1/clients/{client.id}/push", "/v1/groups/dry-runs/push", "/v1/broadcast"):
        answer = fits(wire.call(url, "POST", f"{path}?{query}", b"x", chunked=chunked), "DryRun")
        assert answer["matched"] >= 1
        if path != "/v1/broadcast":
            assert client.id in answer["clients"]
    assert wire.call(url, "POST", f"/v1/clients/{client.id}/push", b"real").json()["queued"] == 0
    assert client.connection.frame().payload == b"real"


def test_nothing_is_kept(url):
    client, name = f"away-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    dry(url, {"client": client}, durable=True, id=name)
    expect(wire.call(url, "GET", f"/v1/pushes/{name}"), "push_not_found")
    # The id is free for the push itself.
    body = json.dumps({"to": {"client": client}, "data": 2, "durable": True, "id": name}).encode()
    assert wire.call(url, "POST", "/v1/push", body).json()["queued"] == 1
    assert wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox").json() == {"deleted": 1}


BAD = {
    "not 1": ("/v1/push?dryRun=true", b'{"to":{"all":true},"data":1}', "invalid_request"),
    "without a value": ("/v1/push?dryRun", b'{"to":{"all":true},"data":1}', "invalid_request"),
    "twice": ("/v1/broadcast?dryRun=1&dryRun=1", b"x", "invalid_request"),
    "another spelling": ("/v1/broadcast?dryrun=1", b"x", "invalid_request"),
    "another option": ("/v1/push?dryRun=1&ttl=5", b'{"to":{"all":true},"data":1}', "invalid_request"),
    "no payload": ("/v1/push?dryRun=1", b'{"to":{"all":true}}', "invalid_payload"),
    "no JSON": ("/v1/push?dryRun=1", b"{", "malformed_json"),
    "no target": ("/v1/push?dryRun=1", b'{"to":{},"data":1}', "invalid_target"),
    "many": ("/v1/pushes?dryRun=1", b"", "invalid_request"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(url, case, chunked):
    path, body, code = BAD[case]
    expect(wire.call(url, "POST", path, body, chunked=chunked), code)


@pytest.mark.own_node
def test_more_than_a_hundred():
    with processes.node() as url:
        clients = [wire.Connection(url) for _ in range(120)]
        for number, connection in enumerate(clients):
            assert connection.upgrade(f"/ws?clientId=c-{number:03}&group=crowd").status == 101
        answer = wire.until(lambda: dry(url, {"group": "crowd"}), lambda found: found["matched"] == 120)
        assert answer["clients"] == [f"c-{number:03}" for number in range(100)]
        for connection in clients:
            connection.__exit__()


@pytest.mark.own_node
def test_two_nodes_over_redis():
    with processes.redis() as redis:
        options = ("--redis", redis.url)
        with processes.node(*options, "--node-id", "n-a") as first, processes.node(*options, "--node-id", "n-b") as second:
            with wire.connect(first, "c-1").connection, wire.connect(second, "c-2").connection:
                answer = dry(first, {"clients": ["c-2", "c-1", "c-3"]})
                assert answer == {
                    "dryRun": True,
                    "matched": 2,
                    "offline": 1,
                    "nodes": 2,
                    "clients": ["c-1", "c-2"],
                    "complete": True,
                }
                ids = [wire.call(node, "POST", "/v1/clients/c-1/push", b"x").json()["id"] for node in (first, second)]
                found = wire.call(second, "GET", "/v1/pushes").json()
                assert [push["id"] for push in found["pushes"]] == ids[::-1]
                assert [push["node"] for push in found["pushes"]] == ["n-b", "n-a"]
                assert (found["nodes"], found["complete"]) == (2, True)


# What was sent


def test_the_newest_pushes(url, connect):
    client = connect()
    dry(url, {"client": client.id})
    one = wire.call(url, "POST", f"/v1/clients/{client.id}/push", b"secret payload").json()
    body = json.dumps({"to": {"clients": [client.id] + [f"x-{n}" for n in range(20)]}, "text": "y"}).encode()
    two = wire.call(url, "POST", "/v1/push", body).json()
    answer = wire.call(url, "GET", "/v1/pushes?limit=2")
    assert b"secret" not in answer.body
    newest, older = fits(answer, "PushList")["pushes"]
    assert (newest["id"], older["id"]) == (two["id"], one["id"])
    assert older["to"] == {"client": client.id} and older["bytes"] == 14 and older["durable"] is False
    assert older["counts"] == {name: value for name, value in one.items() if name != "id"}
    assert len(newest["to"]["clients"]) == 10 and newest["named"] == 21


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "colour=red"])
def test_the_list_is_asked_rightly(url, query):
    expect(wire.call(url, "GET", f"/v1/pushes?{query}"), "invalid_request")


@pytest.mark.own_node
def test_who_pushed_and_no_more_than_200():
    with guarded.node() as node:
        with wire.Connection(node.url) as connection:
            for _ in range(210):
                assert connection.request("POST", "/v1/broadcast", b"x", guarded.bearer(node.keys["push"])).status == 200
        pushes = node.call(node.keys["read"], path="/v1/pushes?limit=1000").json()["pushes"]
        assert len(pushes) == 200
        assert {push["by"] for push in pushes} == {"the-push-key"}
        expect(node.call(node.keys["push"], path="/v1/pushes"), "forbidden")
