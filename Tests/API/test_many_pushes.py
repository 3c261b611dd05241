"""`POST /v1/pushes`: a line for a line, in order, while the request still comes."""

import json
import time
import uuid

import pytest

import processes
import wire
from problems import STATUS, expect

NDJSON = {"Content-Type": "application/x-ndjson"}
MEGABYTE = 1 << 20


def line(client: str, data=1, **options) -> bytes:
    return json.dumps({"to": {"client": client}, "data": data} | options).encode() + b"\n"


def lines(answer: wire.Answer) -> list[dict]:
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson"), answer.body[:400]
    assert answer.headers["x-request-id"]
    assert answer.body == b"" or answer.body.endswith(b"\n")
    return [json.loads(text) for text in answer.body.splitlines()]


def pushed(url, body: bytes, headers=None, *, chunked=False) -> list[dict]:
    return lines(wire.call(url, "POST", "/v1/pushes", body, NDJSON | (headers or {}), chunked=chunked))


def test_in_order(url, agent, chunked):
    there = agent()
    answers = pushed(url, b"".join(line(there.id, number) for number in range(500)), chunked=chunked)
    frames = [there.push() for _ in range(500)]
    assert [frame["data"] for frame in frames] == list(range(500))
    assert [answer["id"] for answer in answers] == [frame["id"] for frame in frames]
    assert {answer["status"] for answer in answers} == {200}
    assert {(answer["matched"], answer["delivered"]) for answer in answers} == {(1, 1)}


def test_nothing(url, chunked):
    assert pushed(url, b"", chunked=chunked) == []
    assert pushed(url, b"\n\r\n  \n\t\n", chunked=chunked) == []


def test_ends_of_lines(url, chunked):
    """CRLF, blank lines between, none behind the last."""
    body = line("nobody").replace(b"\n", b"\r\n") + b"\n\r\n" + line("nobody") + line("nobody").rstrip()
    assert [answer["offline"] for answer in pushed(url, body, chunked=chunked)] == [1, 1, 1]


def test_a_bad_line_stops_none_behind_it(url, connect, chunked):
    client = connect()
    bad = {
        b"{": "malformed_json",
        b"[]": "malformed_json",
        b'"x"': "malformed_json",
        b'{"to":{"all":true}}': "invalid_payload",
        b'{"to":{},"text":"x"}': "invalid_target",
        b'{"to":{"client":"a b"},"text":"x"}': "invalid_client_id",
        b'{"to":{"group":""},"text":"x"}': "invalid_group",
        b'{"to":{"all":true},"text":"x","ttl":5}': "invalid_request",
        b'{"to":{"client":"nobody"},"text":"x","offline":"fail"}': "client_offline",
        b'{"to":{"client":"\xff"},"text":"x"}': "malformed_json",
    }
    body = b"".join(line(client.id, number) + text + b"\n" for number, text in enumerate(bad))
    answers = pushed(url, body + line(client.id, "last"), chunked=chunked)
    assert [answer["code"] for answer in answers[1::2]] == list(bad.values())
    for answer in answers[1::2]:
        assert answer["status"] == STATUS[answer["code"]]
        assert answer["type"] == f"urn:switchboard:problem:{answer['code']}" and answer["title"] and answer["detail"]
    assert [answer["matched"] for answer in answers[::2]] == [1] * (len(bad) + 1)
    received = [json.loads(client.connection.frame().payload) for _ in range(len(bad) + 1)]
    assert received == [*range(len(bad)), "last"]


def test_every_target_and_durable(url):
    client = f"offline-{uuid.uuid4().hex[:12]}"
    targets = [{"client": client}, {"clients": [client, client]}, {"group": "nobody"}, {"labels": {"a": "b"}}]
    body = b"".join(json.dumps({"to": to, "text": "x"}).encode() + b"\n" for to in targets)
    answers = pushed(url, body + line(client, durable=True, id=client))
    assert [answer["offline"] for answer in answers] == [1, 1, 0, 0, 1]
    assert (answers[4]["status"], answers[4]["queued"], answers[4]["id"]) == (202, 1, client)
    assert wire.call(url, "DELETE", f"/v1/clients/{client}/mailbox").json() == {"deleted": 1}


def test_a_line_with_an_id_is_pushed_once(url, connect):
    client, name = connect(), uuid.uuid4().hex
    once = line(client.id, "once", id=name)
    first, again, other = pushed(url, once + once + line(client.id, "other"))
    assert first == again
    [changed] = pushed(url, line(client.id, "changed", id=name))
    assert changed["code"] == "idempotency_conflict"
    # The same push by the other way in is the same push.
    [same] = pushed(url, once)
    assert wire.call(url, "POST", "/v1/push", once.rstrip()).json() | {"status": 200} == first == same
    assert [client.connection.frame().payload for _ in range(2)] == [b'"once"', b'"other"']


