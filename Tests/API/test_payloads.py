"""What a backend sends is what a client gets, byte for byte; and the answers count right."""

import base64
import json
import re

import pytest

import wire
from problems import expect_counts

JSON = {
    "trailing zero": b"3.20",
    "beyond double": b"1e999",
    "many digits": b"0.1000000000000000055511151231257827021181583404541015625",
    "negative zero": b"-0",
    "big integer": b"123456789012345678901234567890",
    "exponent": b"1E+02",
    "lone surrogate": rb'"\ud800"',
    "lone surrogate in a name": rb'{"\udfff":1}',
    "escapes": rb'"\u00e9\/\n\u0000"',
    "no escapes": '"é \u2028 😀"'.encode(),
    "white space": b'{ "b" : [ 1 ,\t2 ,\n3 ] }',
    "member twice": b'{"a":1,"a":2}',
    "order of members": b'{"z":1,"a":2,"m":3}',
    "null": b"null",
    "empty": b"{}",
    "members that push has too": b'{"to":{"all":true},"text":"x","id":1}',
}


def push(url, client, member: bytes, chunked: bool):
    body = b'{"to":{"client":"%s"},%s}' % (client.id.encode(), member)
    answer = wire.call(url, "POST", "/v1/push", body, chunked=chunked)
    return expect_counts(answer, matched=1, delivered=1, nodes=1)


@pytest.mark.parametrize("case", JSON)
def test_data_is_verbatim(url, connect, case, chunked):
    client = connect()
    push(url, client, b'"data":' + JSON[case], chunked)
    assert client.connection.frame() == wire.Frame(wire.TEXT, JSON[case])


@pytest.mark.parametrize("case", JSON)
def test_framed_data_is_verbatim(url, connect, case, chunked):
    client = connect(framed=True)
    assert b'"hello"' in client.connection.frame().payload
    id = push(url, client, b'"data":' + JSON[case], chunked)["id"]
    frame = client.connection.frame()
    assert frame.opcode == wire.TEXT
    assert JSON[case] in frame.payload
    # What is around the payload, with the payload taken out.
    around = json.loads(frame.payload.replace(JSON[case], b"0"))
    assert around == {"type": "push", "id": id, "channel": "client", "data": 0}


def test_text(url, connect, chunked):
    client = connect()
    push(url, client, r'"text":"caf\u00e9 \ud83d\ude00 \n \"é\" \u0000"'.encode(), chunked)
    assert client.connection.frame() == wire.Frame(wire.TEXT, 'café 😀 \n "é" \0'.encode())


def test_text_with_a_lone_surrogate_is_valid_utf8(url, connect, chunked):
    """UTF-8 has no bytes for half a character, and a text frame must be UTF-8 (RFC 6455 section 5.6)."""
    client = connect()
    push(url, client, rb'"text":"a\ud800b"', chunked)
    assert client.connection.frame() == wire.Frame(wire.TEXT, "a\ufffdb".encode())


def test_empty_text(url, connect, chunked):
    client = connect()
    push(url, client, b'"text":""', chunked)
    assert client.connection.frame() == wire.Frame(wire.TEXT, b"")


def test_base64_is_binary(url, connect, chunked):
    raw, framed = connect(), connect(framed=True)
    framed.connection.frame()
    data = bytes(range(256)) * 300
    encoded = base64.b64encode(data)
    for client in (raw, framed):
        push(url, client, b'"base64":"%s"' % encoded, chunked)
    assert raw.connection.frame() == wire.Frame(wire.BINARY, data)
    frame = json.loads(framed.connection.frame().payload)
    assert base64.b64decode(frame["base64"]) == data and "data" not in frame


