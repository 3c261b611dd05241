"""What clients say of themselves does not speak to the terminal of the operator who looks at it."""

import base64
import json
import os
import pty
import subprocess
import threading

import pytest

import agents
import processes
import wire

EVIL = "\x1b]0;owned\x07 \x9b31m \u202egnp\n\x7f"


@pytest.fixture(scope="module")
def node():
    with processes.running_node() as node:
        yield node


def controls(text: str) -> set[str]:
    return {c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")}


def shown(node, *words: str) -> str:
    found = subprocess.run([processes.executable(), *words, "--url", node.url], capture_output=True, timeout=30)
    assert found.returncode == 0, found.stderr
    return found.stdout.decode()


def test_names_values_and_reasons_are_shown_as_text(node):
    agent = agents.Agent(wire.connect(node.url, "evil", framed=True))
    agent.verbatim(json.dumps({"type": "health", "data": {EVIL: EVIL, "l": [EVIL]}}, ensure_ascii=False).encode())
    wire.until(lambda: wire.call(node.url, "GET", "/v1/clients/evil").body, lambda body: b"owned" in body)
    plain, document = shown(node, "client", "evil"), shown(node, "client", "evil", "--json")
    assert not controls(plain) and plain.count("owned") == 3, ascii(plain)
    assert "\\u{1B}]0;owned\\u{7} \\u{9B}31m \\u{202E}gnp\\n\\u{7F}" in plain
    assert not controls(document), ascii(document)
    assert json.loads(document)["health"] == {EVIL: EVIL, "l": [EVIL]}
    reason = "bye \x1b[2J\x9b"
    agent.connection.send_frame(wire.CLOSE, (4200).to_bytes(2) + reason.encode())
    wire.until(lambda: shown(node, "closes"), lambda text: "bye" in text)
    for words in (["closes"], ["clients"], ["client", "evil"]):
        assert not controls(shown(node, *words)), words
        assert not controls(shown(node, *words, "--json")), words
    assert "bye \\u{1B}[2J" in shown(node, "closes")


def test_a_result_is_text_on_a_terminal_and_bytes_elsewhere(node):
    agent = agents.Agent(wire.connect(node.url, "speaker", framed=True))

    def run(stdout) -> bytes:
        words = [processes.executable(), "command", "--to", "speaker", "say", "--url", node.url]
        process = subprocess.Popen(words, stdout=stdout)
        agent.send(type="result", id=agent.next("command")["id"], status=200,
                   base64=base64.b64encode(b"one\x1b[2J\ntwo").decode())
        assert agent.next("ack")
        out = process.communicate(timeout=30)[0]
        assert process.returncode == 0
        return out

    assert run(subprocess.PIPE) == b"one\x1b[2J\ntwo\n"
    master, terminal = pty.openpty()
    said = bytearray()

    def read():
        try:
            while piece := os.read(master, 4096):
                said.extend(piece)
        except OSError:
            # The last one on the other side has closed it.
            return

    reader = threading.Thread(target=read)
    reader.start()
    run(terminal)
    os.close(terminal)
    reader.join(10)
    os.close(master)
    assert bytes(said).replace(b"\r", b"") == b"one\\u{1B}[2J\ntwo\n"