def test_answers_come_while_the_request_still_goes_on(url, connect):
    client = connect()
    with wire.Connection(url) as connection:
        head = wire.request("POST", "/v1/pushes", connection.host, headers={"Transfer-Encoding": "chunked"})
        connection.send(head)
        stream = None
        for number in range(20):
            body = line(client.id, number)
            # Two pieces, neither of which is a line.
            for piece in (body[:10], body[10:]):
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            stream = stream or wire.Stream(connection)
            assert json.loads(stream.line())["delivered"] == 1
            assert client.connection.frame().payload == b"%d" % number
        connection.send(b"0\r\n\r\n")
        assert stream.line() is None
        assert connection.request("GET", "/healthz").status == 200, "the connection lives on"


def test_a_caller_that_reads_nothing_until_it_has_sent_everything(url):
    """10 000 lines, whose answers fit no socket buffer."""
    with wire.Connection(url, buffer=16 * 1024) as connection:
        body = line("nobody") * 10_000
        connection.send(wire.request("POST", "/v1/pushes", connection.host, body, NDJSON))
        answers = lines(connection.answer())
    assert len(answers) == 10_000
    assert {answer["offline"] for answer in answers} == {1}


def test_too_many_lines(url, chunked):
    answers = pushed(url, line("nobody") * 10_002, chunked=chunked)
    assert len(answers) == 10_001
    assert {answer["offline"] for answer in answers[:10_000]} == {1}
    assert (answers[-1]["code"], answers[-1]["status"]) == ("body_too_large", 413)


def test_the_longest_line(url, chunked):
    client = f"nobody-{uuid.uuid4().hex[:8]}"
    body = line(client, "x" * (MEGABYTE - len(line(client, "")) + 1))
    assert len(body) == MEGABYTE + 1
    answers = pushed(url, body + line(client), chunked=chunked)
    assert [answer["offline"] for answer in answers] == [1, 1]


def test_too_long_a_line(url, connect, chunked):
    client = connect()
    body = line(client.id, "first") + line(client.id, "x" * MEGABYTE) + line(client.id, "never")
    first, last = pushed(url, body, chunked=chunked)
    assert first["delivered"] == 1
    assert (last["code"], last["status"]) == ("body_too_large", 413)
    pushed(url, line(client.id, "next"))
    assert [client.connection.frame().payload for _ in range(2)] == [b'"first"', b'"next"']


def test_a_line_without_end(url):
    """What never ends is not gathered for ever: the answer comes while the line still goes on."""
    with wire.Connection(url) as connection:
        head = wire.request("POST", "/v1/pushes", connection.host, headers={"Transfer-Encoding": "chunked"})
        connection.send(head + b"%x\r\n" % (2 * MEGABYTE) + b"x" * (MEGABYTE + 65536))
        stream = wire.Stream(connection)
        assert json.loads(stream.line())["code"] == "body_too_large"
        assert stream.line() is None


def test_wait_is_for_each_line(url, agent, background):
    there = agent()
    answer = background(pushed, url, line(there.id, 1) + line(there.id, 2), {"Prefer": "wait=10"})
    frames = [there.push(), there.push()]
    for frame in reversed(frames):
        there.send(type="ack", id=frame["id"])
    assert [(result["id"], result["acked"]) for result in answer.result(10)] == [(frame["id"], 1) for frame in frames]


def test_the_order_of_lines_when_the_first_takes_longest(url, agent):
    """Answers that are ready wait for those before them."""
    silent, ready = agent(), "nobody"
    start = time.monotonic()
    answers = pushed(url, line(silent.id) + line(ready), {"Prefer": "wait=1"})
    assert time.monotonic() - start > 0.9
    assert [(answer["status"], answer["matched"], answer["offline"]) for answer in answers] == [(202, 1, 0), (200, 0, 1)]


def test_a_broken_request_pushes_what_was_whole(url, connect):
    client = connect()
    with wire.Connection(url) as connection:
        head = wire.request("POST", "/v1/pushes", connection.host, headers={"Transfer-Encoding": "chunked"})
        body = line(client.id, "whole")
        connection.send(head + b"%x\r\n%s\r\n" % (len(body), body))
        stream = wire.Stream(connection)
        assert json.loads(stream.line())["delivered"] == 1
        connection.send(b"nonsense\r\n")
        assert client.connection.frame().payload == b'"whole"'
        assert connection.closed(), "cut off, with nothing behind it"
    assert wire.call(url, "GET", "/healthz").status == 200


@pytest.mark.own_node
def test_lines_beyond_the_rate(chunked):
    """A request is slowed down to the rate, and every line is answered; who streams can ask other things meanwhile."""
    with processes.node("--publish-rate", "20") as url:
        begun = time.monotonic()
        assert len(pushed(url, line("nobody") * 60, chunked=chunked)) == 60
        # The first 20 at once, the others at 20 a second.
        assert time.monotonic() - begun >= 1.9
        assert wire.call(url, "POST", "/v1/broadcast", b"x").status == 200


@pytest.mark.own_node
def test_one_of_the_rate(chunked):
    """A request is one of those that are refused beyond it."""
    with processes.node("--publish-rate", "2") as url:
        with wire.Connection(url) as connection:
            answers = [connection.request("POST", "/v1/pushes", b"\n", chunked=chunked) for _ in range(10)]
        refused = [answer for answer in answers if answer.status != 200]
        assert refused
        for answer in refused:
            expect(answer, "rate_limited")
