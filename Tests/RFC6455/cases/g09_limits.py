"""9 and 10: long messages, many messages, and what goes beyond a limit. Scaled to the 64 KB that a node takes."""

from cases import (
    BINARY, NODE, TEXT, Chopped, Fails, Raw, Send, Frame, binary, case, echo, fragments, more, ping, ponged, text)

_MOST = 65536
_SIZES = (1024, 4096, 16384, 32768, 60_000)
# A frame of so many bytes whose payload never comes.
_ANNOUNCED = {"a byte too many": _MOST + 1, "4 GB": 1 << 32, "2^63 - 1 bytes": (1 << 63) - 1}


def _announced(opcode: int, size: int) -> Raw:
    return Raw(bytes([0x80 | opcode, 127]) + size.to_bytes(8, "big"))


CASES = [
    *(case(f"9.1.{n}", "6455 5.2", f"a text of {size} bytes", text(b"*" * size), echo(b"*" * size))
      for n, size in enumerate(_SIZES, 1)),
    *(case(f"9.2.{n}", "6455 5.2", f"{size} bytes of binary", binary(b"\xfe" * size), echo(b"\xfe" * size, BINARY),
           sides=(NODE,))
      for n, size in enumerate((*_SIZES, _MOST), 1)),
    *(case(f"9.3.{n}", "6455 5.4", f"60000 bytes in fragments of {size}", *fragments(b"*" * 60_000, size),
           echo(b"*" * 60_000))
      for n, size in enumerate((64, 256, 1024, 4096, 16384), 1)),
    *(case(f"9.4.{n}", "6455 5.4", f"binary in fragments of {size}", *fragments(b"\xfe" * _MOST, size, BINARY),
           echo(b"\xfe" * _MOST, BINARY), sides=(NODE,))
      for n, size in enumerate((64, 256, 1024, 4096, 16384), 1)),
    *(case(f"9.5.{n}", "6455 5.2", f"60000 bytes in pieces of {size}", Chopped((text(b"*" * 60_000),), size),
           echo(b"*" * 60_000))
      for n, size in enumerate((64, 128, 256, 512, 1024, 2048), 1)),
    *(case(f"9.7.{n}", "6455 5.4", f"200 messages of {size} bytes", *[step for _ in range(200) for step in (
        text(b"*" * size), echo(b"*" * size))])
      for n, size in enumerate((0, 16, 64, 256, 1024), 1)),
    *(case(f"9.8.{n}", "6455 5.4", f"200 messages of {size} bytes, then 200 answers",
           *[text(b"*" * size)] * 200, *[echo(b"*" * size)] * 200)
      for n, size in enumerate((0, 64, 1024), 1)),
    # Limits hold before the payload has come.
    *(case(f"9.10.{n}", "6455 10.4", f"a text that announces {name}", _announced(TEXT, size), Fails(1009), sides=(NODE,))
      for n, (name, size) in enumerate(_ANNOUNCED.items(), 1)),
    *(case(f"9.11.{n}", "6455 10.4", f"binary that announces {name}", _announced(BINARY, size), Fails(1009), sides=(NODE,))
      for n, (name, size) in enumerate(_ANNOUNCED.items(), 1)),
    case("9.12.1", "6455 10.4", "an agent's limit is 4 MB", _announced(TEXT, (4 << 20) + 1), Fails(1009), sides=("agent",)),
    case("9.12.2", "6455 10.4", "a continuation that announces too much", text("x", fin=False),
         Send(Frame(0, b""), length=_MOST), Fails(1009), sides=(NODE,)),
    case("9.12.3", "6455 10.4", "too much over all fragments", *fragments(b"*" * (_MOST + 1), 4096)[:-1], more("*"),
         Fails(1009), sides=(NODE,)),
    case("9.12.4", "6455 10.4", "the limit counts each message anew", *fragments(b"*" * _MOST, 4096), echo(b"*" * _MOST),
         *fragments(b"*" * _MOST, 4096), echo(b"*" * _MOST), sides=(NODE,)),
    case("9.13.1", "6455 10.4", "a flood of empty fragments", text("", fin=False), *[more("")] * 1200, Fails(1009)),
    case("9.13.2", "6455 10.4", "a flood of fragments of a byte", text("*", fin=False), *[more("*")] * 1200, Fails(1009)),
    case("9.13.3", "6455 5.4", "a thousand fragments", *fragments(b"*" * 1000, 1), echo(b"*" * 1000)),
    case("10.1.1", "6455 5.4", "60000 bytes in frames of 1300", *fragments(b"*" * 60_000, 1300), echo(b"*" * 60_000)),
    case("10.1.2", "6455 5.4", "pings between all of them", *[
        step for one in fragments(b"*" * 20_000, 1300)[:-1] for step in (one, ping(b"p"), ponged(b"p"))],
        fragments(b"*" * 20_000, 1300)[-1], echo(b"*" * 20_000)),
]
