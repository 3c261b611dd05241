"""RFC 6455 as such: errors keep their standard codes."""

import asyncio

import pytest
from bytewise import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT, code, converse, frame
from clients import FRAMED, Refused, framed, raw, upgrade
from field import name

import wire
from rules import rule

VIOLATIONS = {
    "an unmasked frame": frame(TEXT, b"x", masked=False),
    "RSV1": frame(TEXT, b"x", bits=FIN | RSV1),
    "RSV2": frame(TEXT, b"x", bits=FIN | 0x20),
    "RSV3": frame(TEXT, b"x", bits=FIN | 0x10),
    "opcode 3": frame(3, b"x"),
    "opcode 7": frame(7),
    "opcode 11": frame(11),
    "opcode 15": frame(15),
    "a fragmented ping": frame(PING, b"x", bits=0),
    "a fragmented close": frame(CLOSE, b"\x03\xe8", bits=0),
    "a ping of 126 bytes": frame(PING, b"x" * 126),
    "a close of 126 bytes": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "a continuation of nothing": frame(CONTINUATION, b"x"),
    "a new message within a fragmented one": frame(TEXT, b"x", bits=0) + frame(TEXT, b"y"),
    "a close of one byte": frame(CLOSE, b"\x03"),
    "a close code 999": frame(CLOSE, b"\x03\xe7"),
    "a close code 1004": frame(CLOSE, b"\x03\xec"),
    "a close code 1005": frame(CLOSE, b"\x03\xed"),
    "a close code 1006": frame(CLOSE, b"\x03\xee"),
    "a close code 1015": frame(CLOSE, b"\x03\xf7"),
    "a close code 2999": frame(CLOSE, b"\x0b\xb7"),
    "a close code 5000": frame(CLOSE, b"\x13\x88"),
}
NO_UTF8 = {
    "a lone byte": frame(TEXT, b"\xff"),
    "an overlong form": frame(TEXT, b"\xc0\xaf"),
    "a surrogate": frame(TEXT, b"\xed\xa0\x80"),
    "above U+10FFFF": frame(TEXT, b"\xf4\x90\x80\x80"),
    "cut off": frame(TEXT, b"\xe2\x82"),
    "cut off by the end of the last fragment": frame(TEXT, b"\xe2", bits=0) + frame(CONTINUATION, b"\x82"),
    "in a close reason": frame(CLOSE, b"\x03\xe8\xff"),
}


@rule("Protocol errors close with 1002 (RFC 6455 sections 5.1 to 5.5, 7.4)")
@pytest.mark.parametrize("mode", ["raw", "framed"])
@pytest.mark.parametrize("what", VIOLATIONS)
async def test_violation(field, what, mode):
    protocol = FRAMED if mode == "framed" else None
    frames = await converse(field.b, f"/ws?clientId={name('rude')}", VIOLATIONS[what], protocol=protocol)
    assert code(frames) == 1002


@rule("Text that is not UTF-8 closes with 1007 (RFC 6455 section 8.1)")
@pytest.mark.parametrize("what", NO_UTF8)
async def test_utf8(field, what):
    assert code(await converse(field.b, f"/ws?clientId={name('rude')}", NO_UTF8[what])) == 1007


@rule("A character may be split over fragments")
async def test_split_character(field):
    data = frame(TEXT, b"\xe2", bits=0) + frame(CONTINUATION, b"\x82", bits=0) + frame(CONTINUATION, b"\xac")
    frames = await converse(field.b, f"/ws?clientId={name('split')}", data + frame(PING, b"1") + frame(CLOSE, b"\x03\xe8"))
    assert frames[0] == wire.Frame(PONG, b"1") and code(frames) == 1000


@rule("The close handshake: the node answers with the code that it got, then ends the TCP connection")
@pytest.mark.parametrize("sent", [1000, 1001, 3000, 4999])
async def test_close_handshake(field, sent):
    frames = await converse(
        field.b, f"/ws?clientId={name('close')}", frame(CLOSE, sent.to_bytes(2, "big") + b"bye"))
    assert code(frames) == sent


