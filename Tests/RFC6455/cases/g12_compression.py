"""12 and 13: permessage-deflate (RFC 7692) for several contents, lengths, windows and contexts, and what breaks it."""

import random

import deflate
from cases import (
    AGENT, BINARY, CONTINUATION, NODE, PING, TEXT, Chopped, Closes, Compressed, Fails, Frame, Send, case, close, echo, last,
    more, ping, ponged, text)

# What a client offers to a node ...
_OFFERS = (
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=15; client_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12; client_no_context_takeover",
    "permessage-deflate; unknown=1, permessage-deflate; server_max_window_bits=8, permessage-deflate",
)
# ... and what a node may answer to an agent, which names client_max_window_bits in its offer.
_ANSWERS = (
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9",
    "permessage-deflate; client_max_window_bits=9; server_max_window_bits=12",
)
_OFFER = "permessage-deflate; client_max_window_bits"
_ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

_chance = random.Random(7692)
_WORDS = ["price", "shop", "kiosk", "till", "northern", "agent", "€", "order", "paid", "closed"]


def _json(size: int) -> bytes:
    """Words as they come in JSON, without what a string in JSON cannot hold."""
    content = ""
    while len(content) < size:
        content += f"{_chance.choice(_WORDS)}: {_chance.randrange(1000)}, "
    return content[:size].encode()


_SIZES = (0, 1, 16, 64, 256, 1024, 4096, 16384, 50_000)
_TEXTS = {size: _json(size) for size in _SIZES}
_NOISE = {size: _chance.randbytes(size) for size in _SIZES}


def _sides(offer: str | None = None, answer: str | None = None) -> dict:
    """A case for a node, for an agent, or with what both usually agree on for both."""
    if offer or answer:
        return {"offer": offer, "answer": answer, "sides": (NODE,) if offer else (AGENT,)}
    return {"offer": _OFFER, "answer": _ANSWER}


def _contents():
    agreements = [{"offer": offer} for offer in _OFFERS] + [{"answer": answer} for answer in _ANSWERS]
    for number, agreement in enumerate(agreements, 1):
        for n, size in enumerate(_SIZES, 1):
            # Three times: with context each message refers to the ones before it.
            steps = [step for _ in range(3) for step in (Compressed(_TEXTS[size]), echo(_TEXTS[size]))]
            yield case(f"12.{number}.{n}", "7692 7.2", f"texts of {size} bytes", *steps, **_sides(**agreement))
        if "offer" in agreement:
            for n, size in enumerate(_SIZES, 10):
                steps = [step for _ in range(2) for step in (
                    Compressed(_NOISE[size], BINARY), echo(_NOISE[size], BINARY))]
                yield case(f"12.{number}.{n}", "7692 7.2", f"noise of {size} bytes", *steps, **_sides(**agreement))
        many = [_json(size % 300) for size in range(0, 6000, 60)]
        yield case(f"13.{number}.1", "7692 7.2.3.2", "a hundred messages in a row", *map(Compressed, many), *map(echo, many),
                   **_sides(**agreement))
        mixed = [step for content in many[:20] for step in (
            Compressed(content), echo(content), text(content), echo(content))]
        yield case(f"13.{number}.2", "7692 6", "compressed and not, in turn", *mixed, **_sides(**agreement))


def _two_blocks(data: bytes) -> bytes:
    """Two DEFLATE blocks and more in one message (RFC 7692 section 7.2.3.5)."""
    half = len(data) // 2
    return deflate.deflated(data[:half]) + deflate.TAIL + deflate.deflated(data[half:])


_LONG = _TEXTS[4096]

