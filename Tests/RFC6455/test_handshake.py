"""The opening handshake (RFC 6455 section 4), and how compression is negotiated in it (RFC 7692 section 7.1)."""

import asyncio
import base64
import json

import deflate
import peer
import pytest
import wire
from frames import TEXT, Frame

# --- A node


def _ask(url: str, changes: dict, *, method: str = "GET", path: str = "/ws/echo") -> wire.Answer:
    """The answer to a right request for an upgrade with some headers changed, or left out by None."""
    right = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    headers = {name: value for name, value in (right | changes).items() if value is not None}
    with wire.Connection(url) as connection:
        return connection.request(method, path, None, headers)


async def test_the_example_of_the_rfc(nodes):
    """4.2.2: the accept value is the base64 of the SHA-1 of the key and the GUID."""
    answer = await asyncio.to_thread(_ask, nodes[False], {})
    assert answer.status == 101
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.headers["upgrade"].lower() == "websocket"
    assert "upgrade" in answer.headers["connection"].lower()
    assert "sec-websocket-extensions" not in answer.headers and "sec-websocket-protocol" not in answer.headers


@pytest.mark.parametrize("changes", [
    {"Upgrade": "WebSocket"}, {"Upgrade": "WEBSOCKET"}, {"Connection": "keep-alive, Upgrade"}, {"Connection": "upgrade"},
    {"Sec-WebSocket-Extensions": "x-unknown; y=1"}, {"Origin": "http://localhost:3000"}, {"Sec-WebSocket-Unknown": "x"},
], ids=str)
async def test_what_a_client_may_say(nodes, changes):
    """4.2.1: names are compared without regard to case; what a server does not know it passes over."""
    answer = await asyncio.to_thread(_ask, nodes[False], changes)
    assert answer.status == 101 and "sec-websocket-extensions" not in answer.headers


@pytest.mark.parametrize("changes, status", [
    ({"Sec-WebSocket-Version": None}, 426), ({"Sec-WebSocket-Version": "8"}, 426), ({"Sec-WebSocket-Version": "25"}, 426),
    ({"Sec-WebSocket-Key": None}, 400), ({"Sec-WebSocket-Key": ""}, 400), ({"Sec-WebSocket-Key": "dGhl"}, 400),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"}, 400), ({"Sec-WebSocket-Key": "!" * 22 + "=="}, 400),
], ids=str)
async def test_what_is_no_handshake(nodes, changes, status):
    """4.2.1, 4.4: a wrong key is refused; a wrong version too, with those that would do."""
    answer = await asyncio.to_thread(_ask, nodes[False], changes)
    assert answer.status == status
    if status == 426:
        assert answer.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize("version, status", [("1.0", 400), ("0.9", 400), ("1.1", 101)])