@rule("A close without a code is answered")
async def test_close_without_code(field):
    frames = await converse(field.b, f"/ws?clientId={name('close')}", frame(CLOSE))
    assert code(frames) in (1000, 1005)


@rule("After a client's close frame nothing that it sends is heard")
async def test_after_close(field):
    frames = await converse(
        field.b, f"/ws?clientId={name('close')}", frame(CLOSE, b"\x03\xe8") + frame(PING, b"1"))
    assert [one.opcode for one in frames] == [CLOSE]


@rule("Pings between the fragments of a message are answered at once")
async def test_ping_between(field):
    data = frame(BINARY, b"a", bits=0) + frame(PING, b"p") + frame(CONTINUATION, b"b") + frame(CLOSE, b"\x03\xe8")
    frames = await converse(field.b, f"/ws?clientId={name('ping')}", data)
    assert frames[0] == wire.Frame(PONG, b"p")


@rule("An unsolicited pong is passed over")
async def test_unsolicited_pong(field):
    data = frame(PONG, b"?") + frame(PING, b"p") + frame(CLOSE, b"\x03\xe8")
    frames = await converse(field.b, f"/ws?clientId={name('pong')}", data)
    assert frames[0] == wire.Frame(PONG, b"p")


@rule("`/ws/echo` (with --diagnostics) sends every message back with the same opcode and payload")
@pytest.mark.once
async def test_echo(field):
    socket = await upgrade(field.b, path="/ws/echo")
    for message in ("", "text é", b"", b"\x00\xff", "x" * 65536, b"y" * 65536):
        await socket.send(message)
        assert await asyncio.wait_for(socket.recv(), 5) == message
    await socket.send(["frag", "men", "ted"])
    assert await asyncio.wait_for(socket.recv(), 5) == "fragmented"
    await (await socket.ping())
    await socket.close(3001, "bye")
    assert socket.close_code == 3001


@rule("`/ws/echo` has the same frame errors")
@pytest.mark.once
@pytest.mark.parametrize("what", [*VIOLATIONS, *NO_UTF8])
async def test_echo_errors(field, what):
    data = (VIOLATIONS | NO_UTF8)[what]
    assert code(await converse(field.b, "/ws/echo", data)) == (1002 if what in VIOLATIONS else 1007)


@rule("`/ws/echo` is off by default")
@pytest.mark.once
async def test_echo_is_off(field):
    async with field.with_flags() as own:
        with pytest.raises(Refused) as refused:
            await upgrade(own.b, path="/ws/echo")
        assert refused.value.status == 404


@rule("`permessage-deflate` is not negotiated unless the node is told to: an offer is passed over, nothing is compressed")
@pytest.mark.parametrize("offer", [
    "permessage-deflate", "permessage-deflate; client_max_window_bits; server_no_context_takeover", "x-unknown"])
async def test_no_compression(field, offer):
    client = name("deflate")
    headers = {"Sec-WebSocket-Extensions": offer}
    async with framed(field.b, client, additional_headers=headers) as connection:
        assert "Sec-WebSocket-Extensions" not in connection.socket.response.headers
        await field.push({"client": client}, "x" * 1000)
        await connection.push("x" * 1000)
        await connection.alive()


@rule("An upgrade that is none is refused before it: wrong version 426, no or bad key 400")
@pytest.mark.once
@pytest.mark.parametrize(
    "headers, status",
    [({"Sec-WebSocket-Version": "8"}, 426), ({"Sec-WebSocket-Version": "14"}, 426),
     ({"Sec-WebSocket-Key": "short"}, 400), ({"Sec-WebSocket-Key": ""}, 400)])
async def test_upgrade_refused(field, headers, status):
    def ask():
        with wire.Connection(field.b) as connection:
            return connection.upgrade("/ws", headers)

    answer = await asyncio.to_thread(ask)
    assert answer.status == status
    if status == 426:
        assert answer.headers["sec-websocket-version"] == "13"


@rule("A raw client's close is orderly: presence shows offline and the client's own code")
async def test_orderly(field):
    client = name("orderly")
    async with raw(field.b, client) as connection:
        await field.eventually(client, state="online")
        await connection.socket.close(1000, "done")
    await field.eventually(client, state="offline", closeCode=1000)
