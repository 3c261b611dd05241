"""Roll-outs: who is begun and when, what counts as a failure, and where it stops."""

import json
import uuid

import pytest

import processes
import wire
from problems import expect


def command(clients: list[str], **members) -> dict:
    return {"to": {"clients": clients}, "command": {"name": "update", "timeout": 5}, "rate": 60000} | members


def start(url, body: dict, status: int = 201) -> dict:
    answer = wire.call(url, "POST", "/v1/rollouts", json.dumps(body).encode())
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json"), answer.body[:400]
    found = answer.json()
    assert answer.headers["location"] == f"/v1/rollouts/{found['id']}"
    return found


def show(url, id: str) -> dict:
    answer = wire.call(url, "GET", f"/v1/rollouts/{id}")
    assert answer.status == 200, answer.body
    return answer.json()


def settled(url, id: str, state: str, **counts: int) -> dict:
    """The roll-out once it is in this state with these counts: what clients do is told a moment later."""

    def fits(found: dict) -> bool:
        return found["state"] == state and counts.items() <= found["counts"].items()

    return wire.until(lambda: show(url, id), fits)


def outcomes(url, id: str, query: str = "") -> dict[str, dict]:
    answer = wire.call(url, "GET", f"/v1/rollouts/{id}/clients{query}")
    assert answer.status == 200, answer.body
    return {entry["client"]: entry for entry in answer.json()["clients"]}


def order(url, id: str, verb: str) -> wire.Answer:
    return wire.call(url, "POST", f"/v1/rollouts/{id}/{verb}")


def end(url, id: str) -> None:
    assert order(url, id, "abort").status == 200


def test_a_command_for_everybody(url, agent):
    there = [agent() for _ in range(4)]
    names = [client.id for client in there]
    begun = start(url, command(names, canary={"clients": 1}))
    assert begun["state"] == "canary"
    assert begun["counts"] == {"total": 4, "started": 0, "ok": 0, "failed": 0, "pending": 4}
    assert (begun["canary"]["clients"], begun["rate"], begun["abort"]) == (1, 60000, {"share": 0.1, "minimum": 10})
    assert begun["to"] == {"clients": names}
    first = there[0].next("command")
    assert (first["name"], first["id"]) == ("update", f"{begun['id']}:0")
    # The others wait for the canary.
    assert not any(client.connection.readable(0.3) for client in there[1:])
    assert show(url, begun["id"])["counts"]["started"] == 1
    there[0].result(first, None)
    for number, client in enumerate(there[1:], 1):
        told = client.next("command")
        assert told["id"] == f"{begun['id']}:{number}"
        client.result(told, None, status=204)
    done = settled(url, begun["id"], "done")
    assert done["counts"] == {"total": 4, "started": 4, "ok": 4, "failed": 0, "pending": 0}
    assert done["endedAt"] >= done["createdAt"] and done["by"]
    found = outcomes(url, begun["id"])
    assert list(found) == names
    assert [entry["status"] for entry in found.values()] == [200, 204, 204, 204]
    assert all(entry["outcome"] == "ok" for entry in found.values())


def test_a_canary_that_fails_is_the_end(url, agent):
    there = [agent() for _ in range(3)]
    begun = start(url, command([client.id for client in there], canary={"clients": 1}))
    there[0].result(there[0].next("command"), {"error": "no"}, status=500)
    ended = settled(url, begun["id"], "aborted", failed=1, pending=2)
    assert "canary" in ended["reason"]
    assert not any(client.connection.readable(0.3) for client in there[1:])
    failed = outcomes(url, begun["id"], "?outcome=failed")
    assert list(failed) == [there[0].id]
    assert (failed[there[0].id]["reason"], failed[there[0].id]["status"]) == ("status", 500)
    assert list(outcomes(url, begun["id"], "?outcome=pending")) == [client.id for client in there[1:]]


def test_without_tolerance_it_stops_at_the_first_failure(url, agent):
    there = [agent() for _ in range(5)]
    limits = {"canary": {"clients": 0}, "abort": {"share": 0, "minimum": 1}}
    begun = start(url, command([client.id for client in there], **limits))
    for client in there[:2]:
        client.result(client.next("command"), None)
    there[2].result(there[2].next("command"), None, status=503)
    settled(url, begun["id"], "aborted", started=3, ok=2, failed=1, pending=2)
    assert not any(client.connection.readable(0.3) for client in there[3:])