async def test_the_version_of_http(nodes, version, status):
    """4.2.1: HTTP/1.1 or higher."""
    def ask() -> wire.Answer:
        with wire.Connection(nodes[False]) as connection:
            connection.send(
                f"GET /ws/echo HTTP/{version}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            return connection.answer()

    answer = await asyncio.to_thread(ask)
    assert answer.status == status
    if version == "1.0":
        assert json.loads(answer.body)["code"] == "invalid_request"


@pytest.mark.parametrize("changes", [{"Upgrade": None}, {"Connection": None}, {"Upgrade": "h2c"}], ids=str)
async def test_what_asks_for_no_websocket(nodes, changes):
    """4.2.1: without `Upgrade: websocket` and `Connection: Upgrade` nothing is upgraded."""
    assert (await asyncio.to_thread(_ask, nodes[False], changes, path="/ws")).status in (400, 426)


async def test_a_handshake_is_a_get(nodes):
    """4.2.1: the method is GET."""
    assert (await asyncio.to_thread(_ask, nodes[False], {}, method="POST")).status in (400, 404, 405, 426)


# 9.1: what is not of this form MUST fail the handshake, whatever the server would have chosen.
_MALFORMED = [
    "permessage-deflate;", ";", "permessage-deflate; =8", "permessage-deflate; a=", "permessage-deflate a", "a b",
    'permessage-deflate; a="', 'permessage-deflate; a="b c"', "permessage-deflate; server_max_window_bits=(9)",
    "@permessage-deflate"]


@pytest.mark.parametrize("offer", _MALFORMED)
@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
async def test_a_malformed_offer(nodes, offer, is_on):
    answer = await asyncio.to_thread(_ask, nodes[is_on], {"Sec-WebSocket-Extensions": offer})
    assert answer.status == 400
    assert answer.json()["code"] == "invalid_request"


# 7692 7.1: an offer with a parameter that is unknown, repeated or has a wrong value MUST be declined.
_DECLINED = [
    "x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflate; unknown", "permessage-deflate; unknown=1",
    "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
    "permessage-deflate; server_max_window_bits=+9", "permessage-deflate; server_max_window_bits=x",
    "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=16",
    "permessage-deflate; client_max_window_bits=09", "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_no_context_takeover=true",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
    "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
    # zlib cannot compress with a window of 256 bytes.
    "permessage-deflate; server_max_window_bits=8",
]


@pytest.mark.parametrize("offer", _DECLINED)
async def test_an_offer_that_is_declined(nodes, offer):
    """The connection goes on without compression, or with the next offer."""
    answer = await asyncio.to_thread(_ask, nodes[True], {"Sec-WebSocket-Extensions": offer})
    assert answer.status == 101 and "sec-websocket-extensions" not in answer.headers
    answer = await asyncio.to_thread(_ask, nodes[True], {"Sec-WebSocket-Extensions": f"{offer}, permessage-deflate"})
    assert answer.status == 101
    deflate.agreed(answer.headers["sec-websocket-extensions"])


_TAKEN = [
    "permessage-deflate", "Permessage-Deflate", "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=15", "permessage-deflate; client_max_window_bits=8",
    "permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=9",
    'permessage-deflate; server_max_window_bits="10"', "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover", ", permessage-deflate,", "x-unknown, permessage-deflate",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; "
    "client_max_window_bits=12"]


@pytest.mark.parametrize("offer", _TAKEN)
async def test_an_offer_that_is_taken(nodes, offer):
    """7692 7.1: the answer names what was offered or may be added, never more than the client allows."""
    answer = await asyncio.to_thread(_ask, nodes[True], {"Sec-WebSocket-Extensions": offer})
    assert answer.status == 101
    agreement = deflate.agreed(answer.headers["sec-websocket-extensions"])
    assert not agreement.server_keeps_context, "the contract: one compressed frame serves all"
    asked = {name.strip(): value.strip(' "') for name, _, value in (
        part.partition("=") for part in offer.split(",")[-1 if "unknown" in offer else 0].split(";"))}
    if limit := asked.get("server_max_window_bits"):
        assert agreement.server_bits <= int(limit)
    if "client_max_window_bits" not in asked:
        assert agreement.client_bits == 15, "7.1.2.2: a client that does not name it cannot be held to it"
    # Without the setting the same offer is passed over.
    answer = await asyncio.to_thread(_ask, nodes[False], {"Sec-WebSocket-Extensions": offer})
    assert answer.status == 101 and "sec-websocket-extensions" not in answer.headers


# --- An agent


async def test_an_agents_request():
    """4.1: what a client has to say, and that each key is another one of 16 bytes."""
    keys = set()
    for flags in ([], ["--compression"]):
        async with peer.Stage.open(*flags) as stage:
            request, _, _ = await stage.request()
            method, _, version = request.line.split()
            assert method == "GET" and version == "HTTP/1.1"
            headers = request.headers
            assert headers["host"].startswith("127.0.0.1:")
            assert headers["upgrade"].lower() == "websocket"
            assert "upgrade" in [part.strip().lower() for part in headers["connection"].split(",")]
            assert headers["sec-websocket-version"] == "13"
            assert len(base64.b64decode(headers["sec-websocket-key"], validate=True)) == 16
            assert headers["sec-websocket-protocol"] == peer.FRAMED
            assert headers.get("sec-websocket-extensions", "").startswith("permessage-deflate") == bool(flags)
            keys.add(request.key)
    assert len(keys) == 2


_NO_ANSWER = {
    "no Upgrade": {"Upgrade": None}, "another Upgrade": {"Upgrade": "h2c"}, "no Connection": {"Connection": None},
    "another Connection": {"Connection": "keep-alive"}, "no accept": {"Sec-WebSocket-Accept": None},
    "an accept for another key": {"Sec-WebSocket-Accept": peer.accept("x" * 24)},
    "an accept in other letters": {"Sec-WebSocket-Accept": peer.accept("x").lower()},
    "another subprotocol": {"Sec-WebSocket-Protocol": "mqtt"}, "no subprotocol": {"Sec-WebSocket-Protocol": None},
    "an extension": {"Sec-WebSocket-Extensions": "permessage-deflate"},
    "an unknown extension": {"Sec-WebSocket-Extensions": "x-unknown"}}


async def _is_refused(answer, *flags: str) -> None:
    """The agent ends the connection without a frame, and comes back."""
    async with peer.Stage.open(*flags) as stage:
        request, reader, writer = await stage.request()
        writer.write(answer(request))
        async with asyncio.timeout(peer.SECONDS):
            assert await reader.read() == b"", "nothing is sent over what is no WebSocket"
        await stage.request()


@pytest.mark.parametrize("what", _NO_ANSWER)
async def test_an_answer_that_is_none(what):
    """4.1: a client MUST fail the connection."""
    await _is_refused(lambda request: request.answer(_NO_ANSWER[what]))


@pytest.mark.parametrize("extensions", [
    *_MALFORMED, "x-unknown", "permessage-deflate, permessage-deflate", "permessage-deflate, x-unknown",
    "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits",
    "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=0",
    "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=0",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover"])
async def test_an_agreement_that_is_none(extensions):
    """7692 7.1: so it MUST when the answer has what is unknown, repeated or wrong, or was not offered."""
    await _is_refused(lambda request: request.answer(extensions=extensions), "--compression")


async def test_an_agent_goes_without():
    """7692 5: a server may decline."""
    async with peer.Stage.open("--compression") as stage:
        other = await stage.peer()
        await other.send(other.encoded(Frame(TEXT, b'{"type":"ping"}')))
        assert await other.payload() == (TEXT, b'{"type":"pong"}')


@pytest.mark.parametrize("extensions", [
    "permessage-deflate", "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=8"])
async def test_an_agent_compresses(extensions):
    """7692 7.1: within the window and context that were agreed on; 5.1, 5.3: each frame has a mask of its own."""
    async with peer.Stage.open("--compression", "--exec", "cat") as stage:
        other = await stage.peer(extensions)
        data = [f"{n % 7} in the shop, {n % 11} at the till" for n in range(300)]
        compressed = 0
        for number in range(3):
            command = {"type": "command", "id": f"c{number}", "name": "echo", "timeout": 30, "data": data}
            await other.send(other.encoded(Frame(TEXT, json.dumps(command).encode())))
            frame = await other.frame()
            payload = other._receiver.inflate(frame.payload) if frame.rsv else frame.payload
            compressed += frame.rsv == 4 and len(frame.payload) * 3 < len(payload)
            assert json.loads(payload)["data"] == data
            await other.send(other.encoded(Frame(TEXT, json.dumps({"type": "ack", "ref": f"c{number}"}).encode())))
        # zlib has no window of 256 bytes; then nothing is compressed, which every node has to take.
        assert compressed == (0 if extensions.endswith("=8") else 3)
        assert len(set(other.masks)) == len(other.masks) > 3
