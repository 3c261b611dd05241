"""Keys that come and go while a node runs: rotation, revocation, sets that are fetched; and what that does to long answers."""

import contextlib
import http.server
import json
import os
import re
import subprocess
import threading
import time

import pytest

import guarded
import processes
import tokens
import wire
from guarded import await_that, bearer
from problems import expect


@pytest.fixture
def node():
    with guarded.node() as node:
        yield node


# Files


def test_keys_are_rotated_without_a_pause(node):
    """Two at once, then the newer alone; on connections that stay open all the while."""
    old = node.keys["push"]
    with wire.Connection(node.url) as pushing, wire.Connection(node.url) as asking:

        def status(key: str) -> tuple[int, int]:
            return (
                pushing.request("POST", "/v1/broadcast", b"x", bearer(key)).status,
                asking.request("GET", "/v1/pushes/never", headers=bearer(key)).status,
            )

        assert status(old) == (200, 404)
        new = guarded.make_key(node.key_file, "the-next-key", "push")
        assert status(new) == (401, 401), "nothing is read before it is asked for"
        node.hang_up()
        assert status(new) == status(old) == (200, 404)
        guarded.revoke(node.key_file, "the-push-key")
        assert status(old) == (200, 404)
        node.hang_up()
        assert status(old) == (401, 401)
        assert status(new) == (200, 404)
    assert node.log.count("keys were read again") == 2


def test_a_key_that_gets_another_scope(node):
    with wire.Connection(node.url) as connection:
        assert connection.request("POST", "/v1/broadcast", b"x", bearer(node.keys["push"])).status == 200
        node.key_file.write_text(node.key_file.read_text().replace("the-push-key  push", "the-push-key  read"))
        node.hang_up()
        assert connection.request("POST", "/v1/broadcast", b"x", bearer(node.keys["push"])).status == 403
        assert connection.request("GET", "/v1/stats", headers=bearer(node.keys["push"])).status == 200


def test_a_key_expires(node):
    key = guarded.make_key(node.key_file, "short", "push", "--expires", "2s")
    node.hang_up()
    with wire.Connection(node.url) as connection:
        assert connection.request("POST", "/v1/broadcast", b"x", bearer(key)).status == 200
        await_that(lambda: connection.request("POST", "/v1/broadcast", b"x", bearer(key)).status == 401, "it ends")
        answer = connection.request("GET", "/v1/stats", headers=bearer(key))
        assert answer.json()["reason"] == "key_expired"


@pytest.mark.parametrize("text", ["shop push\n", "shop  push  sha256:00\n", "\x00", None])
def test_a_broken_file_changes_nothing(node, text):
    if text is None:
        node.key_file.unlink()
    else:
        node.key_file.write_text(text)
    node.set_file.write_text("{")
    node.hang_up("the API keys stay as they were")
    await_that(lambda: "the keys for tokens stay as they were" in node.log, "the set is complained about, too")
    assert node.call(node.keys["read"]).status == 200
    assert node.call(node.token("read")).status == 200
    assert "keys were read again" not in node.log


def test_the_hash_of_a_key_opens_nothing(node):
    """Whoever reads the file has no key."""
    hashes = re.findall(r"sha256:([0-9a-f]{64})", node.key_file.read_text())
    assert len(hashes) == 3
    for text in hashes:
        for shown in (text, f"sha256:{text}", f"sbk_{text}", tokens.b64(bytes.fromhex(text))):
            assert node.call(shown).json()["reason"] == "unknown_key"


def test_signers_are_replaced(node):
    """The set of a file: what is signed with a key that is gone is worth nothing, on a connection that knew it, too."""
    old, new = node.signers["EdDSA"], tokens.Signer("EdDSA", "the-next")
    with wire.Connection(node.url) as connection:

        def status(signer: tokens.Signer) -> int:
            return connection.request("POST", "/v1/broadcast", b"x", bearer(signer.token(scope="push"))).status

        shown = bearer(old.token(scope="push"))
        assert connection.request("POST", "/v1/broadcast", b"x", shown).status == 200
        node.set_file.write_text(tokens.key_set(new))
        node.hang_up()
        assert status(new) == 200
        # Nobody can say at once whether a newer set would have it.
        assert connection.request("POST", "/v1/broadcast", b"x", shown).status in (401, 503)
        assert status(old) in (401, 503)


# Sets that are fetched


