"""What became of a connection, read from the bytes that the node sent: a status, a close code, or nothing but an end."""

import re
import struct

CLOSE = 8


def status(data: bytes) -> str | None:
    """The status of the last answer among these bytes."""
    statuses = re.findall(rb"HTTP/1\.1 ([2-5][0-9]{2}) ", data)
    return statuses[-1].decode() if statuses else None


def close_code(data: bytes) -> tuple[str | None, bytes]:
    """The code of the close frame among these frames, None while there is none; and what is not a whole frame yet."""
    position = 0
    while position + 2 <= len(data):
        opcode, length, start = data[position] & 15, data[position + 1] & 0x7F, position + 2
        if length >= 126:
            size, form = (2, ">H") if length == 126 else (8, ">Q")
            if start + size > len(data):
                break
            length, start = struct.unpack_from(form, data, start)[0], start + size
        if start + length > len(data):
            break
        if opcode == CLOSE:
            return str(struct.unpack_from(">H", data, start)[0]) if length >= 2 else "1005", b""
        position = start + length
    return None, data[position:]
