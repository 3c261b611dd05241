"""A terminal with a key does what the backend has signed, once, and nothing else: whoever has Redis, a node or the API."""

import json
import re
import subprocess
import uuid

import pytest

import processes
import resp
import wire
from signing import body, sign

DATA = '{"delay": 5.0,  "\u00e9": [1e2]}'


@pytest.fixture(params=["single node", "with Redis"])
def url(request):
    if request.param == "single node":
        with processes.node() as url:
            yield url
    else:
        with processes.redis() as redis, processes.node("--redis", redis.url) as url:
            yield url


def send(url: str, client: str, text: bytes) -> dict:
    """What the client answered."""
    answer = wire.call(url, "POST", f"/v1/clients/{client}/commands", text)
    assert answer.status == 200, answer.body
    return answer.json()


def test_an_honest_command_runs_once_and_a_dishonest_one_never(url, keys, terminal):
    key, public = keys("ops-1")
    unknown, _ = keys("ops-2")
    forged, _ = keys("forged")
    there, neighbour = terminal(url, public), terminal(url, public)

    def honest(id: str, **options) -> dict:
        return sign(key, there.id, id, "restart", DATA, **options)

    # Each under an id of its own: a node answers a repeated one from its memory.
    attempts = {
        "unsigned": (body("unsigned", "restart", DATA), "signature_required"),
        "id": (body("id", "restart", DATA, honest("other")), "signature_invalid"),
        "name": (body("name", "erase", DATA, honest("name")), "signature_invalid"),
        "space": (body("space", "restart", DATA.replace("  ", " "), honest("space")), "signature_invalid"),
        "data": (body("data", "restart", "null", honest("data")), "signature_invalid"),
        "later": (body("later", "restart", DATA, honest("later") | {"expires": 253402300799}), "signature_invalid"),
        "value": (body("value", "restart", DATA, honest("value") | {"value": "A" * 86}), "signature_invalid"),
        "key": (body("key", "restart", DATA, sign(unknown, there.id, "key", "restart", DATA)), "signature_unknown_key"),
        "forged": (
            body("forged", "restart", DATA, sign(forged, there.id, "forged", "restart", DATA, key="ops-1")),
            "signature_invalid",
        ),
        "client": (body("client", "restart", DATA, sign(key, neighbour.id, "client", "restart", DATA)), "signature_invalid"),
        "past": (body("past", "restart", DATA, honest("past", ago=3000)), "signature_expired"),
        "future": (body("future", "restart", DATA, honest("future", ago=-900)), "signature_not_yet_valid"),
        "long": (body("long", "restart", DATA, honest("long", seconds=86400)), "signature_too_long"),
    }
    for name, (attempt, code) in attempts.items():
        answer = send(url, there.id, attempt)
        assert (answer["status"], answer["data"]["code"]) == (401, code), name
    assert there.ran == []
    for _ in range(3):
        answer = send(url, there.id, body("good", "restart", DATA, honest("good")))
        assert (answer["status"], answer["data"]) == (200, {"done": True})
    assert there.ran == [f"good restart ops-1 {DATA}"]
    assert neighbour.ran == []


def test_keys_are_replaced_one_by_the_other_and_shared_secrets_sign_as_well(url, keys, terminal):
    old, old_public = keys("old")
    new, new_public = keys("new")
    secret, _ = keys("shared", "--hmac")
    there = terminal(url, old_public, new_public, secret)
    command = [processes.executable(), "command", "--url", url, "--to", there.id]
    for file in (old, new, secret):
        words = [*command, "--sign-key", file, "restart", ' {"at": 3.20} ']
        answer = subprocess.run(words, capture_output=True, text=True, timeout=30)
        assert (answer.returncode, answer.stdout) == (0, '{"done": true}\n'), answer.stderr
    assert [line.split(" ", 1)[1] for line in there.ran] == [
        f'restart {name} {{"at": 3.20}}' for name in ("old", "new", "shared")
    ]
    unsigned = subprocess.run([*command, "restart"], capture_output=True, text=True, timeout=30)
    assert unsigned.returncode == 1 and "status 401" in unsigned.stderr
    assert len(there.ran) == 3


def heard(attacker: resp.Redis, id: str) -> tuple[str, bytes]:
    """The command as it went from node to node, and on which channel."""
    return attacker.ear.next(lambda message: b'"type":"command"' in message and f'"{id}"'.encode() in message)