class Login:
    """Serves a set of keys, and counts how often it is asked for."""

    def __init__(self):
        self.answer: tuple[int, dict, bytes] | None = None
        self.count = 0
        login = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                login.count += 1
                if login.answer is None:
                    return self.connection.close()
                status, headers, body = login.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def publish(self, *signers: tokens.Signer) -> None:
        self.answer = (200, {"Content-Type": "application/jwk-set+json"}, tokens.key_set(*signers).encode())


@contextlib.contextmanager
def logged_in(*options: str):
    login = Login()
    thread = threading.Thread(target=login.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield login
    finally:
        login.server.shutdown()
        login.server.server_close()
        thread.join()


def ask(url: str, token: str) -> wire.Answer:
    return wire.call(url, "GET", "/v1/stats", headers=bearer(token))


def test_a_set_is_fetched_when_a_token_names_another_key():
    first, second = tokens.Signer("ES256", "first"), tokens.Signer("RS256", "second")
    with logged_in() as login:
        login.publish(first)
        with processes.node("--token-keys", login.url, "--token-keys-interval", "1h") as url:
            assert ask(url, first.token(scope="read")).status == 200
            assert login.count == 1
            login.publish(second)
            # Once the pause is over that keeps inventors of names from causing a fetch each.
            await_that(lambda: ask(url, second.token(scope="read")).status == 200, "the new key is taken", 20)
            assert login.count == 2
            # A set takes the place of the one before.
            answer = ask(url, first.token(scope="read"))
            assert answer.status in (401, 503)
            assert ask(url, second.token(scope="read")).status == 200


def test_invented_key_ids_cause_few_fetches(node):
    """A flood of tokens that name keys which there are not."""
    signer, stranger = tokens.Signer("ES256", "real"), tokens.Signer("EdDSA", "invented")
    with logged_in() as login:
        login.publish(signer)
        with processes.node("--token-keys", login.url, "--token-keys-interval", "1h") as url:
            start = time.monotonic()
            with wire.Connection(url) as connection:
                for number in range(500):
                    shown = bearer(stranger.token({"scope": "admin"}, {"kid": f"invented-{number}"}))
                    method, path = (("GET", "/v1/stats"), ("POST", "/v1/broadcast"))[number % 2]
                    answer = connection.request(method, path, b"x" if number % 2 else None, shown)
                    assert answer.status in (401, 503)
                    if answer.status == 503:
                        expect(answer, "signers_unavailable")
                        assert 1 <= int(answer.headers["retry-after"]) <= 10
            assert login.count <= 2 + (time.monotonic() - start) / 10
            assert ask(url, signer.token(scope="read")).status == 200


def test_a_login_server_that_is_away():
    """Nobody is refused for good until it is known that their key is not one; keys are taken meanwhile."""
    signer = tokens.Signer("ES256", "real")
    with logged_in() as login:
        with guarded.node() as other:
            options = ("--token-keys", login.url, "--key-file", str(other.key_file))
            with processes.node(*options) as url:
                answer = ask(url, signer.token(scope="read"))
                expect(answer, "signers_unavailable")
                assert answer.json()["reason"] == "signers_unavailable" and int(answer.headers["retry-after"]) >= 1
                push = wire.call(url, "POST", "/v1/broadcast", b"x", bearer(signer.token(scope="push")))
                expect(push, "signers_unavailable")
                assert ask(url, other.keys["read"]).status == 200
                nameless = signer.token({"scope": "read"}, {"kid": None})
                expect(ask(url, nameless), "signers_unavailable")
                login.publish(signer)
                await_that(lambda: ask(url, signer.token(scope="read")).status == 200, "it is back", 30)
                assert ask(url, nameless).status == 200


def hostile(login: Login, other: Login) -> dict:
    secret = tokens.Signer("HS256", "published")
    return {
        "a redirection": (302, {"Location": other.url}, b""),
        "no JSON": (200, {}, b"<html>"),
        "no keys": (200, {}, b'{"keys":[]}'),
        "a secret that everybody can read": (200, {}, json.dumps({"keys": [secret.jwk]}).encode()),
        "too much": (200, {}, b'{"keys":[' + b" " * 300_000 + b"]}"),
        "a failure": (500, {}, tokens.key_set(tokens.Signer("ES256", "real")).encode()),
    }


@pytest.mark.parametrize("what", ["a redirection", "no JSON", "no keys", "a secret that everybody can read", "too much", "a failure"])
def test_a_set_that_is_not_one_is_not_taken(what):
    signer, secret = tokens.Signer("ES256", "real"), tokens.Signer("HS256", "published")
    with logged_in() as login, logged_in() as other:
        other.publish(signer)
        login.answer = hostile(login, other)[what]
        with processes.node("--token-keys", login.url) as url:
            for token in (signer.token(scope="admin"), secret.token(scope="admin")):
                assert ask(url, token).status in (401, 503)
            assert other.count == 0, "it went where it was sent"


# Long answers


def events(node: guarded.Guarded, credentials: str):
    """A watcher that has begun."""
    connection = wire.Connection(node.url)
    connection.send(wire.request("GET", "/v1/events", connection.host, headers=bearer(credentials)))
    stream = wire.Stream(connection)
    assert stream.event()[0] == "watching"
    return connection, stream


def rest(stream) -> list[tuple[str, dict]]:
    found = []
    while event := stream.event():
        found.append(event)
    return found


def ends_with(found: list, reason: str) -> None:
    assert found, "it ended without a word"
    name, problem = found[-1]
    assert name == "error" and problem["status"] == 401 and problem["reason"] == reason, found


def test_events_end_with_the_key(node):
    stays, goes = (events(node, credentials) for credentials in (node.keys["admin"], node.keys["read"]))
    with stays[0], goes[0]:
        guarded.revoke(node.key_file, "the-read-key")
        node.hang_up()
        ends_with(rest(goes[1]), "unknown_key")
        # The other goes on.
        token = node.signers["ES256"].token(sub="kiosk-7")
        wire.connect(node.url, "kiosk-7", key=node.keys["admin"], token=token).close()
        assert stays[1].event()[0].startswith("session.")


def test_events_end_with_the_token(node):
    connection, stream = events(node, node.token("read", exp=tokens.soon(2)))
    with connection:
        ends_with(rest(stream), "token_expired")


def test_events_end_with_the_signer(node):
    connection, stream = events(node, node.token("read", "EdDSA"))
    with connection:
        node.set_file.write_text(tokens.key_set(node.signers["ES256"]))
        node.hang_up()
        ends_with(rest(stream), "unknown_signer")


def test_many_pushes_end_with_the_key(node):
    """A request that goes on for hours does not outlive its key."""
    with wire.Connection(node.url) as connection:
        head = f"POST /v1/pushes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {node.keys['push']}\r\n"
        connection.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        line = b'{"to":{"group":"nobody"},"text":"x"}\n'
        chunk = b"%x\r\n%s\r\n" % (len(line), line)
        connection.send(chunk)
        stream = wire.Stream(connection)
        assert json.loads(stream.line())["status"] == 200
        guarded.revoke(node.key_file, "the-push-key")
        node.hang_up()
        connection.send(chunk)
        refused = json.loads(stream.line())
        assert (refused["code"], refused["reason"]) == ("unauthorized", "unknown_key")


# Rates


def test_each_key_has_a_rate_of_its_own():
    """One that floods is told to wait; another is not."""
    with guarded.node("--publish-rate", "5") as node, wire.Connection(node.url) as connection:

        def push(shown: str, **options) -> wire.Answer:
            return connection.request("POST", "/v1/broadcast", b"x", bearer(shown), **options)

        answers = [push(node.keys["push"], chunked=number % 2 == 0) for number in range(40)]
        assert answers[0].status == 200
        refused = [answer for answer in answers if answer.status != 200]
        assert refused
        for answer in refused:
            expect(answer, "rate_limited")
        assert push(node.keys["admin"]).status == 200
        # Two tokens of one backend are one backend.
        start, both = time.monotonic(), [node.token("push"), node.token("push", "EdDSA")]
        statuses = [push(both[number % 2]).status for number in range(60)]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) <= 6 + 5 * (time.monotonic() - start)