@pytest.mark.parametrize(
    "type, body, opcode",
    [
        ("application/json", b' {"a": 3.20} ', wire.TEXT),
        ("application/json; charset=utf-8", b"1e999", wire.TEXT),
        ("text/plain", "é\0\r\n".encode(), wire.TEXT),
        ("text/html; charset=utf-8", b"<p>", wire.TEXT),
        ("text/plain", b"", wire.TEXT),
        ("application/octet-stream", b"\xff\x00\xfe", wire.BINARY),
        ("application/x-www-form-urlencoded", b"a=b", wire.BINARY),
        ("application/octet-stream", b"", wire.BINARY),
        (None, b"\xff\r\n\r\nGET / HTTP/1.1\r\n\r\n", wire.BINARY),
    ],
)
def test_shorthand_body_is_verbatim(url, connect, type, body, opcode, chunked):
    client = connect()
    headers = {"Content-Type": type} if type else {}
    answer = wire.call(url, "POST", f"/v1/clients/{client.id}/push", body, headers, chunked=chunked)
    expect_counts(answer, matched=1, delivered=1, nodes=1)
    assert client.connection.frame() == wire.Frame(opcode, body)


def test_large_payload(url, connect, chunked):
    client = connect()
    body = bytes(index * 7 & 255 for index in range(256 * 1024))
    answer = wire.call(url, "POST", f"/v1/clients/{client.id}/push", body, chunked=chunked)
    expect_counts(answer, matched=1, delivered=1, nodes=1)
    assert client.connection.frame() == wire.Frame(wire.BINARY, body)


def test_counts_of_each_target(url, connect, chunked):
    group = connect("g").id
    label = connect("l").id
    in_group = [connect(query=f"&group={group}") for _ in range(2)]
    labelled = [connect(query=f"&label.role={label}&label.floor=2"), connect(query=f"&label.role={label}")]

    def count(target, **counts):
        body = json.dumps({"to": target, "data": target}).encode()
        expect_counts(wire.call(url, "POST", "/v1/push", body, chunked=chunked), **counts)
        return json.dumps(target).encode()

    sent = count({"group": group}, matched=2, delivered=2, nodes=1)
    assert [client.connection.frame().payload for client in in_group] == [sent, sent]

    sent = count({"labels": {"role": label}}, matched=2, delivered=2, nodes=1)
    assert [client.connection.frame().payload for client in labelled] == [sent, sent]
    sent = count({"labels": {"role": label, "floor": "2"}}, matched=1, delivered=1, nodes=1)
    assert labelled[0].connection.frame().payload == sent

    # One named twice is meant once; two are not connected.
    named = [in_group[0].id, labelled[1].id, in_group[0].id, "nobody", "nobody-else"]
    sent = count({"clients": named}, matched=2, delivered=2, offline=2, nodes=1)
    assert in_group[0].connection.frame().payload == sent
    assert labelled[1].connection.frame().payload == sent

    count({"client": "nobody"}, offline=1)
    count({"clients": ["nobody"]}, offline=1)
    count({"group": "nobody-is-here"})
    count({"labels": {"role": "nobody"}})

    answer = wire.call(url, "POST", f"/v1/groups/{group}/push", b"x", chunked=chunked)
    expect_counts(answer, matched=2, delivered=2, nodes=1)
    assert [client.connection.frame().payload for client in in_group] == [b"x", b"x"]


def test_broadcast_reaches_everyone(url, connect, chunked):
    clients = [connect(), connect(framed=True), connect()]
    clients[1].connection.frame()
    result = wire.call(url, "POST", "/v1/broadcast", b'"hi"', {"Content-Type": "application/json"}, chunked=chunked).json()
    assert result["matched"] == result["delivered"] + result["dropped"] >= 3
    assert result["nodes"] == 1
    assert clients[0].connection.frame().payload == clients[2].connection.frame().payload == b'"hi"'
    frame = json.loads(clients[1].connection.frame().payload)
    assert frame == {"type": "push", "id": result["id"], "channel": "all", "data": "hi"}