def test_failures_have_their_reasons(url, agent, connect):
    silent, raw = agent(), connect()
    clients = [silent.id, raw.id, f"nobody-{uuid.uuid4().hex}"]
    body = command(clients, canary={"clients": 0}, abort={"share": 1})
    body["command"]["timeout"] = 0.5
    begun = start(url, body)
    settled(url, begun["id"], "done", failed=3)
    found = outcomes(url, begun["id"])
    assert [found[name]["reason"] for name in clients] == ["no_result", "commands_unsupported", "client_offline"]


def test_pushes_are_ok_when_they_arrive(url, agent, connect):
    framed, raw = agent(), connect()
    there = [framed.id, raw.id, f"nobody-{uuid.uuid4().hex}"]
    body = {"to": {"clients": there}, "push": {"text": "new prices"}, "rate": 60000, "abort": {"share": 1}}
    begun = start(url, body | {"canary": {"clients": 0}})
    push = framed.push()
    assert (push["data"], push["id"]) == ("new prices", f"{begun['id']}:0")
    assert raw.connection.frame().payload == b"new prices"
    settled(url, begun["id"], "done", ok=2, failed=1)
    assert outcomes(url, begun["id"])[there[2]]["reason"] == "client_offline"


def test_durable_pushes_are_ok_when_they_are_acknowledged(url, agent):
    good, lazy = agent(), agent()
    push = {"data": {"price": 3.2}, "durable": True, "wait": 1.5}
    body = {"to": {"clients": [good.id, lazy.id]}, "push": push, "rate": 60000, "abort": {"share": 1}}
    begun = start(url, body | {"canary": {"clients": 0}})
    assert begun["push"] == {"durable": True, "wait": 1.5}
    good.ack(good.push())
    assert lazy.push()["data"] == {"price": 3.2}
    settled(url, begun["id"], "done", ok=1, failed=1)
    assert outcomes(url, begun["id"])[lazy.id]["reason"] == "not_acked"


def test_the_members_of_a_group(url, agent):
    group = f"tills-{uuid.uuid4().hex[:8]}"
    nobody = json.dumps({"to": {"group": group}, "push": {"text": "x"}}).encode()
    expect(wire.call(url, "POST", "/v1/rollouts", nobody), "no_clients")
    there = sorted((agent(query=f"&group={group}") for _ in range(3)), key=lambda client: client.id)
    agent()
    begun = start(url, {"to": {"group": group}, "command": {"name": "x"}, "canary": {"clients": 0}, "rate": 60000})
    assert begun["counts"]["total"] == 3
    for number, client in enumerate(there):
        told = client.next("command")
        assert told["id"] == f"{begun['id']}:{number}", "in the order of their ids"
        client.result(told, None)
    settled(url, begun["id"], "done", ok=3)


def test_pause_and_resume(url, agent):
    there = [agent() for _ in range(3)]
    limits = {"canary": {"clients": 0}, "abort": {"share": 0, "minimum": 1}}
    begun = start(url, command([client.id for client in there], **limits))
    first = there[0].next("command")
    for _ in range(2):
        paused = order(url, begun["id"], "pause")
        assert (paused.status, paused.json()["state"]) == (200, "paused")
    there[0].result(first, None)
    settled(url, begun["id"], "paused", ok=1, started=1)
    assert not there[1].connection.readable(0.5)
    for _ in range(2):
        assert order(url, begun["id"], "resume").json()["state"] in ("canary", "running")
    for client in there[1:]:
        client.result(client.next("command"), None)
    settled(url, begun["id"], "done", ok=3)
    for verb in ("pause", "resume", "abort"):
        expect(order(url, begun["id"], verb), "rollout_ended")


def test_abort(url, agent):
    there = [agent() for _ in range(3)]
    begun = start(url, command([client.id for client in there], canary={"clients": 1}))
    first = there[0].next("command")
    ended = wire.call(url, "POST", f"/v1/rollouts/{begun['id']}/abort?reason=wrong+version").json()
    assert (ended["state"], ended["reason"]) == ("aborted", "wrong version")
    expect(order(url, "none", "abort"), "rollout_not_found")
    # What was under way is still decided.
    there[0].result(first, None)
    settled(url, begun["id"], "aborted", started=1, ok=1, pending=2)
    assert not any(client.connection.readable(0.3) for client in there[1:])


