"""Who is let in as a client, what it may then, and for how long."""

import contextlib
import http.server
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time
import uuid

import pytest

import processes
import tokens
import wire
from client_tokens import SECRET, Client, backend, token
from guarded import bearer

pytestmark = pytest.mark.own_node


@pytest.fixture(scope="module", params=["single node", "with Redis"])
def node(request):
    """A node that asks for tokens."""
    with contextlib.ExitStack() as stack:
        options = ["--diagnostics", "--log-level", "trace"]
        if request.param == "with Redis":
            options += ["--redis", stack.enter_context(processes.redis()).url]
        yield stack.enter_context(processes.running_node(*options, SWITCHBOARD_TOKEN_SECRET=SECRET))


def name() -> str:
    return f"kiosk-{uuid.uuid4().hex[:12]}"


def presence(url: str, client: str) -> dict | None:
    answer = wire.call(url, "GET", f"/v1/clients/{client}", headers=backend())
    return answer.json() if answer.status == 200 else None


def push(url: str, to: dict) -> dict:
    body = json.dumps({"to": to, "data": 1}).encode()
    answer = wire.call(url, "POST", "/v1/push", body, {"Content-Type": "application/json"} | backend())
    assert answer.status == 200, answer
    return answer.json()


def refused(url: str, reason: str) -> int:
    text = wire.call(url, "GET", "/metrics", headers=backend()).body.decode()
    line = re.search(rf'switchboard_auth_refused_total{{kind="client",reason="{reason}"}} (\d+)', text)
    return int(line[1])


# The handshake

REFUSED = {
    "no token": ("", {}, 401, "missing_credentials"),
    "another scheme": ("", {"Authorization": "Basic dTpw"}, 401, "unsupported_credentials"),
    "nothing behind the scheme": ("", {"Authorization": "Bearer"}, 401, "unsupported_credentials"),
    "no ASCII": ("", {"Authorization": "Bearer \xff\xfe"}, 401, "unsupported_credentials"),
    "an API key": ("", bearer("sbk_" + "x" * 43), 401, "malformed_token"),
    "no token at all": ("token=x.y.z", {}, 401, "malformed_token"),
    "an empty token": ("token=", {}, 401, "malformed_token"),
    "forged": ("", bearer(token(secret="x" * 32)), 401, "wrong_signature"),
    "alg none": ("", bearer(token(header={"alg": "none"}).rsplit(".", 1)[0] + ".eA"), 401, "unsupported_algorithm"),
    "another alg": ("", bearer(token(header={"alg": "RS256"})), 401, "unknown_signer"),
    "expired": ("", bearer(token(seconds=-1)), 401, "token_expired"),
    "not yet valid": ("", bearer(token(nbf=time.time() + 3600)), 401, "token_not_yet_valid"),
    "for somebody else": ("", bearer(token(aud="others")), 401, "wrong_audience"),
    "without sub": ("", bearer(token(None)), 401, "missing_claim"),
    "without exp": ("", bearer(token(exp=None)), 401, "missing_claim"),
    "a sub with a path": ("", bearer(token("../etc")), 401, "invalid_claim"),
    "of another client": ("clientId=d", bearer(token("c")), 403, "another_client"),
    "another group": ("group=g&group=ops", bearer(token("c", groups=["g"])), 403, "group_not_allowed"),
    "another label": ("label.role=admin", bearer(token("c", labels={"role": "till"})), 403, "label_not_allowed"),
    "8 KB in the URL": (f"token={token(x='y' * 6200)}", {}, 401, "malformed_token"),
    "8 KB in the header": ("", bearer(token(x="y" * 6200)), 401, "malformed_token"),
    "two tokens": (f"token={token()}&token={token()}", {}, 400, None),
    "no UTF-8": ("token=%ff", {}, 400, None),
}


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_a_handshake_that_is_refused(node, case, framed):
    query, headers, status, reason = REFUSED[case]
    if framed and case == "no token":
        pytest.skip("a framed client may show it in hello")
    before = refused(node.url, reason) if reason else 0
    with Client(node.url, query, headers, framed=framed) as client:
        code = {400: "invalid_request", 401: "unauthorized", 403: "forbidden"}[status]
        assert client.refusal == (status, code, reason)
        challenge = client.answer.headers.get("www-authenticate", "")
        assert challenge.startswith("Bearer ") == (status == 401)
        assert client.answer.closes
    assert not reason or refused(node.url, reason) == before + 1