def test_framed_group_push_names_its_channel(url, connect, chunked):
    group = connect().id
    client = connect(framed=True, query=f"&group={group}")
    client.connection.frame()
    answer = wire.call(url, "POST", f"/v1/groups/{group}/push", b"h\x00i", chunked=chunked)
    expect_counts(answer, matched=1, delivered=1, nodes=1)
    frame = json.loads(client.connection.frame().payload)
    assert (frame["channel"], base64.b64decode(frame["base64"])) == (f"group:{group}", b"h\0i")


def test_order_and_ids(url, connect):
    """A hundred pushes in one go, by both ways in, arrive in the order in which they were answered."""
    client = connect(framed=True)
    client.connection.frame()
    with wire.Connection(url) as connection:
        path = f"/v1/clients/{client.id}/push"
        kind = {"Content-Type": "application/json"}
        connection.send(
            b"".join(
                wire.request("POST", path, connection.host, b"%d" % number, kind, chunked=number % 3 == 0)
                for number in range(100)
            )
        )
        ids = [connection.answer().json()["id"] for _ in range(100)]
    frames = [json.loads(client.connection.frame().payload) for _ in range(100)]
    assert [frame["data"] for frame in frames] == list(range(100))
    assert [frame["id"] for frame in frames] == ids
    assert len(set(ids)) == 100
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", id) for id in ids), "ULIDs"


def test_membership_at_once(url, connect, chunked):
    client = connect()
    group = client.id
    assert wire.call(url, "PUT", f"/v1/clients/{client.id}/groups/{group}").status == 204
    assert wire.call(url, "GET", f"/v1/groups/{group}").json() == {
        "name": group,
        "members": 1,
        "clients": [client.id],
        "complete": True,
    }
    expect_counts(
        wire.call(url, "POST", f"/v1/groups/{group}/push", b"in", chunked=chunked), matched=1, delivered=1, nodes=1
    )
    assert client.connection.frame().payload == b"in"
    assert wire.call(url, "DELETE", f"/v1/clients/{client.id}/groups/{group}").status == 204
    expect_counts(wire.call(url, "POST", f"/v1/groups/{group}/push", b"out", chunked=chunked))
    assert wire.call(url, "GET", f"/v1/groups/{group}").json()["members"] == 0


def test_close_by_the_operator(url, connect):
    client = connect()
    reason = "moved to Zürich " + "ü" * 100
    answer = wire.call(url, "DELETE", f"/v1/clients/{client.id}?reason=" + "".join(f"%{b:02X}" for b in reason.encode()))
    assert answer.status == 204 and answer.body == b""
    frame = client.connection.frame()
    assert (frame.opcode, frame.payload[:2]) == (wire.CLOSE, (4004).to_bytes(2, "big"))
    # Cut to what a close frame holds, between characters.
    assert reason.startswith(frame.payload[2:].decode()) and len(frame.payload) >= 123
    client.connection.send_frame(wire.CLOSE, frame.payload[:2])
    assert client.connection.closed()
    known = wire.await_state(url, client.id, "offline")
    assert known["closeCode"] == 4004
    expect_counts(wire.call(url, "POST", f"/v1/clients/{client.id}/push", b"x"), offline=1)


def test_newest_wins(url, connect):
    older = connect()
    newer = wire.connect(url, older.id)
    frame = older.connection.frame()
    assert (frame.opcode, frame.payload[:2]) == (wire.CLOSE, (4003).to_bytes(2, "big"))
    expect_counts(wire.call(url, "POST", f"/v1/clients/{older.id}/push", b"x"), matched=1, delivered=1, nodes=1)
    assert newer.connection.frame().payload == b"x"
    newer.close()


def test_pages_of_clients(url, connect):
    label = connect().id
    ids = sorted(connect(query=f"&label.page={label}").id for _ in range(5))
    found, cursor = [], None
    while True:
        path = f"/v1/clients?label.page={label}&limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = wire.call(url, "GET", path).json()
        assert len(page["clients"]) <= 2
        found += [client["clientId"] for client in page["clients"]]
        cursor = page.get("next")
        if not cursor:
            break
    assert found == ids