def test_a_repetition_begins_nothing(url, agent):
    there = agent()
    body = command([there.id], id=f"update-{uuid.uuid4().hex}")
    begun = start(url, body)
    there.result(there.next("command"), None)
    settled(url, begun["id"], "done", ok=1)
    again = start(url, body, status=200)
    assert (again["id"], again["state"]) == (body["id"], "done")
    assert not there.connection.readable(0.3)
    other = json.dumps(body | {"rate": 7}).encode()
    expect(wire.call(url, "POST", "/v1/rollouts", other), "idempotency_conflict")


def test_lists(url, connect):
    there = connect()
    ids = [start(url, {"to": {"client": there.id}, "push": {"text": str(n)}})["id"] for n in range(3)]
    for id in ids:
        settled(url, id, "done")
    page = wire.call(url, "GET", "/v1/rollouts?limit=2").json()
    assert [entry["id"] for entry in page["rollouts"]] == ids[:0:-1]
    rest = wire.call(url, "GET", f"/v1/rollouts?limit=1&cursor={page['next']}").json()
    assert [entry["id"] for entry in rest["rollouts"]] == ids[:1]
    body = {"to": {"clients": [f"nobody-{n}" for n in range(25)]}, "push": {"text": "x"}, "rate": 60000}
    begun = start(url, body | {"abort": {"share": 1}})
    settled(url, begun["id"], "done", failed=25)
    seen, query = [], "?limit=10&outcome=failed"
    while True:
        page = wire.call(url, "GET", f"/v1/rollouts/{begun['id']}/clients{query}").json()
        seen += [entry["client"] for entry in page["clients"]]
        if "next" not in page:
            break
        query = f"?limit=10&outcome=failed&cursor={page['next']}"
    assert seen == body["to"]["clients"]


TO = {"to": {"client": "kiosk-7"}}
PUSH = TO | {"push": {"text": "x"}}
COMMAND = TO | {"command": {"name": "x"}}

REFUSED = [
    ([], "malformed_json"),
    ({}, "invalid_target"),
    ({"to": {}, "push": {"text": "x"}}, "invalid_target"),
    ({"to": {"client": "a b"}, "push": {"text": "x"}}, "invalid_client_id"),
    ({"to": {"group": "a b"}, "push": {"text": "x"}}, "invalid_group"),
    (TO, "invalid_request"),
    (PUSH | COMMAND, "invalid_request"),
    (PUSH | {"colour": 1}, "invalid_request"),
    (PUSH | {"push": "x"}, "invalid_request"),
    (PUSH | {"push": {}}, "invalid_payload"),
    (PUSH | {"push": {"text": "x", "data": 1}}, "invalid_payload"),
    (PUSH | {"push": {"base64": "?"}}, "invalid_payload"),
    (PUSH | {"push": {"text": "x", "ttl": 5}}, "invalid_request"),
    (PUSH | {"push": {"text": "x", "wait": 5}}, "invalid_request"),
    (PUSH | {"push": {"text": "x", "durable": True, "wait": 0}}, "invalid_request"),
    (PUSH | {"push": {"text": "x", "durable": "yes"}}, "invalid_request"),
    (PUSH | {"push": {"text": "x", "offline": "fail"}}, "invalid_request"),
    (COMMAND | {"command": []}, "invalid_request"),
    (COMMAND | {"command": {}}, "invalid_request"),
    (COMMAND | {"command": {"name": "x", "id": "y"}}, "invalid_request"),
    (COMMAND | {"command": {"name": "x", "connectTimeout": 1}}, "invalid_request"),
    (COMMAND | {"command": {"name": "x", "timeout": 601}}, "invalid_request"),
    (PUSH | {"id": "a b"}, "invalid_request"),
    (PUSH | {"id": "a" * 101}, "invalid_request"),
    (PUSH | {"canary": 1}, "invalid_request"),
    (PUSH | {"canary": {}}, "invalid_request"),
    (PUSH | {"canary": {"share": 1.1}}, "invalid_request"),
    (PUSH | {"canary": {"share": 0.1, "clients": 1}}, "invalid_request"),
    (PUSH | {"canary": {"clients": -1}}, "invalid_request"),
    (PUSH | {"canaryWait": 0}, "invalid_request"),
    (PUSH | {"rate": 0}, "invalid_request"),
    (PUSH | {"rate": 60001}, "invalid_request"),
    (PUSH | {"rate": 1.5}, "invalid_request"),
    (PUSH | {"abort": {"share": -0.1}}, "invalid_request"),
    (PUSH | {"abort": {"minimum": 0}}, "invalid_request"),
    (PUSH | {"abort": {"shares": 1}}, "invalid_request"),
    (PUSH | {"to": {"group": "nobody-is-in-it"}}, "no_clients"),
]