def test_a_header_that_no_token_fills(node):
    with Client(node.url, "", bearer("x" * 40_000)) as client:
        assert client.answer.status in (400, 413, 431)


def test_the_echo_is_no_way_in(node):
    with wire.Connection(node.url) as connection:
        assert connection.upgrade("/ws/echo", {"Sec-WebSocket-Protocol": "switchboard.v1"}).status == 401
    with wire.Connection(node.url) as connection:
        assert connection.upgrade("/ws/echo", bearer(token())).status == 101
        connection.send_frame(wire.TEXT, b"x")
        assert connection.frame().payload == b"x"


@pytest.mark.parametrize("way", ["header", "query", "hello"])
def test_every_way_to_show_a_token(node, way):
    id = name()
    text = token(id, groups=["tills", "vip"], labels={"role": "till"})
    query = {"header": "hello=1", "query": f"hello=1&token={text}", "hello": f"clientId={id}&group=vip"}[way]
    with Client(node.url, query, bearer(text) if way == "header" else {}) as client:
        assert client.answer.status == 101
        hello = client.hello(text if way == "hello" else None)
        assert hello["clientId"] == id
        shown = wire.until(lambda: presence(node.url, id), lambda shown: shown and shown["state"] == "online")
        assert (sorted(shown["groups"]), shown["labels"]) == (["tills", "vip"], {"role": "till"})
        assert push(node.url, {"group": "tills"})["delivered"] == 1
        assert client.next()["data"] == 1


def test_the_header_counts_before_the_query(node):
    id = name()
    with Client(node.url, f"hello=1&token={token(name())}", bearer(token(id))) as client:
        assert client.hello()["clientId"] == id


# hello


def test_who_shows_no_token_in_time(node):
    """Until then it is nobody: it is not listed, and gets nothing."""
    id = name()
    with Client(node.url, f"clientId={id}&group=g") as client, Client(node.url, f"clientId={id}") as other:
        begun = time.monotonic()
        assert presence(node.url, id) is None
        assert push(node.url, {"all": True})["matched"] == 0
        assert push(node.url, {"client": id})["matched"] == 0
        other.connection.send_frame(wire.PING, b"x")
        assert other.connection.frame(skip_pings=False).opcode == wire.PONG
        assert client.close(seconds=20) == (4001, MISSING)
        assert 9 < time.monotonic() - begun < 15
        assert other.close()[0] == 4001
    assert presence(node.url, id) is None


MISSING = (
    "missing_credentials: a client shows a token: in Authorization: Bearer, in the query as token, or in hello"
)

HELLOS = {
    "none": ({}, "", 4001, "missing_credentials"),
    "garbage": ({"token": "x"}, "", 4001, "malformed_token"),
    "forged": ({"token": token(secret="x" * 32)}, "", 4001, "wrong_signature"),
    "expired": ({"token": token(seconds=-1)}, "", 4001, "token_expired"),
    "8 KB": ({"token": token(x="y" * 6200)}, "", 4001, "malformed_token"),
    "of another client": ({"token": token("c")}, "clientId=d", 4002, "another_client"),
    "of another client in hello": ({"token": token("c"), "clientId": "d"}, "", 4002, "another_client"),
    "another group": ({"token": token("c", groups=["g"])}, "group=ops", 4002, "group_not_allowed"),
    "another label": ({"token": token("c"), "labels": {"role": "admin"}}, "", 4002, "label_not_allowed"),
}


@pytest.mark.parametrize("case", HELLOS)
def test_a_hello_that_is_refused(node, case):
    members, query, code, reason = HELLOS[case]
    before = refused(node.url, reason)
    with Client(node.url, query) as client:
        client.send(type="hello", **members)
        closed, words = client.close()
        assert (closed, words.split(":")[0]) == (code, reason)
    assert refused(node.url, reason) == before + 1