# Starting


def start(*options: str, **environment: str) -> subprocess.CompletedProcess:
    variables = guarded.free_environment() | environment
    command = [processes.executable(), "serve", "--port", "0", *options]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30)


def test_nobody_listens_to_others_by_mistake(tmp_path):
    keys = tmp_path / "keys"
    guarded.make_key(keys, "shop", "push")
    cases = {
        ("--host", "0.0.0.0"): "host: 0.0.0.0 is reachable by other machines",
        ("--key-file", str(keys)): "keyFile: with it clients need tokens, too",
        ("--key-file", str(keys), "--host", "0.0.0.0"): "keyFile: with it clients need tokens, too",
        ("--key-file", str(tmp_path / "missing"), "--allow-anonymous"): "cannot read",
        ("--token-keys", str(tmp_path / "missing")): "tokenKeys: cannot read",
        ("--token-keys", str(keys)): "tokenKeys:",
        ("--token-secret", "too-short"): "--token-secret is wrong",
        ("--token-audience", "a"): "tokenAudience does nothing without tokenSecret or tokenKeys",
        ("--allowed-origins", "shop.example"): "--allowed-origins: 'shop.example' is wrong",
        ("--joinable-groups", "a b"): "--joinable-groups: 'a b' is wrong",
    }
    for options, message in cases.items():
        result = start(*options)
        assert result.returncode == 64, (options, result)
        line = result.stderr.splitlines()[-1]
        assert line.startswith("switchboard: ") and message in line, (options, result.stderr)
        assert "too-short" not in result.stderr


