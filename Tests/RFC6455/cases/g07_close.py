"""7: the close handshake."""

from cases import Closes, Fails, Frame, Send, Together, case, close, echo, ping, text
from frames import CLOSE

_ALLOWED = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
_REFUSED = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535)

CASES = [
    case("7.1.1", "6455 7.1.2", "a message, then a close", text("Hello"), echo("Hello"), close(1000), Closes(1000)),
    case("7.1.2", "6455 5.5.1", "two closes are answered once", Together((close(1000), close(1000))), Closes(1000)),
    case("7.1.3", "6455 5.5.1", "a ping behind a close is not answered", Together((close(1000), ping(b"late"))), Closes(1000)),
    case("7.1.4", "6455 5.5.1", "a message behind a close is not taken", Together((close(1000), text("late"))), Closes(1000)),
    case("7.1.5", "6455 5.5.1", "a close within a message",
         Together((text("a", fin=False), close(1000), Send(Frame(0, b"b")))), Closes(1000)),
    case("7.1.6", "6455 5.5.1", "a long message in the same piece is answered before the close",
         Together((text(b"x" * 60_000), close(1000), ping(b"late"))), echo(b"x" * 60_000), Closes(1000)),
    # What is wrong behind a close is no concern of anybody's.
    case("7.1.7", "6455 5.5.1", "rubbish behind a close", Together((close(1000), Send(Frame(3, b"rubbish")))), Closes(1000)),
    # Without a code the answer has none either; 1005 itself is never on the wire.
    case("7.3.1", "6455 7.1.5", "a close without a code", close(None), Closes(1005)),
    case("7.3.2", "6455 5.5.1", "a close of one byte", Send(Frame(CLOSE, b"\x03")), Fails(1002)),
    case("7.3.3", "6455 5.5.1", "a code without a reason", close(1000), Closes(1000)),
    case("7.3.4", "6455 5.5.1", "a code and a reason", close(1000, b"Hello World!"), Closes(1000)),
    case("7.3.5", "6455 5.5", "the longest reason", close(1000, b"*" * 123), Closes(1000)),
    case("7.3.6", "6455 5.5", "a reason that is too long", close(1000, b"*" * 124), Fails(1002)),
    case("7.5.1", "6455 5.5.1", "a reason that is not UTF-8", close(1000, "κόσμε".encode() + b"\xed\xa0\x80"), Fails(1007)),
    case("7.5.2", "6455 5.5.1", "a reason that is cut off", close(1000, b"\xe2\x82"), Fails(1007)),
    *(case(f"7.7.{n}", "6455 7.4", f"{code} may be sent, and is echoed", close(code), Closes(code))
      for n, code in enumerate(_ALLOWED, 1)),
    *(case(f"7.9.{n}", "6455 7.4", f"{code} may not be sent", close(code), Fails(1002)) for n, code in enumerate(_REFUSED, 1)),
    *(case(f"7.13.{n}", "6455 7.4", f"{code} with a reason may not be sent", close(code, b"why"), Fails(1002))
      for n, code in enumerate(_REFUSED, 1)),
]
