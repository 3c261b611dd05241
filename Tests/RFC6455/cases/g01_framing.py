"""1: messages of every length that a header can spell, and the mask."""

from cases import BINARY, NODE, TEXT, Chopped, Fails, Frame, Raw, Send, binary, case, echo, ping, ponged, text

_LENGTHS = (0, 1, 125, 126, 127, 128, 65535, 65536)
# Within a framed ping; none is over the limits of either side.
_AROUND = (0, 90, 100, 101, 102, 103, 60_000)

CASES = [
    *(case(f"1.1.{n}", "6455 5.2", f"a text of {size} bytes", text(b"*" * size), echo(b"*" * size), sides=(NODE,))
      for n, size in enumerate(_LENGTHS, 1)),
    *(case(f"1.1.{n}", "6455 5.2", f"a text of {size} bytes and what is around it", text(b"*" * size), echo(b"*" * size))
      for n, size in enumerate(_AROUND, 9)),
    case("1.1.20", "6455 5.2", "a text in pieces of 997 bytes", Chopped((text(b"*" * 60_000),), 997), echo(b"*" * 60_000)),
    case("1.1.21", "6455 5.2", "a text byte by byte", Chopped((text("byte by byte"),)), echo("byte by byte")),
    *(case(f"1.2.{n}", "6455 5.2", f"{size} bytes of binary", binary(b"\xfe" * size), echo(b"\xfe" * size, BINARY),
           sides=(NODE,))
      for n, size in enumerate(_LENGTHS, 1)),
    case("1.2.9", "6455 5.2", "binary in pieces of 997 bytes", Chopped((binary(b"\xfe" * 65536),), 997),
         echo(b"\xfe" * 65536, BINARY), sides=(NODE,)),
    # The mask: a client MUST mask, a server MUST NOT, and either MUST close on the contrary.
    *(case(f"1.3.{n}", "6455 5.1", f"{what} with the wrong mask", Send(Frame(opcode, payload), masked=wrong), Fails(1002),
           sides=(side,))
      for side, wrong, first in (("node", False, 1), ("agent", True, 5))
      for n, (what, opcode, payload) in enumerate(
          (("a text", 1, b"x"), ("a ping", 9, b""), ("a close", 8, b"\x03\xe8"), ("an empty text", 1, b"")), first)),
    case("1.3.9", "6455 5.3", "a mask of zeros is a mask", Raw(bytes([0x80 | 9, 3]), b"abc"), ponged(b"abc")),
    # The length: the shortest spelling MUST be used, and its most significant bit MUST be 0.
    case("1.4.1", "6455 5.2", "125 bytes in a length of 16 bits", Raw(bytes([0x81, 126, 0, 125])), Fails(1002)),
    case("1.4.2", "6455 5.2", "0 bytes in a length of 16 bits", Raw(bytes([0x81, 126, 0, 0])), Fails(1002)),
    case("1.4.3", "6455 5.2", "65535 bytes in a length of 64 bits",
         Raw(bytes([0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255])), Fails(1002)),
    case("1.4.4", "6455 5.2", "a negative length", Raw(bytes([0x81, 127, 128, 0, 0, 0, 0, 0, 0, 1])), Fails(1002)),
    case("1.4.5", "6455 5.2", "a wrong length is told from a right one", ping(b"x" * 125), ponged(b"x" * 125),
         Raw(bytes([0x80 | TEXT, 127] + [255] * 8)), Fails(1002)),
]
