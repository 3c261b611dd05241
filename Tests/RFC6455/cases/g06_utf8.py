"""6: text is UTF-8 (RFC 6455 section 8.1, RFC 3629), and what is not fails the connection with 1007, with the byte that shows it."""

from cases import NODE, BINARY, Chopped, Fails, Together, case, echo, fragments, last, more, ping, ponged, text, binary

_KAPPA = "κόσμε"

# Valid: the ends of each length and what is around the surrogates.
_VALID = [
    "Hello-µ@ßöäüàá-UTF-8!!", _KAPPA, "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff", "\ud7ff", "\ue000",
    "\ufffd", "\ufffe", "\U0001f600\u200d", "\x7f", "\ufdd0", "\U0001fffe", "\ufeffx"]

# Invalid by themselves, whatever follows: (what, bytes up to and with the one that shows it).
_INVALID = [
    ("a trailer first", b"\x80"), ("the last trailer first", b"\xbf"), ("two trailers", b"\x80\xbf"),
    ("a leader without its trailer", b"\xc3\x28"), ("a leader before a leader", b"\xe2\xe2"),
    ("three bytes with one missing", b"\xe2\x82\x28"), ("four bytes with one missing", b"\xf0\x9f\x98\x28"),
    ("FE", b"\xfe"), ("FF", b"\xff"),
    ("an overlong slash of two", b"\xc0"), ("the longest overlong of two", b"\xc1"), ("an overlong slash of three", b"\xe0\x80"),
    ("the longest overlong of three", b"\xe0\x9f"), ("an overlong slash of four", b"\xf0\x80"),
    ("the longest overlong of four", b"\xf0\x8f"), ("five bytes", b"\xf8"), ("six bytes", b"\xfc"),
    ("the first surrogate", b"\xed\xa0"), ("the last surrogate", b"\xed\xbf"), ("a pair of surrogates", b"\xed\xa0\x80\xed\xb0\x80"),
    ("above U+10FFFF", b"\xf4\x90"), ("far above", b"\xf5"), ("overlong NUL", b"\xc0\x80")]

# Not complete at the end of the message.
_OPEN = [b"\xc3", b"\xe2", b"\xe2\x82", b"\xf0", b"\xf0\x9f", b"\xf0\x9f\x98"]


def _valid():
    for n, content in enumerate(_VALID, 1):
        data = content.encode()
        yield case(f"6.2.{n}.1", "6455 8.1", f"{ascii(content)}", text(data), echo(data))
        yield case(f"6.2.{n}.2", "6455 8.1", f"{ascii(content)} in fragments of a byte", *fragments(data, 1), echo(data))
        yield case(f"6.2.{n}.3", "6455 8.1", f"{ascii(content)} byte by byte", Chopped((text(data),)), echo(data))


def _invalid():
    for n, (name, data) in enumerate(_INVALID, 1):
        around = _KAPPA.encode()
        yield case(f"6.3.{n}.1", "6455 8.1", name, text(around + data + b"edited"), Fails(1007))
        yield case(f"6.3.{n}.2", "6455 8.1", f"{name} in fragments", *fragments(around + data + b"x", 1)[:-1], Fails(1007))
        yield case(f"6.3.{n}.3", "6455 8.1", f"{name} byte by byte", Chopped((text(around + data + b"edited"),)), Fails(1007))
        # Fail-fast: the message goes on, and nothing more of it is needed.
        yield case(f"6.4.{n}", "6455 8.1", f"{name} ends it at once", text(around, fin=False), more(data), Fails(1007))


def _open():
    for n, data in enumerate(_OPEN, 1):
        # An agent's text has an end of its own.
        yield case(f"6.5.{n}.1", "6455 8.1", f"cut off after {data.hex()}", text(b"x" + data), Fails(1007), sides=(NODE,))
        yield case(f"6.5.{n}.2", "6455 8.1", f"cut off after {data.hex()} by the last fragment", text(b"x", fin=False),
                   last(data), Fails(1007), sides=(NODE,))
        yield case(f"6.5.{n}.3", "6455 8.1", f"cut off after {data.hex()} by an empty fragment", text(data, fin=False),
                   last(""), Fails(1007))
        yield case(f"6.6.{n}", "6455 5.6", f"binary may be {data.hex()}", binary(data), echo(data, BINARY), sides=(NODE,))


CASES = [
    case("6.1.1", "6455 5.6", "an empty text", text(""), echo("")),
    case("6.1.2", "6455 5.6", "an empty text of three fragments", text("", fin=False), more(""), last(""), echo("")),
    case("6.1.3", "6455 5.6", "a text with empty ends", text("", fin=False), more("middle"), last(""), echo("middle")),
    *_valid(), *_invalid(), *_open(),
    case("6.7.1", "6455 5.4", "a ping within a character", Together((
        text(b"\xe2", fin=False), ping(b"\xff"), more(b"\x82"), ping(b"\xfe"), last(b"\xac"))),
        ponged(b"\xff"), ponged(b"\xfe"), echo("€")),
    case("6.7.2", "6455 8.1", "each message begins anew", text("€"), echo("€"), text(b"\xac", fin=False), Fails(1007)),
]
