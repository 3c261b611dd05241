"""3 and 4: reserved bits MUST be 0 and reserved opcodes MUST fail the connection, before and after what is right."""

from cases import CLOSE, PING, PONG, TEXT, Chopped, Fails, Frame, Send, case, echo, text

_KINDS = {"a text": TEXT, "a ping": PING, "a pong": PONG, "a close": CLOSE, "binary": 2}
_RESERVED = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)


def _bits():
    for rsv in range(1, 8):
        for index, (name, opcode) in enumerate(_KINDS.items(), 1):
            payload = b"\x03\xe8" if opcode == CLOSE else b"Hello"
            yield case(f"3.{rsv}.{index}", "6455 5.2", f"RSV {rsv} on {name}",
                       text("first"), echo("first"), Send(Frame(opcode, payload, rsv=rsv)), Fails(1002))
        yield case(f"3.{rsv}.6", "6455 5.2", f"RSV {rsv} byte by byte",
                   Chopped((text("first"), Send(Frame(PING, b"", rsv=rsv)))), echo("first"), Fails(1002))
        yield case(f"3.{rsv}.7", "6455 5.2", f"RSV {rsv} on a continuation", text("first", fin=False),
                   Send(Frame(0, b"", rsv=rsv)), Fails(1002))


def _opcodes():
    for opcode in _RESERVED:
        group = 1 if opcode < 8 else 2
        number = f"4.{group}.{opcode - (2 if opcode < 8 else 10)}"
        name = f"opcode {opcode}"
        yield case(f"{number}.1", "6455 5.2", name, Send(Frame(opcode)), Fails(1002))
        yield case(f"{number}.2", "6455 5.2", f"{name} with a payload", Send(Frame(opcode, b"reserved")), Fails(1002))
        yield case(f"{number}.3", "6455 5.2", f"{name} after a message", text("first"), echo("first"),
                   Send(Frame(opcode, b"reserved")), Fails(1002))
        yield case(f"{number}.4", "6455 5.2", f"{name} byte by byte after a message",
                   Chopped((text("first"), Send(Frame(opcode, b"reserved")))), echo("first"), Fails(1002))
        yield case(f"{number}.5", "6455 5.4", f"{name} within a message", text("first", fin=False),
                   Send(Frame(opcode)), Fails(1002))


CASES = [*_bits(), *_opcodes()]