def test_who_has_redis_commands_nobody(redis, attacker, keys, terminal):
    key, public = keys("ops-1")
    with processes.node("--redis", redis.url) as front, processes.node("--redis", redis.url) as back:
        there, neighbour = terminal(back, public), terminal(back, public)
        signature = sign(key, there.id, "good", "restart", DATA)
        assert send(front, there.id, body("good", "restart", DATA, signature))["status"] == 200
        assert there.ran == [f"good restart ops-1 {DATA}"]
        channel, message = heard(attacker, "good")
        head, _, payload = message.partition(b"\n")
        # The payload reaches the terminal byte for byte: it is what was signed.
        assert payload == DATA.encode()
        header = json.loads(head)
        assert header["signature"] == signature

        def publish(head: dict, payload: bytes = payload) -> None:
            # The node that has the terminal hears it, and so does the attacker.
            assert attacker.call("PUBLISH", channel, json.dumps(head).encode() + b"\n" + payload) == 2

        # The very same: the terminal repeats its result, and runs nothing.
        for _ in range(5):
            attacker.call("PUBLISH", channel, message)
        publish({name: value for name, value in header.items() if name != "signature"} | {"id": "x1"})
        there.await_refusals("signature_required", 1)
        changes = [
            (header | {"id": "x2"}, payload),
            (header | {"name": "erase"}, payload),
            (header, payload.replace(b"5.0", b"0")),
            (header | {"signature": signature | {"expires": signature["expires"] + 60}}, payload),
        ]
        # One after the other: a node drops what comes under an id whose answer it waits for.
        for count, change in enumerate(changes, start=1):
            publish(*change)
            there.await_refusals("signature_invalid", count)
        publish(header | {"client": neighbour.id})
        neighbour.await_refusals("signature_invalid", 1)
        # A signature of an hour ago, that somebody has kept.
        publish(header | {"id": "old", "signature": sign(key, there.id, "old", "restart", DATA, ago=3600)})
        there.await_refusals("signature_expired", 1)
        # Pieces that no backend would sign.
        publish(header | {"id": "x3", "signature": {"key": "ops-1", "alg": "none"}})
        there.await_refusals("signature_required", 2)

        there.kill()
        there.start()
        publish(header, payload.replace(b"5.0", b"0"))
        there.await_refusals("signature_invalid", 5)
        attacker.call("PUBLISH", channel, message)
        # An honest one shows that all that came before it was seen.
        good = sign(key, there.id, "again", "restart", "1")
        assert send(front, there.id, body("again", "restart", "1", good))["status"] == 200
        assert [line.split()[0] for line in there.ran] == ["good", "again"]
        assert neighbour.ran == []


def test_a_terminal_that_is_killed_while_it_runs_does_not_run_it_again(redis, attacker, keys, terminal, tmp_path):
    key, public = keys("ops-1")
    with processes.node("--redis", redis.url) as url:
        there = terminal(url, public)
        slow = there._program.read_text().replace("echo '{", "exec sleep 600; echo '{")
        there._program.write_text(slow)
        text = body("slow", "restart", "1", sign(key, there.id, "slow", "restart", "1"))
        later = wire.call(url, "POST", f"/v1/clients/{there.id}/commands", text, {"Prefer": "respond-async"})
        assert later.status == 202
        wire.until(lambda: there.ran, lambda ran: len(ran) == 1)
        channel, message = heard(attacker, "slow")
        there.kill()
        there.start()
        for _ in range(3):
            attacker.call("PUBLISH", channel, message)
        state = wire.until(
            lambda: wire.call(url, "GET", "/v1/commands/slow").json(), lambda found: found["state"] == "done"
        )
        assert (state["status"], state["data"]["error"]) == (500, "the agent was restarted while it ran")
        assert len(there.ran) == 1


DOCUMENT = (processes.ROOT / "docs/protocol.md").read_text()


def example(language: str) -> str:
    """The example of the document, as its reader copies it."""
    return re.search(rf"<!-- {language} -->\n```{language}\n(.*?)```", DOCUMENT, re.DOTALL)[1]


@pytest.mark.parametrize("data", [{"delay": 5.0, "text": "\u00e9 \\ \" \n"}, None, [1e300, -0.0], "text"])
def test_the_examples_of_the_document_sign(url, keys, terminal, tmp_path, data):
    key, public = keys("ops-1")
    there = terminal(url, public)
    space: dict = {}
    exec(example("python"), space)
    python = space["signed_command"](key, there.id, "restart \u00e9", data)
    program = tmp_path / "sign.mjs"
    call = f"signedCommand({json.dumps(str(key))}, {json.dumps(there.id)}, 'restart \u00e9', {json.dumps(data)})"
    program.write_text(example("javascript") + f"console.log({call});\n")
    javascript = subprocess.run(["node", program], check=True, capture_output=True, text=True, timeout=30).stdout
    for count, text in enumerate((python, javascript), start=1):
        assert send(url, there.id, text.strip().encode())["status"] == 200, text
        assert len(there.ran) == count


