"""Terminals on clients' machines: whom the node lets look, who learns of it, and `switchboard terminal` at a person's terminal."""

import base64
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import secrets
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

import guarded
import processes
import wire
from operators import Operator

SECONDS = 15


@contextlib.contextmanager
def agent(node: guarded.Guarded, name: str, *options: str):
    """The real agent, which lets operators have shells; returns when it is connected."""
    token = node.signers["ES256"].token({"sub": name})
    command = [processes.executable(), "agent", "--url", node.url.replace("http", "ws"), "--health-interval", "0"]
    environment = guarded.free_environment() | {"SWITCHBOARD_TOKEN": token, "PS1": "$ "}
    process = subprocess.Popen(
        [*command, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        path = f"/v1/clients/{name}"
        online = lambda: b'"online"' in node.call(node.keys["read"], path=path).body
        guarded.await_that(online, f"{name} is connected")
        yield process
    finally:
        processes.stop(process)


@pytest.fixture(scope="module")
def node():
    with guarded.node() as node, agent(
        node, "till", "--allow-terminal", "--terminal-command", "/bin/sh", "--terminal-command", "/bin/cat"
    ):
        yield node


@pytest.fixture
def viewer():
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")


@contextlib.contextmanager
def operator(node: guarded.Guarded, scope: str):
    with Operator(node.url, key=node.keys[scope]) as connected:
        connected.next("hello")
        yield connected


def attach(connected: Operator, viewer: str, terminal: str = "main", **more) -> None:
    members = dict(client="till", terminal=terminal, mode="shared", columns=80, rows=24, typed=0)
    connected.send(type="terminal", op="attach", viewer=viewer, **(members | more))


def until(connected: Operator, op: str) -> dict:
    while (frame := connected.next("terminal"))["op"] != op:
        pass
    return frame


# Who may


def test_it_takes_the_scope_admin_and_both_are_told(node, viewer):
    with operator(node, "read") as reader, operator(node, "admin") as admin:
        reader.send(type="watch", id="w", types=["terminal"])
        reader.next("watching")
        attach(reader, viewer, "audited")
        refusal = reader.next("error")
        assert (refusal["code"], refusal["ref"]) == ("insufficient_scope", viewer)
        refused = reader.event("terminal.refused", "w")
        assert (refused["operator"], refused["code"]) == ("the-read-key", "insufficient_scope")

        attach(admin, viewer, "audited")
        assert until(admin, "here")["isNew"] is True
        attached = reader.event("terminal.attached", "w")
        assert attached["client"] == "till" and attached["terminal"] == "audited"
        assert attached["mode"] == "shared" and attached["operator"] == "the-admin-key"
        assert attached["address"].startswith("127.0.0.1:")
        # Who knows the whole name could be this viewer.
        assert attached["viewer"] == viewer[:8]
        admin.send(type="terminal", op="input", viewer=viewer, offset=0, base64=base64.b64encode(b"exit 3\r").decode())
        assert until(admin, "ended")["status"] == 3
        assert reader.event("terminal.ended", "w")["status"] == 3
    guarded.await_that(lambda: "terminal attached" in node.log and "the-admin-key" in node.log, "the log says so")


def test_a_socket_that_closes_leaves_its_terminals(node, viewer):
    with operator(node, "read") as reader:
        reader.send(type="watch", id="w", types=["terminal.detached"])
        reader.next("watching")
        with operator(node, "admin") as admin:
            attach(admin, viewer, "left")
            until(admin, "here")
        assert reader.event("terminal.detached", "w")["terminal"] == "left"


def test_two_sockets_do_not_hear_of_each_others_viewers(node, viewer):
    with operator(node, "admin") as first, operator(node, "admin") as second:
        attach(first, viewer, "secret", command="/bin/cat")
        until(first, "here")
        # Of another client, whatever it says: not attached here.
        second.send(type="terminal", op="input", viewer=viewer, offset=0, base64="IQ==")
        assert second.next("error")["code"] == "not_attached"
        first.send(type="terminal", op="end", viewer=viewer)
        until(first, "ended")


@pytest.mark.parametrize(
    "frame",
    [
        {"op": "attach"},
        {"op": "dance"},
        {},
        {"op": "attach", "viewer": "a b"},
        {"op": "attach", "client": "a b", "terminal": "main", "mode": "shared", "columns": 80, "rows": 24, "typed": 0},
        {"op": "attach", "client": "till", "terminal": "a b", "mode": "shared", "columns": 80, "rows": 24, "typed": 0},
        {"op": "attach", "client": "till", "terminal": "main", "mode": "root", "columns": 80, "rows": 24, "typed": 0},
        {"op": "attach", "client": "till", "terminal": "main", "mode": "shared", "columns": 0, "rows": 24, "typed": 0},
        {"op": "attach", "client": "till", "terminal": "main", "mode": "shared", "columns": 80, "rows": 24, "typed": -1},
        {"op": "input", "offset": 0, "base64": "?"},
        {"op": "input", "offset": 0, "base64": base64.b64encode(bytes(4097)).decode()},
        {"op": "list"},
    ],
)
def test_a_wrong_frame_is_refused_and_the_socket_lives(node, viewer, frame):
    with operator(node, "admin") as admin:
        admin.send(**({"type": "terminal", "viewer": viewer} | frame))
        assert admin.next("error")["code"] == "invalid_frame"
        admin.send(type="terminal", op="took", viewer=viewer, offset=1)
        assert admin.next("error")["code"] == "not_attached"


def test_a_socket_has_sixteen_viewers(node, viewer):
    with operator(node, "admin") as admin:
        for number in range(17):
            attach(admin, f"{viewer}{number}", client="nobody")
        codes = []
        while not codes:
            frame = json.loads(admin.connection.frame().payload)
            if frame["type"] == "error":
                codes.append(frame["code"])
            else:
                assert frame["op"] == "offline"
        assert codes == ["too_many_viewers"]


# A person at a terminal


class Person:
    """Someone at a terminal, who has typed `switchboard terminal ...`."""

    def __init__(self, url: str, key: str, *arguments: str):
        self.shown = b""
        environment = guarded.free_environment() | {"SWITCHBOARD_KEY": key, "SWITCHBOARD_URL": url}
        self.master, slave = pty.openpty()
        self.resize(100, 30)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [processes.executable(), "terminal", *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        processes.stop(self.process)
        os.close(self.master)
        os.close(self.slave)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def types(self, text: str) -> None:
        os.write(self.master, text.encode())

    def sees(self, text: str, seconds: float = SECONDS) -> None:
        """Until it is shown; what was shown before counts no more afterwards."""
        deadline = time.monotonic() + seconds
        while (place := self.shown.find(text.encode())) < 0:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} is not shown, but {self.shown[-2000:]!r}"
            if select.select([self.master], [], [], left)[0]:
                self.shown += os.read(self.master, 65536)
        self.shown = self.shown[place + len(text.encode()) :]

    def ended(self) -> int:
        # What it says at its end has to go somewhere.
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self.shown[-2000:]!r}"
            if select.select([self.master], [], [], 0.05)[0]:
                self.shown += os.read(self.master, 65536)
        return self.process.returncode


@pytest.fixture
def person(node):
    with contextlib.ExitStack() as people:
        yield lambda *arguments, scope="admin": people.enter_context(Person(node.url, node.keys[scope], *arguments))


def test_a_person_types_resizes_leaves_and_comes_again(person):
    first = person("till", "--terminal", "mine")
    first.types("echo here-$((20+3))\r")
    first.sees("here-23")
    first.types("stty size\r")
    first.sees("30 100")
    first.resize(120, 40)
    first.process.send_signal(signal.SIGWINCH)
    first.types("sleep 0.2; stty size\r")
    first.sees("40 120")
    # An interrupt is for the remote program.
    first.types("tr a-z A-Z\r")
    first.types("begun\r")
    first.sees("BEGUN")
    first.types("\x03")
    # What is typed before the shell has heard of it goes with it.
    first.sees("$ ")
    first.types("echo still-$((1+1))\r")
    first.sees("still-2")
    first.types("~.")
    assert first.ended() == 0
    assert termios.tcgetattr(first.slave) == first.before, "the person's terminal is as it was"

    again = person("till", "--terminal", "mine")
    again.sees("still-2")
    again.types("exit 5\r")
    assert again.ended() == 5


def test_a_list(node, person):
    first = person("till", "--terminal", "listed")
    first.types("echo ok-$((1+1))\r")
    first.sees("ok-2")
    command = [processes.executable(), "terminal", "till", "--list", "--url", node.url, "--key", node.keys["admin"]]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^listed +/bin/sh +100x30 +1 ", shown, re.MULTILINE), shown
    listed = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert [entry["viewers"] for entry in listed if entry["terminal"] == "listed"] == [1]
    first.types("exit\r")
    assert first.ended() == 0


def test_a_recording(person, tmp_path: pathlib.Path):
    file = tmp_path / "one.cast"
    first = person("till", "--terminal", "recorded", "--record", str(file))
    first.types("printf 'caf\\303\\251 '; echo $((40+2))\r")
    first.sees("42")
    first.types("exit\r")
    assert first.ended() == 0
    header, *lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 100, 30)
    assert "café 42" in "".join(text for _, kind, text in lines if kind == "o")


@pytest.mark.parametrize(
    "arguments, scope, said",
    [
        (["nobody"], "admin", "nobody is not connected"),
        (["till"], "read", "insufficient_scope"),
        (["till", "--command", "/bin/ls", "--terminal", "new"], "admin", "command_not_allowed"),
        (["till", "--read-only", "--terminal", "none"], "admin", "no_such_terminal"),
    ],
)
def test_what_is_not_possible_is_said_in_one_line(person, arguments, scope, said):
    first = person(*arguments, scope=scope)
    assert first.ended() == 1
    assert said in first.shown.decode()
    assert termios.tcgetattr(first.slave) == first.before


def test_wrong_arguments(node):
    for wrong in (["--terminal", "a b"], ["--list", "--read-only"], ["--json"], ["--command", "x" * 1025]):
        command = [processes.executable(), "terminal", "till", *wrong, "--url", node.url]
        assert subprocess.run(command, capture_output=True).returncode == 64


def test_an_agent_that_allows_none(node, person):
    with agent(node, "plain"):
        first = person("plain")
        assert first.ended() == 1
        assert b"terminal_not_allowed" in first.shown
