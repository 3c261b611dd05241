"""The small languages inside a compose file: ${VARIABLES}, durations, sizes, ports, volumes."""

import re
import shlex
from dataclasses import dataclass

from . import Failure

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")


def interpolate(text, variables, warn=lambda line: None):
    """Compose's way: $NAME, ${NAME}, ${NAME:-default}, ${NAME:?message}, ${NAME:+other}, all nested, and $$ for $."""
    result, rest = "", text
    while True:
        before, dollar, rest = rest.partition("$")
        result += before
        if not dollar:
            return result
        if rest.startswith("$"):
            result, rest = result + "$", rest[1:]
        elif rest.startswith("{"):
            inside, rest = _until_closed(rest[1:], text)
            result += _expand(inside, text, variables, warn)
        elif name := _NAME.match(rest):
            result += _value(name[0], variables, warn)
            rest = rest[name.end():]
        else:
            raise Failure(f"invalid interpolation in {text!r}: a $ that means itself is written $$")


def _until_closed(rest, text):
    depth, position = 1, 0
    while position < len(rest):
        if rest.startswith("${", position):
            depth += 1
        elif rest[position] == "}":
            depth -= 1
            if depth == 0:
                return rest[:position], rest[position + 1:]
        position += 1
    raise Failure(f"invalid interpolation in {text!r}: a brace is not closed")


def _expand(inside, text, variables, warn):
    name = _NAME.match(inside)
    operator = _OPERATOR.match(inside, name.end()) if name else None
    if not name or (operator is None and name.end() != len(inside)):
        raise Failure(f"invalid interpolation in {text!r}")
    if operator is None:
        return _value(name[0], variables, warn)
    value, other = variables.get(name[0]), inside[operator.end():]
    given = value is not None and (value != "" or not operator[0].startswith(":"))
    match operator[0][-1]:
        case "-":
            return value if given else interpolate(other, variables, warn)
        case "+":
            return interpolate(other, variables, warn) if given else ""
        case _:
            if not given:
                raise Failure(f"{name[0]} has to be set: {interpolate(other, variables, warn)}")
            return value


def _value(name, variables, warn):
    if name not in variables:
        warn(f"{name} is not set, taken as empty")
    return variables.get(name, "")


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(value):
    """Seconds of 1m30s and the like."""
    text = str(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Failure(f"{value!r} is not a duration such as 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def words(value):
    """A command: a list as it is, a string split as a shell would, without running one."""
    if value is None or isinstance(value, list):
        return value if value is None else [str(word) for word in value]
    return shlex.split(str(value))


def mapping(value):
    """`environment` and its like, a mapping or a list of NAME=VALUE; a name alone has the value None."""
    if isinstance(value, list):
        pairs = (str(item).partition("=") for item in value)
        return {name: text if equals else None for name, equals, text in pairs}
    return {str(name): _scalar(text) for name, text in (value or {}).items()}


def _scalar(value):
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Port:
    """A port of a container that is published on this machine; `published` 0 is any free one."""

    address: str
    published: int
    target: int


def port(value):
    if isinstance(value, dict):
        if value.get("protocol", "tcp") != "tcp":
            raise Failure(f"port {value}: only TCP is published")
        return Port(value.get("host_ip", "0.0.0.0"), int(value.get("published", 0)), int(value["target"]))
    text = str(value).removesuffix("/tcp")
    match = re.fullmatch(r"(?:(?:(\[[^]]+\]|[^:]*):)?(\d*):)?(\d+)", text)
    if not match:
        raise Failure(f"port {value!r}: neither [ADDRESS:]PUBLISHED:TARGET nor TARGET (ranges and UDP are unknown here)")
    return Port((match[1] or "0.0.0.0").strip("[]"), int(match[2] or 0), int(match[3]))


@dataclass(frozen=True)
class Mount:
    """Something of this machine or of the lab at `target` in a container. `content` is a config's, of kind "file"."""

    kind: str  # bind, volume, tmpfs, file
    target: str
    source: str = ""
    read_only: bool = False
    options: str = ""
    content: bytes = b""
    mode: int = 0o444


def volume(value, folder):
    """An entry of `volumes`, in either syntax; paths are relative to the folder of the file."""
    if isinstance(value, dict):
        kind, source = value["type"], value.get("source", "")
        if kind not in ("bind", "volume", "tmpfs"):
            raise Failure(f"volume {value['target']}: the type {kind} is unknown here")
        size = (value.get("tmpfs") or {}).get("size")
        return Mount(kind, value["target"], str(folder / source) if kind == "bind" else source,
                     bool(value.get("read_only")), f"size={size}" if size else "")
    source, colon, rest = str(value).partition(":")
    if not colon:
        return Mount("volume", source)
    target, _, options = rest.partition(":")
    if source.startswith("~"):
        raise Failure(f"volume {value}: write a path that is relative to the file")
    kind = "bind" if source.startswith((".", "/")) else "volume"
    return Mount(kind, target, str((folder / source).resolve()) if kind == "bind" else source, "ro" in options.split(","))


def tmpfs(value):
    target, _, options = str(value).partition(":")
    return Mount("tmpfs", target, options=options)
