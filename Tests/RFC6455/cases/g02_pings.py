"""2: pings and pongs."""

from cases import Chopped, Fails, Together, case, echo, ping, pong, ponged, text

_TEN = [str(n).encode() for n in range(10)]

CASES = [
    case("2.1", "6455 5.5.2", "a ping without payload", ping(), ponged()),
    case("2.2", "6455 5.5.3", "the pong has the ping's payload", ping(b"Hello, world!"), ponged(b"Hello, world!")),
    case("2.3", "6455 5.5.3", "also what is no text", ping(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
         ponged(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")),
    case("2.4", "6455 5.5", "125 bytes are the most", ping(b"\xfe" * 125), ponged(b"\xfe" * 125)),
    case("2.5", "6455 5.5", "126 bytes are too many", ping(b"\xfe" * 126), Fails(1002)),
    case("2.6", "6455 5.5.3", "byte by byte", Chopped((ping(b"\xfe" * 125),)), ponged(b"\xfe" * 125)),
    case("2.7", "6455 5.5.3", "a pong that nobody asked for", pong()),
    case("2.8", "6455 5.5.3", "the same with a payload", pong(b"unasked")),
    case("2.9", "6455 5.5.3", "the same before a ping", pong(b"unasked"), ping(b"asked"), ponged(b"asked")),
    case("2.10", "6455 5.5.3", "ten pings get ten pongs in their order", *map(ping, _TEN), *map(ponged, _TEN)),
    case("2.11", "6455 5.5.3", "the same byte by byte", Chopped(tuple(map(ping, _TEN))), *map(ponged, _TEN)),
    case("2.12", "6455 5.5.3", "the same in one piece with messages between",
         Together((ping(b"1"), text("a"), ping(b"2"), text("b"))), ponged(b"1"), echo("a"), ponged(b"2"), echo("b")),
    case("2.13", "6455 5.5", "a pong of 126 bytes", pong(b"x" * 126), Fails(1002)),
    case("2.14", "6455 5.5", "a ping that announces 64 bits of length is refused by its second byte",
         ping(b"x" * 70_000), Fails(1002)),
]
