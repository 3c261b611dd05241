"""5: fragments."""

from cases import (
    BINARY, CLOSE, NODE, PING, PONG, Chopped, Closes, Fails, Frame, Send, Together, binary, case, close, echo, fragments, last,
    more, ping, ponged, text)


def _ways(number: str, title: str, *steps, after=(), **options):
    """At once, frame by frame, and byte by byte."""
    yield case(f"{number}.1", "6455 5.4", title, *steps, *after, **options)
    yield case(f"{number}.2", "6455 5.4", f"{title} in one piece", Together(steps), *after, **options)
    yield case(f"{number}.3", "6455 5.4", f"{title} byte by byte", Chopped(steps), *after, **options)


CASES = [
    # All control frames MUST NOT be fragmented.
    *(case(f"5.{n}", "6455 5.5", f"a fragmented {name}", Send(Frame(opcode, payload, fin=False)), Fails(1002))
      for n, name, opcode, payload in ((1, "ping", PING, b"x"), (2, "pong", PONG, b"x"), (21, "close", CLOSE, b"\x03\xe8"))),
    *_ways("5.3", "two fragments", text("fragment1", fin=False), last("fragment2"), after=(echo("fragment1fragment2"),)),
    *_ways("5.6", "a ping between fragments", text("fragment1", fin=False), ping(b"between"), last("fragment2"),
           after=(ponged(b"between"), echo("fragment1fragment2"))),
    case("5.4", "6455 5.4", "a ping between fragments is answered before the message ends",
         text("fragment1", fin=False), ping(b"now"), ponged(b"now"), last("fragment2"), echo("fragment1fragment2")),
    case("5.5", "6455 5.4", "a close between fragments", text("fragment1", fin=False), close(1001), Closes(1001)),
    *_ways("5.9", "a continuation of nothing", last("nothing"), after=(Fails(1002),)),
    *_ways("5.10", "a continuation of nothing after a message", text("first"), last("nothing"),
           after=(echo("first"), Fails(1002))),
    *_ways("5.12", "a continuation of nothing that goes on", more("nothing"), after=(Fails(1002),)),
    *_ways("5.13", "a continuation of what has ended", text("a", fin=False), last("b"), more("c"),
           after=(echo("ab"), Fails(1002))),
    *_ways("5.15", "a continuation of what has ended, then a message", text("a", fin=False), last("b"), last("c"), text("d"),
           after=(echo("ab"), Fails(1002))),
    *_ways("5.18", "a message within a message", text("a", fin=False), text("b"), after=(Fails(1002),)),
    *_ways("5.22", "a fragment of a message within a message", text("a", fin=False), text("b", fin=False),
           after=(Fails(1002),)),
    *_ways("5.19", "five fragments and pings", text("1", fin=False), more("2"), ping(b"a"), more("3"), more("4"), ping(b"b"),
           last("5"), after=(ponged(b"a"), ponged(b"b"), echo("12345"))),
    case("5.20", "6455 5.4", "no fragment has to have anything in it", text("", fin=False), more(""), last(""), echo("")),
    case("5.23", "6455 5.4", "a hundred fragments of a byte", *fragments(b"x" * 100, 1), echo(b"x" * 100)),
    case("5.24", "6455 5.4", "binary in fragments", *fragments(bytes(range(256)), 7, BINARY), echo(bytes(range(256)), BINARY),
         sides=(NODE,)),
    case("5.25", "6455 5.4", "a fragmented message after another", *fragments(b"first", 2), echo("first"),
         *fragments(b"second", 3), echo("second"), text("third"), echo("third")),
    case("5.26", "6455 5.4", "binary within a text", text("a", fin=False), binary(b"b"), Fails(1002)),
]
