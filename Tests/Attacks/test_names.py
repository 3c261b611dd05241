"""Names, headers and reasons that are meant to be taken for something else: for a path, a key of another cluster, a line of the log."""

import json
import re
import subprocess
import urllib.parse

import pytest

import processes
import wire
from attacks import PATHS
from bytewise import CLOSE, TEXT, frame
from conversation import close_code, fresh, session
from peers import Peer

# What a name must not have, as a name: each would mean something to a path, to Redis, to a log, or to a terminal.
NAMES = [
    # What libraries and proxies resolve before they ask: POST /v1/clients/../push is POST /v1/push.
    "../nodes", "..", ".", "a/b", "a\0b", "a\nb", "a\r\nSet-Cookie: x", "{two}:x", "one}:{two", "*", "[a-z]", "?", "a b", "\x1b[2J",
    "\u202edrawkcab", "a" * 129, "", "%2e%2e", "é",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_in_every_place(node, name):
    """The path, the query, the body and a frame: a name outside the alphabet is refused in each."""
    quoted = urllib.parse.quote(name, safe="")
    for path in (f"/v1/clients/{quoted}", f"/v1/groups/{quoted}", f"/v1/clients/{quoted}/mailbox"):
        # Without a name it is another path.
        assert wire.call(node.url, "GET", path).status in ((200, 404) if not name else (400,)), path
    assert wire.call(node.url, "POST", f"/v1/clients/{quoted}/push", b"x").status in (400, 404, 405)
    for to in ({"client": name}, {"clients": ["a", name]}, {"group": name}):
        answer = wire.call(node.url, "POST", "/v1/push", json.dumps({"to": to, "text": "x"}).encode())
        assert answer.status == 400, to
    for query in (f"clientId={quoted}", f"group={quoted}"):
        with wire.Connection(node.url) as connection:
            assert connection.upgrade(f"/ws?{query}").status == 400, query
    with session(node.url, framed=True) as connection:
        connection.send(frame(TEXT, json.dumps({"type": "join", "group": name}).encode()))
        assert json.loads(connection.frame().payload)["code"] == "invalid_frame"


@pytest.mark.parametrize("path", PATHS)
def test_paths_lead_nowhere_else(node, path):
    """No dots are resolved and no escapes decoded twice: what is no route is none."""
    answer = wire.call(node.url, "GET", path)
    assert answer.status in (400, 404), (path, answer.body)


# Another cluster

# Legal names that look like keys, channels or hash tags of the other cluster.
LOOKALIKES = ["two:client:victim", "two", "two:all", "..:two:x", "two:nodes", "@two", "one:two:victim"]


def test_names_do_not_reach_another_prefix():
    """Two clusters in one Redis: whatever is done in the one, in the other there is no other key and nobody hears of it."""
    with processes.redis() as redis:
        with processes.node("--redis", redis.url, "--prefix", "one") as one, processes.node("--redis", redis.url, "--prefix", "two") as two:
            victim = wire.connect(two, "victim", query="&group=all&group=two:all")
            held = {key: dump(redis.url, key) for key in keys(redis.url) if key.startswith("two") and is_lasting(key)}
            for name in [*LOOKALIKES, "victim"]:
                client = wire.connect(one, name, query=f"&group={name}")
                for to in ({"client": name}, {"group": name}, {"clients": [name, name + ":x"]}, {"all": True}):
                    for durable in (False, True):
                        body = {"to": to, "text": "stray", "durable": durable}
                        assert wire.call(one, "POST", "/v1/push", json.dumps(body).encode()).status in (200, 202)
                wire.call(one, "PUT", f"/v1/clients/{name}/groups/two:all")
                wire.call(one, "DELETE", f"/v1/clients/{name}")
                client.close()
            assert all(re.match(r"\{?(one|two)\b", key) for key in keys(redis.url)), keys(redis.url)
            now = {key: dump(redis.url, key) for key in keys(redis.url) if key.startswith("two") and is_lasting(key)}
            assert now == held
            assert wire.call(two, "POST", "/v1/clients/victim/push", b"own").json()["delivered"] == 1
            assert victim.connection.frame().payload == b"own", "it heard something else first"
            assert wire.call(two, "GET", "/v1/clients/victim").json()["state"] == "online"
            victim.close()


def redis_cli(url: str, *command: str) -> list[str]:
    told = subprocess.run(["redis-cli", "-u", url, "--raw", *command], capture_output=True, check=True)
    return told.stdout.decode("latin-1").splitlines()


def keys(url: str) -> list[str]:
    return redis_cli(url, "KEYS", "*")


def dump(url: str, key: str) -> list[str]:
    return redis_cli(url, "DUMP", key)


def is_lasting(key: str) -> bool:
    """Leases and what nodes say of themselves change all the time."""
    return "node" not in key


# Lines of the log, headers of an answer

EVIL = "x\r\n2030-01-01T00:00:00Z error switchboard: forged\x1b[31m\u2028\x9b2J"


@pytest.mark.parametrize("form", ["plain", "json"])
def test_the_log_keeps_to_its_lines(form):
    with processes.running_node("--log-format", form, "--log-level", "debug", "--diagnostics") as node:
        wire.call(node.url, "GET", "/v1/clients/" + urllib.parse.quote(EVIL))
        client = wire.connect(node.url, fresh("operator"))
        reason = urllib.parse.quote(EVIL)
        assert wire.call(node.url, "DELETE", f"/v1/clients/{client.id}?reason={reason}").status in (200, 202, 204)
        close_code(client.connection)
        headers = "User-Agent: a\tb \xff\x9b31m\r\nX-Forwarded-For: \x9b31m evil\tclient=x\r\n"
        name = fresh("agent")
        peer = Peer.upgraded(node.url, f"/ws?clientId={name}", headers=headers)
        peer.send(frame(CLOSE, (4000).to_bytes(2, "big") + EVIL.encode()[:120]))
        wire.until(peer.look, lambda verdict: verdict is not None)
        # An older one is replaced, with the address of the newer in the reason.
        name = fresh("twice")
        older = Peer.upgraded(node.url, f"/ws?clientId={name}")
        wire.await_state(node.url, name, "online")
        newer = Peer.upgraded(node.url, f"/ws?clientId={name}", headers=headers)
        wire.until(older.look, lambda verdict: verdict is not None)
        newer.close()
        with session(node.url, framed=True) as connection:
            connection.send(frame(TEXT, json.dumps({"type": EVIL, "id": EVIL}).encode()))
            connection.frame()
            connection.send(frame(TEXT, b'{"type":"message","\x1b\n":'))
            close_code(connection)
        log = wire.until(lambda: node.log.read_text(errors="replace"), lambda text: text.count("session closed") >= 5)
    # Where a reader would see a new line, whichever kind.
    for line in re.split(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", log):
        if not line or line.startswith("switchboard listens on "):
            continue
        if form == "json":
            assert json.loads(line)["time"]
        else:
            assert re.match(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+\S* (trace|debug|info|notice|warning|error|critical) ", line), line
            assert not line.startswith("2030"), line
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", line), ascii(line)


@pytest.mark.parametrize("value", ["x\x01y", "x\x7fy", "a" * 200, "<b>", "a b", "\xff"])
@pytest.mark.parametrize("method, path", [("GET", "/healthz"), ("POST", "/v1/broadcast"), ("GET", "/v1/clients/%0d%0aX-A:b")])
def test_headers_of_answers_are_ours(node, value, method, path):
    """The one header that is sent back is sent back only when it is a name."""
    with wire.Connection(node.url) as connection:
        answer = connection.request(method, path, b"x" if method == "POST" else None, {"X-Request-Id": value})
    # The parser may refuse such a value itself.
    assert answer.status in (200, 400)
    assert re.fullmatch(r"[A-Za-z0-9._:@-]{1,128}", answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] != value
    assert "x-a" not in answer.headers


def test_reasons_of_closes_are_short_and_whole(node):
    """A close frame has 125 bytes at most, and its reason is UTF-8: what an operator says is cut where a character ends."""
    client = wire.connect(node.url, fresh("long"))
    answer = wire.call(node.url, "DELETE", f"/v1/clients/{client.id}?reason=" + urllib.parse.quote("é" * 200))
    if answer.status < 300:
        code, reason = close_code(client.connection)
        assert code == 4004 and 0 < len(reason.encode()) <= 123
    else:
        assert answer.status == 400
    client.close()