@pytest.mark.parametrize("body, code", REFUSED, ids=lambda value: value if isinstance(value, str) else json.dumps(value))
def test_what_is_refused(url, body, code):
    expect(wire.call(url, "POST", "/v1/rollouts", json.dumps(body).encode()), code)


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("GET", "/v1/rollouts/none", "rollout_not_found"),
        ("GET", "/v1/rollouts/none/clients", "rollout_not_found"),
        ("POST", "/v1/rollouts/none/pause", "rollout_not_found"),
        ("POST", "/v1/rollouts/none/resume", "rollout_not_found"),
        ("POST", "/v1/rollouts/none/abort", "rollout_not_found"),
        ("POST", "/v1/rollouts/none/abort?why=x", "invalid_request"),
        ("POST", "/v1/rollouts/none/pause?x=1", "invalid_request"),
        ("GET", "/v1/rollouts/a%20b", "invalid_request"),
        ("GET", "/v1/rollouts?limit=0", "invalid_request"),
        ("GET", "/v1/rollouts?limit=101", "invalid_request"),
        ("GET", "/v1/rollouts?cursor=a%20b", "invalid_request"),
        ("GET", "/v1/rollouts?x=1", "invalid_request"),
        ("GET", "/v1/rollouts/none/clients?outcome=good", "invalid_request"),
        ("GET", "/v1/rollouts/none/clients?cursor=x", "invalid_request"),
        ("GET", "/v1/rollouts/none/clients?limit=1001", "invalid_request"),
        ("POST", "/v1/rollouts?x=1", "invalid_request"),
        ("DELETE", "/v1/rollouts/none", "method_not_allowed"),
    ],
)
def test_paths_that_make_no_sense(url, method, path, code):
    expect(wire.call(url, method, path, b"" if method == "POST" else None), code)


@pytest.mark.own_node
def test_no_more_than_fifty_at_a_time():
    with processes.node() as url:
        client = wire.connect(url, "kiosk-7", framed=True)
        body = {"to": {"client": "kiosk-7"}, "command": {"name": "slow", "timeout": 60}}
        ids = [start(url, body)["id"] for _ in range(50)]
        expect(wire.call(url, "POST", "/v1/rollouts", json.dumps(body).encode()), "too_many_rollouts")
        end(url, ids[0])
        assert show(url, ids[0])["state"] == "aborted"
        client.close()


@pytest.mark.own_node
def test_another_node_goes_on_when_the_leader_is_killed():
    """The agent is on the other node; what it was told before is not told again."""
    with processes.redis() as redis, processes.running_node("--redis", redis.url) as leading:
        with processes.node("--redis", redis.url) as url:
            clients = [wire.connect(url, f"till-{number}", framed=True) for number in range(3)]
            for client in clients:
                assert json.loads(client.connection.frame().payload)["type"] == "hello"
            limits = {"canary": {"clients": 0}, "abort": {"share": 0, "minimum": 1}}
            body = command([client.id for client in clients], **limits)
            body["command"]["timeout"] = 60
            begun = start(leading.url, body)
            first = json.loads(clients[0].connection.frame().payload)
            assert first["id"] == f"{begun['id']}:0"
            leading.process.kill()
            leading.process.wait()
            # It answers while nobody leads.
            result = {"type": "result", "id": first["id"], "status": 200}
            clients[0].connection.send_frame(wire.TEXT, json.dumps(result).encode())
            assert json.loads(clients[0].connection.frame().payload)["type"] == "ack"
            for client in clients[1:]:
                client.connection.patience(40)
                told = json.loads(client.connection.frame().payload)
                while told["type"] == "ping":
                    client.connection.send_frame(wire.TEXT, b'{"type":"pong"}')
                    told = json.loads(client.connection.frame().payload)
                assert told["type"] == "command"
                result = {"type": "result", "id": told["id"], "status": 200}
                client.connection.send_frame(wire.TEXT, json.dumps(result).encode())
            done = settled(url, begun["id"], "done")
            assert done["counts"]["ok"] == 3
            assert not clients[0].connection.readable(0.3)
            for client in clients:
                client.close()
