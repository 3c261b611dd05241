"""permessage-deflate (RFC 7692) with Python's own zlib, as the other end of what is tested."""

import re
import zlib
from dataclasses import dataclass, field

TAIL = b"\x00\x00\xff\xff"


@dataclass(frozen=True)
class Agreement:
    """What the header of the answer says."""

    server_keeps_context: bool = True
    client_keeps_context: bool = True
    server_bits: int = 15
    client_bits: int = 15


def agreed(header: str) -> Agreement:
    """Reads an answer; fails on all that RFC 7692 section 7.1 does not allow in one."""
    name, *parameters = [part.strip() for part in header.split(";")]
    assert name == "permessage-deflate", header
    found: dict[str, str | None] = {}
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        assert key not in found, f"twice: {key}"
        found[key] = value or None
    known = {"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"}
    assert set(found) <= known, header
    for key, value in found.items():
        if key.endswith("bits"):
            assert re.fullmatch("8|9|1[0-5]", value or ""), f"{key} needs a value of 8 to 15 without leading zeros"
        else:
            assert value is None, f"{key} has no value"
    return Agreement(
        "server_no_context_takeover" not in found, "client_no_context_takeover" not in found,
        int(found.get("server_max_window_bits") or 15), int(found.get("client_max_window_bits") or 15))


def deflated(data: bytes, *, bits: int = 15, level: int = 9, sync: bool = True) -> bytes:
    """One message that stands for itself. Without `sync` it ends with a final block (RFC 7692 section 7.2.3.4)."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -bits)
    if not sync:
        return compressor.compress(data) + compressor.flush(zlib.Z_FINISH) + b"\x00"
    return _without_tail(compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))


def _without_tail(data: bytes) -> bytes:
    assert data.endswith(TAIL)
    return data[: -len(TAIL)]


@dataclass
class Sender:
    """Compresses messages one after the other, as was agreed on."""

    bits: int
    keeps_context: bool
    _compressor: object = field(default=None, repr=False)

    def compress(self, data: bytes) -> bytes:
        if self._compressor is None or not self.keeps_context:
            self._compressor = zlib.compressobj(9, zlib.DEFLATED, -self.bits)
        return _without_tail(self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH))


@dataclass
class Receiver:
    """Inflates with the window that was agreed on and no larger one, so a sender that uses more is caught."""

    bits: int
    keeps_context: bool
    _inflater: object = field(default=None, repr=False)

    def inflate(self, data: bytes) -> bytes:
        if self._inflater is None or not self.keeps_context:
            self._inflater = zlib.decompressobj(-self.bits)
        return self._inflater.decompress(data + TAIL)