@pytest.mark.parametrize(
    "opcode, payload, code",
    [
        (wire.TEXT, b'{"type":"message","data":1}', 4001),
        (wire.TEXT, b'{"type":"token","token":"x"}', 4001),
        (wire.TEXT, b"[]", 4006),
        (wire.BINARY, b"x", 4006),
        (wire.TEXT, b'{"type":"hello","token":"\xff\xfe"}', 1007),
        (wire.TEXT, b'{"type":"hello","token":"' + b"x" * 40_000 + b'"}', 1009),
    ],
)
def test_nothing_but_a_hello_is_heard(node, opcode, payload, code):
    with Client(node.url) as client:
        client.connection.send_frame(opcode, payload)
        assert client.close()[0] == code


def test_a_flood_before_it_is_known_who_it_is(node):
    """Small frames count as large ones do."""
    with Client(node.url) as client:
        pings = 0
        with contextlib.suppress(ConnectionError):
            while pings < 10_000:
                client.connection.send_frame(wire.PING, b"x" * 100)
                pings += 1
        codes = []
        with contextlib.suppress(EOFError):
            while True:
                frame = client.connection.frame(skip_pings=False)
                if frame.opcode == wire.CLOSE:
                    codes.append(int.from_bytes(frame.payload[:2]))
        # Whichever limit is first: that of bytes before a hello, or that of control frames.
        assert codes in ([1009], [4102], [])  # the reset of a socket with unread bytes may take it along
    assert wire.call(node.url, "GET", "/healthz").status == 200


def test_what_follows_a_hello_at_once(node):
    id = name()
    with Client(node.url) as client:
        client.send(type="hello", token=token(id))
        for number in range(20):
            client.send(type="health", data={"load": number, "x": "y" * 1000})
        assert client.next()["clientId"] == id
        wire.until(lambda: presence(node.url, id), lambda shown: shown and (shown.get("health") or {}).get("load") == 19)


# An open session


@pytest.mark.parametrize("framed", [True, False])
def test_the_end_of_the_token_ends_the_session(node, framed):
    id = name()
    with Client(node.url, "hello=1" if framed else "", bearer(token(id, 2)), framed=framed) as client:
        begun = time.time()
        if framed:
            client.hello()
        assert client.close() == (4105, "the token has expired")
        assert 1.5 < time.time() - begun < 5
    shown = wire.until(lambda: presence(node.url, id), lambda shown: shown["state"] == "offline")
    assert shown["closeCode"] == 4105


def test_a_newer_token_keeps_the_session(node):
    id = name()
    with Client(node.url, "hello=1", bearer(token(id, 2))) as client:
        session = client.hello()["session"]
        client.send(type="token", token=token(id, 60))
        assert client.next() == {"type": "ack", "ref": "token"}
        # Past the end of the first one.
        time.sleep(3)
        client.send(type="message", id="m", data=1)
        assert client.next() == {"type": "ack", "ref": "m"}
        assert presence(node.url, id)["session"] == session


def test_newer_tokens_that_are_not_good(node):
    id = name()
    with Client(node.url, "hello=1", bearer(token(id, 60))) as client:
        client.hello()
        for text, reason in [("x", "malformed_token"), (token(id, -1), "token_expired"), (token(id, secret="y" * 32), "wrong_signature")]:
            client.send(type="token", token=text)
            error = client.next()
            assert (error["type"], error["code"], error["ref"]) == ("error", reason, "token")
        client.send(type="token", token=token(name()))
        code, words = client.close()
        assert (code, words.split(":")[0]) == (4002, "another_client")


def test_groups(node):
    id = name()
    with Client(node.url, "hello=1", bearer(token(id, groups=["g"], join=["chat:*"]))) as client:
        client.hello()

        def answer(type: str, group: str) -> str | None:
            client.send(type=type, group=group)
            client.send(type="nothing")
            answer = client.next()
            if answer["code"] == "unknown_type":
                return None
            assert client.next()["code"] == "unknown_type"
            assert answer["ref"] == group
            return answer["code"]

        assert answer("join", "chat:1") is None
        assert answer("join", "ops") == "forbidden"
        path = f"/v1/clients/{id}/groups/ops"
        assert wire.call(node.url, "PUT", path, headers=backend()).status in (200, 204)
        assert answer("leave", "ops") == "forbidden"
        assert answer("leave", "g") is None
        wire.until(lambda: presence(node.url, id), lambda shown: sorted(shown["groups"]) == ["chat:1", "ops"])
        assert answer("join", "g") is None