def test_only_clients_are_anonymous_where_there_are_keys():
    with guarded.node("--allow-anonymous") as node:
        client = wire.connect(node.url, "kiosk-7", key=node.keys["read"])
        expect(node.call(None), "unauthorized")
        answer = node.call(node.keys["push"], "POST", "/v1/clients/kiosk-7/push", b"x")
        assert answer.json()["delivered"] == 1
        assert client.connection.frame().payload == b"x"
        client.close()


def test_where_there_are_no_keys_nobody_is_asked(url):
    for headers in ({}, bearer("sbk_whatever"), {"Authorization": "Basic eDp5"}):
        assert wire.call(url, "GET", "/v1/stats", headers=headers).status == 200
        assert wire.call(url, "POST", "/v1/groups/nobody/push", b"x", headers).status == 200


# The terminal


def run(url: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    variables = guarded.free_environment() | {"SWITCHBOARD_URL": url} | environment
    command = [processes.executable(), *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30)


def test_commands_show_a_key(node, tmp_path):
    key_file = tmp_path / "my-key"
    key_file.write_text(node.keys["read"] + "\nnot looked at\n")
    for arguments, environment in (
        (["--key", node.keys["read"]], {}),
        (["--key-file", str(key_file)], {}),
        ([], {"SWITCHBOARD_KEY": node.keys["read"]}),
        (["--key-file", str(key_file)], {"SWITCHBOARD_KEY": "sbk_other"}),
        (["--key", node.token("read")], {}),
    ):
        result = run(node.url, "stats", *arguments, **environment)
        assert result.returncode == 0, result.stderr
    for arguments, environment, message in (
        ([], {}, "unauthorized: "),
        ([], {"SWITCHBOARD_KEY": "sbk_wrong"}, "unauthorized: the key is not one of ours (401)"),
        ([], {"SWITCHBOARD_KEY": node.keys["push"]}, "forbidden: this takes the scope read (403)"),
        (["--key", "two words"], {}, "--key holds no API key"),
        (["--key-file", os.devnull], {}, "/dev/null holds no API key"),
        (["--key-file", str(tmp_path / "missing")], {}, "cannot be read"),
    ):
        result = run(node.url, "stats", *arguments, **environment)
        assert result.returncode == 1 and message in result.stderr, result
        guarded.assert_no_secrets(node, result.stderr + result.stdout)
    assert run(node.url, "push", "--to", "kiosk-7", "x", SWITCHBOARD_KEY=node.keys["push"]).returncode == 0
    assert run(node.url, "tail", SWITCHBOARD_KEY=node.keys["push"]).returncode == 1


def test_tail_ends_with_its_key(node):
    variables = guarded.free_environment() | {"SWITCHBOARD_URL": node.url, "SWITCHBOARD_KEY": node.keys["read"]}
    with subprocess.Popen(
        [processes.executable(), "tail"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        try:
            assert tail.stderr.readline().startswith("watching")
            guarded.revoke(node.key_file, "the-read-key")
            node.hang_up()
            assert "unauthorized: the key is not one of ours (401)" in tail.stderr.read()
            assert tail.wait(10) == 1
        finally:
            tail.kill()


def test_the_doctor_looks_at_the_files(node):
    def states() -> dict[str, str]:
        result = run(node.url, "doctor", "--json", "--compose", os.devnull, *node.options)
        guarded.assert_no_secrets(node, result.stdout + result.stderr)
        return {check["check"]: check["state"] for check in json.loads(result.stdout)["checks"]}

    good = states()
    assert (good["auth.keys"], good["auth.signers"]) == ("ok", "ok")
    node.key_file.write_text("# nobody\n")
    node.set_file.write_text("{}")
    bad = states()
    assert (bad["auth.keys"], bad["auth.signers"]) == ("problem", "problem")