def test_a_client_in_javascript_checks_the_same(redis, attacker, keys, tmp_path):
    key, public = keys("ops-1")
    secret, _ = keys("shared", "--hmac")
    module = tmp_path / "switchboard.mjs"
    module.write_text((processes.ROOT / "Sources/SwitchboardServer/API/switchboard.js").read_text())
    program = tmp_path / "client.mjs"
    program.write_text("""
        import { readFileSync } from 'node:fs';
        import { Switchboard } from './switchboard.mjs';
        const [url, state, ...keys] = process.argv.slice(2);
        const client = new Switchboard({
          url, clientId: 'page', storage: state, commandKeys: keys.map((key) => readFileSync(key, 'utf8')),
          onCommand: ({ id, data, signedBy }) => { console.log('ran', id); return { data, signedBy }; },
          onEvent: (event) => console.log(event.type, event.code ?? ''),
        });
        await client.connect();
    """)
    with processes.node("--redis", redis.url) as url:
        words = ["node", "--no-warnings", program, url, tmp_path / "page.state", public, secret]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "connected \n"
            text = '{ "a" : 3.20 }'
            answer = send(url, "page", body("c1", "x", text, sign(key, "page", "c1", "x", text)))
            assert (answer["status"], answer["data"]) == (200, {"data": {"a": 3.2}, "signedBy": "ops-1"})
            answer = send(url, "page", body("c2", "x", text))
            assert (answer["status"], answer["data"]["code"]) == (401, "signature_required")
            channel, message = heard(attacker, "c1")
            attacker.call("PUBLISH", channel, message.replace(b"3.20", b"3.21"))
            attacker.call("PUBLISH", channel, message)
            lines = [process.stdout.readline() for _ in range(3)]
            assert lines == ["ran c1\n", "refused signature_required\n", "refused signature_invalid\n"]
            words = [processes.executable(), "command", "--url", url, "--to", "page", "--sign-key", secret, "x", "7"]
            answer = subprocess.run(words, check=True, capture_output=True, text=True, timeout=30)
            assert json.loads(answer.stdout) == {"data": 7, "signedBy": "shared"}
            assert process.stdout.readline().startswith("ran ")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def run(*words) -> subprocess.CompletedProcess:
    return subprocess.run([processes.executable(), *words], capture_output=True, text=True, timeout=30)


def test_keys_are_files_that_only_their_owner_reads(keys, tmp_path):
    private, public = keys("ops-1")
    secret, _ = keys("shared", "--hmac")
    assert (private.stat().st_mode & 0o777, secret.stat().st_mode & 0o777) == (0o600, 0o600)
    assert not (tmp_path / "shared.pub").exists()
    before = private.read_text()
    again = run("signing-key", "create", "ops-1", "--directory", tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "File exists" in again.stderr
    assert private.read_text() == before
    own = before.split()[2]
    agent = ["agent", "--id", "a", "--state", tmp_path / "a.state", "--command-key"]
    for words, wanted in [
        ([*agent, private], "it holds the private key ops-1: agents get the public one"),
        ([*agent, tmp_path / "none"], "No such file"),
        (["agent", "--command-key", public], "--command-key needs --id and --state"),
        (["command", "--to", "a", "--sign-key", public, "x"], "it holds the public key ops-1: the private one signs"),
        (["command", "--to", "a", "--sign-key", private, "--sign-for", "3601", "x"], "--sign-for must be 1...3600"),
        (["command", "--to", "a", "--sign-key", private, "--id", "a b", "x"], "--id must have"),
        (["signing-key", "create", "a/b"], "a/b"),
    ]:
        found = run(*words)
        assert found.returncode != 0 and wanted in found.stderr, (words, found.stderr)
        assert own not in found.stderr + found.stdout


def test_who_signs_for_a_group_is_told_to_sign_for_each(url, keys):
    key, _ = keys("ops-1")
    signature = sign(key, "a", "c1", "x", "1")
    text = json.dumps({"name": "x", "data": 1, "signature": signature}).encode()
    for path in ("/v1/groups/g/commands", f"/v1/clients/{uuid.uuid4()}/commands"):
        answer = wire.call(url, "POST", path, text)
        assert (answer.status, answer.json()["code"]) == (400, "invalid_request"), path