def test_the_log_knows_no_token(node):
    text = token(name(), 60)
    for query, headers in [(f"token={text}", {}), ("", bearer(text)), (f"token={text}x", {}), ("", bearer(text + "x"))]:
        with Client(node.url, query, headers, framed=False) as client:
            assert client.answer.status in (101, 401)
    with Client(node.url) as client:
        client.hello(text)
    wire.call(node.url, "GET", f"/ws?token={text}")
    wire.call(node.url, "GET", f"/v1/none?token={text}", headers=backend())
    log = node.log.read_text()
    assert "listens" in log and text[:40] not in log and text[-20:] not in log


# Other settings


def test_where_clients_may_be_anonymous():
    with processes.running_node("--allow-anonymous", "--joinable-groups", "chat:*", SWITCHBOARD_TOKEN_SECRET=SECRET) as node:
        with Client(node.url, "hello=1&clientId=a&group=chat:1&label.l=1") as client:
            assert client.hello()["clientId"] == "a"
            client.send(type="join", group="ops")
            assert client.next()["code"] == "forbidden"
            # It shows later who it is.
            client.send(type="token", token=token("a", 1.5))
            assert client.next() == {"type": "ack", "ref": "token"}
            assert client.close()[0] == 4105
        for query, headers, status, reason in [
            ("clientId=a&group=ops", {}, 403, "group_not_allowed"),
            ("clientId=a", bearer(token("b")), 403, "another_client"),
            ("clientId=a&token=x", {}, 401, "malformed_token"),
        ]:
            with Client(node.url, query, headers) as client:
                assert (client.answer.status, client.answer.json()["reason"]) == (status, reason)
        with Client(node.url, "hello=1&clientId=a") as client:
            client.send(type="hello", token=token("b"))
            assert client.close()[0] == 4002


@pytest.mark.parametrize(
    "origin, status",
    [
        (None, 101),
        ("https://shop.example", 101),
        ("https://SHOP.example:443", 101),
        ("https://till.shop.example", 101),
        ("https://evil.example", 403),
        ("https://shop.example.evil.example", 403),
        ("http://shop.example", 403),
        ("null", 403),
    ],
)
def test_pages_of_which_origins_may_connect(shop, origin, status):
    with Client(shop.url, "clientId=a", {"Origin": origin} if origin else {}) as client:
        assert client.answer.status == status
        if status == 403:
            assert client.refusal == (403, "forbidden", "origin_not_allowed")


@pytest.fixture(scope="module")
def shop():
    with processes.running_node("--allowed-origins", "https://shop.example,https://*.shop.example") as node:
        yield node


# Keys that change


def publish(path: pathlib.Path, *signers: tokens.Signer) -> None:
    replace(path, tokens.key_set(*signers))


def replace(path: pathlib.Path, text: str) -> None:
    """All at once: nobody sees half of it."""
    new = path.with_suffix(".new")
    new.write_text(text + "\n")
    new.rename(path)


def test_keys_are_rotated_while_the_node_runs(tmp_path):
    old, new = tokens.Signer("EdDSA", "old"), tokens.Signer("ES256", "new")
    path = tmp_path / "keys.json"
    publish(path, old)
    with processes.running_node("--token-keys", str(path), "--token-keys-interval", "0") as node:
        with (
            Client(node.url, "hello=1", bearer(old.token(sub="a"))) as staying,
            Client(node.url, "hello=1", bearer(old.token(sub="d"))) as leaving,
        ):
            staying.hello()
            leaving.hello()
            publish(path, old, new)
            # A key that nobody has told the node of yet; it looks for one every 10 s at most, and says so.
            deadline = time.monotonic() + 30
            while (closed := close_of_hello(node.url, new.token(sub="b"))) is not None:
                assert closed[0] == 4100 and closed[1].startswith("signers_unavailable"), closed
                assert time.monotonic() < deadline
                time.sleep(0.5)
            with Client(node.url, headers=bearer(old.token(sub="b"))) as client:
                assert client.answer.status == 101
            staying.send(type="token", token=new.token(sub="a"))
            assert staying.next() == {"type": "ack", "ref": "token"}
            publish(path, new)
            node.process.send_signal(signal.SIGHUP)

            def taken() -> int:
                with Client(node.url, headers=bearer(old.token(sub="b"))) as client:
                    return client.answer.status

            assert wire.until(taken, lambda status: status != 101) in (401, 503)
            # Who has only what the old one signed goes, and who has renewed in time stays.
            assert leaving.close() == (4105, "the key of the token is trusted no more")
            staying.send(type="token", token=new.token(sub="a"))
            assert staying.next() == {"type": "ack", "ref": "token"}