CASES = [
    *_contents(),
    # How a message is made up is the sender's affair.
    case("13.20.1", "7692 6.1", "in frames of a byte", Compressed(_TEXTS[64], cut=1), echo(_TEXTS[64]), **_sides()),
    case("13.20.2", "7692 6.1", "in two frames with a ping between",
         Compressed(_TEXTS[16384], by=lambda data: deflate.deflated(data, level=0), cut=10_000, between=ping(b"p")),
         ponged(b"p"), echo(_TEXTS[16384]), **_sides()),
    case("13.20.3", "7692 6.1", "byte by byte", Chopped((Compressed(_TEXTS[256]),)), echo(_TEXTS[256]), **_sides()),
    case("13.20.4", "7692 6.1", "before an empty last frame", Compressed(_LONG, is_open=True), last(""), echo(_LONG),
         **_sides()),
    case("13.20.5", "7692 7.2.3.3", "not compressed at all", Compressed(_LONG, by=lambda data: deflate.deflated(data, level=0)),
         echo(_LONG), **_sides()),
    case("13.20.6", "7692 7.2.3.4", "with a final block", Compressed(_LONG, by=lambda data: deflate.deflated(data, sync=False)),
         echo(_LONG), **_sides()),
    case("13.20.7", "7692 7.2.3.5", "in several blocks", Compressed(_LONG, by=_two_blocks), echo(_LONG), **_sides()),
    case("13.20.8", "7692 7.2.3.6", "an empty one", Compressed(b"", by=lambda _: b"\x00"), echo(b""), sides=(NODE,),
         offer=_OFFER),
    case("13.20.9", "7692 7.2.3.1", "the example of the RFC", Compressed(b"", by=lambda _: bytes.fromhex("f248cdc9c90700")),
         echo("Hello"), sides=(NODE,), offer=_OFFER),
    case("13.20.10", "7692 7.2.1", "with a small window", Compressed(_LONG, by=lambda data: deflate.deflated(data, bits=9)),
         echo(_LONG), **_sides()),
    # RSV1 belongs to the first frame of a compressed message, and to nothing else.
    case("13.21.1", "7692 6", "RSV1 on a continuation", Compressed(_LONG, cut=20, is_open=True),
         Send(Frame(CONTINUATION, b"x", rsv=4)), Fails(1002), **_sides()),
    case("13.21.2", "7692 6", "RSV1 on a ping", Send(Frame(PING, b"x", rsv=4)), Fails(1002), **_sides()),
    case("13.21.3", "7692 6", "RSV1 on a close", Send(Frame(8, b"\x03\xe8", rsv=4)), Fails(1002), **_sides()),
    case("13.21.4", "7692 6", "RSV2 as well", Send(Frame(TEXT, b"\x00", rsv=6)), Fails(1002), **_sides()),
    case("13.21.5", "7692 6", "RSV3 alone", Send(Frame(TEXT, b"\x00", rsv=1)), Fails(1002), **_sides()),
    case("13.21.6", "7692 6", "RSV1 without an agreement", Send(Frame(TEXT, deflate.deflated(b"Hello"), rsv=4)), Fails(1002)),
    # What cannot be inflated.
    case("13.22.1", "7692 7.2.2", "rubbish", Compressed(_LONG, by=lambda _: b"\xff" * 20), Fails(1007), **_sides()),
    case("13.22.2", "7692 7.2.2", "rubbish ends it at once", Compressed(_LONG, by=lambda _: b"\xff" * 20, is_open=True),
         Fails(1007), **_sides()),
    case("13.22.3", "7692 7.2.2", "cut off", Compressed(_LONG, by=lambda data: deflate.deflated(data)[:-20]), Fails(1007),
         **_sides()),
    case("13.22.4", "7692 7.1.1", "what refers to a message that was to be forgotten", Compressed(_LONG), echo(_LONG),
         Compressed(_LONG, by=lambda data: _again(data)), Fails(1007), **_sides()),
    case("13.22.5", "6455 8.1", "what inflates to no UTF-8", Compressed(b"\xc0\xaf"), Fails(1007), **_sides()),
    case("13.22.6", "6455 8.1", "the same ends it at once",
         Compressed(b"\xff" + _LONG, is_open=True), Fails(1007), **_sides()),
    case("13.22.7", "6455 8.1", "a character over frames", Compressed("€".encode() * 50, cut=1), echo("€" * 50), **_sides()),
    # A few bytes that would be many (1009, before the memory is taken).
    case("13.23.1", "7692 8", "64 KB and a byte", Compressed(b" " * 65537), Fails(1009), sides=(NODE,), offer=_OFFER),
    case("13.23.2", "7692 8", "64 KB", Compressed(b" " * 65536), echo(b" " * 65536), sides=(NODE,), offer=_OFFER),
    case("13.23.3", "7692 8", "a bomb of 16 MB", Compressed(b" " * (16 << 20)), Fails(1009), **_sides()),
    case("13.23.4", "7692 8", "a bomb whose last frame never comes", Compressed(b" " * (16 << 20), cut=5000, is_open=True),
         Fails(1009), **_sides()),
    case("13.23.5", "7692 8", "blocks of nothing without end", Compressed(b"", by=lambda _: deflate.TAIL.join([b"\x00"] * 40_000)),
         Fails(1009), sides=(NODE,), offer=_OFFER),
    case("13.24.1", "7692 6", "it ends in order", Compressed(_LONG), echo(_LONG), **_sides()),
    case("13.24.2", "7692 6", "a close within a compressed message", Compressed(_LONG, cut=20, is_open=True), close(1001),
         Closes(1001), **_sides()),
    case("13.24.3", "7692 6", "a text within a compressed message", Compressed(_LONG, cut=20, is_open=True), text("x"),
         Fails(1002), **_sides()),
    case("13.24.4", "7692 6", "a continuation of nothing", Compressed(_LONG), echo(_LONG), more("x"), Fails(1002), **_sides()),
]


def _again(data: bytes) -> bytes:
    """The same message once more, as a sender would send it that has not forgotten the first."""
    sender = deflate.Sender(15, keeps_context=True)
    sender.compress(data)
    return sender.compress(data)