def close_of_hello(url: str, text: str) -> tuple[int, str] | None:
    """How a hello with this token is refused; None when it is not."""
    with Client(url) as client:
        client.send(type="hello", token=text)
        frame = client.connection.frame()
        if frame.opcode == wire.TEXT:
            return None
        return int.from_bytes(frame.payload[:2]), frame.payload[2:].decode()


class KeyServer:
    """Publishes keys by HTTP, when the test lets it."""

    def __init__(self):
        self.asked, self.answers = queue.Queue(), queue.Queue()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked.put(self.path)
                body = owner.answers.get(timeout=30)
                self.send_response(200 if body else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, *signers: tokens.Signer) -> None:
        self.answers.put(tokens.key_set(*signers).encode())


@pytest.fixture
def key_server():
    server = KeyServer()
    yield server
    server.server.shutdown()


def test_who_waits_for_keys_holds_nobody_up(key_server, background):
    """The keys come late: a handshake and a hello wait for them, and everything else goes on."""
    signer = tokens.Signer("ES256", "key")
    shown = [signer.token(sub=f"w{number}") for number in range(6)]
    with processes.running_node("--token-keys", key_server.url, "--allow-anonymous", "--loops", "1") as node:
        key_server.asked.get(timeout=10)

        def connect(text: str, in_hello: bool) -> str:
            with Client(node.url, "hello=1", {} if in_hello else bearer(text)) as client:
                assert client.answer.status == 101, client.answer
                return client.hello(text if in_hello else None)["clientId"]

        waiting = [background(connect, text, number % 2 == 0) for number, text in enumerate(shown)]
        for _ in range(5):
            with Client(node.url, "hello=1&clientId=other") as client:
                assert client.hello()["clientId"] == "other"
        assert not any(future.done() for future in waiting)
        key_server.publish(signer)
        assert [future.result(10) for future in waiting] == [f"w{number}" for number in range(6)]


def test_keys_that_cannot_be_had():
    signer = tokens.Signer("ES256", "key")
    url = f"http://127.0.0.1:{processes.free_port()}/keys"
    with processes.running_node("--token-keys", url) as node:
        with Client(node.url, headers=bearer(signer.token(sub="a"))) as client:
            assert client.refusal == (503, "signers_unavailable", "signers_unavailable")
            assert int(client.answer.headers["retry-after"]) >= 1
        with Client(node.url) as client:
            client.send(type="hello", token=signer.token(sub="a"))
            code, words = client.close()
            assert code == 4100 and re.fullmatch(r"signers_unavailable: .*: after=\d+", words)


# The agent at a terminal


class Agent:
    """`switchboard agent`, and what it says."""

    def __init__(self, url: str, *arguments: str, **environment: str):
        command = [processes.executable(), "agent", "--url", url.replace("http", "ws"), *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=os.environ | environment)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.put(line)

    def until(self, words: str) -> str:
        while words not in (line := self.lines.get(timeout=20)):
            pass
        return line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        processes.stop(self.process)


def session(line: str) -> str:
    return re.search(r"session (\S+),", line)[1]


def test_an_agent_whose_token_file_changes(node, tmp_path):
    id, path = name(), tmp_path / "token"
    replace(path, token(id, 5))
    with Agent(node.url, "--id", id, "--token-file", str(path)) as agent:
        first = session(agent.until("connected as"))
        replace(path, token(id, 8))
        time.sleep(6)
        assert presence(node.url, id)["session"] == first
        # Now nobody brings a new one in time.
        assert "4105" in agent.until("disconnected")
        replace(path, token(id, 60))
        assert session(agent.until("connected as")) != first


def test_an_agent_with_a_token_that_is_not_good(node):
    for arguments, environment, words in [
        (["--token", token(secret="x" * 32)], {}, "the token's signature is wrong"),
        (["--id", "other"], {"SWITCHBOARD_TOKEN": token("c")}, "the token is for another clientId"),
        ([], {}, "missing_credentials"),
    ]:
        with Agent(node.url, *arguments, **environment) as agent:
            assert agent.process.wait(20) == 1
            agent.until(words)
