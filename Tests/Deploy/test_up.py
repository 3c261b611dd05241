"""deploy/up with the real executable, Redis and nginx: it shows what arrived, and leaves nothing behind."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from support import ROOT, eventually, free_port, listens


class Run:
    """One deploy/up in a process group of its own, as a terminal would start it."""

    def __init__(self, folder, binary, *arguments, **environment):
        self.home, self.folder, self.output = folder, folder / "run", folder / "up.txt"
        settings = {"SWITCHBOARD_BIN": str(binary), "SWITCHBOARD_RUN": str(self.folder), "SWITCHBOARD_PORT": str(free_port())}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [ROOT / "deploy/up", *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, env={**os.environ, **settings, **environment},
                # Whoever runs these tests in the background of a script has Ctrl-C ignored, which a shell cannot undo.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def text(self):
        return self.output.read_text()

    def says(self, text, seconds=60):
        def said():
            assert self.process.poll() is None or text in self.text(), self.text()
            return text in self.text()
        eventually(said, seconds, f"deploy/up says {text!r}; it said {self.text()!r}")

    def processes(self):
        """All that this run started and that still lives: each of them has a file of the run open."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if any(os.readlink(link).startswith(f"{self.home}/") for link in (folder / "fd").iterdir()):
                    found.append(int(folder.name))
            except OSError:
                continue  # ended meanwhile, or another user's
        return found

    def ports(self):
        return [int(port) for port in set(re.findall(r"127\.0\.0\.1:(\d+)", self.text()))]

    def send(self, number):
        os.killpg(self.process.pid, number)

    def left_nothing(self):
        assert self.processes() == []
        assert [port for port in self.ports() if listens(port)] == []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)


def finish(run, status, seconds=60):
    assert run.process.wait(seconds) == status, run.text()
    run.left_nothing()
    return run.text()


def arrived(text):
    return re.findall(r"^  (targeted push|group push|broadcast) .*\.\.\. arrived$", text, re.MULTILINE)


@pytest.mark.parametrize("nodes", ["1", "3", "5"])
def test_once(switchboard, tmp_path, nodes):
    with Run(tmp_path, switchboard, "--once", NODES=nodes) as run:
        text = finish(run, 0, 90)
        assert f"Redis, {nodes} node{'' if nodes == '1' else 's'} and nginx are ready" in text
        assert arrived(text) == ["targeted push", "group push", "broadcast"]
        assert "nobody else" in text
        assert re.search(r"^  command        -> kiosk-2 on node n\d \.\.\. its program answered$", text, re.MULTILINE)
        assert re.search(r"^  durable push   -> kiosk-9 on node n\d \.\.\. waited for it, and arrived$", text, re.MULTILINE)


def test_twice_in_the_same_folder(switchboard, tmp_path):
    for _ in range(2):
        with Run(tmp_path, switchboard, "--once") as run:
            assert len(arrived(finish(run, 0))) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(switchboard, tmp_path, number):
    with Run(tmp_path, switchboard) as run:
        run.says("Ctrl-C stops everything")
        assert len(run.processes()) >= 10 and len(run.ports()) == 5
        assert all(listens(port) for port in run.ports())
        console = re.search(r"^  console +(http://\S+/console/)$", run.text(), re.MULTILINE)[1]
        with urllib.request.urlopen(console, timeout=10) as answer:
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
        run.send(number)
        finish(run, 0, 20)


def test_a_signal_while_starting_leaves_nothing(switchboard, tmp_path):
    with Run(tmp_path, switchboard) as run:
        eventually(lambda: (run.folder / "n1.log").exists(), what="the first node starts")
        run.send(signal.SIGINT)
        finish(run, 130, 20)


def test_even_sigkill_leaves_nothing(switchboard, tmp_path):
    with Run(tmp_path, switchboard) as run:
        run.says("Ctrl-C stops everything")
        run.process.kill()
        run.process.wait()
        eventually(lambda: run.processes() == [], 20, "the kernel ended everything")
    with Run(tmp_path, switchboard, "--once") as run:
        finish(run, 0)


def ask(base, method, path, body=None):
    connection = http.client.HTTPConnection(base, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_killed_node_loses_its_agents_for_a_moment(switchboard, tmp_path):
    with Run(tmp_path, switchboard) as run:
        run.says("Ctrl-C stops everything")
        base = re.search(r"HTTP API +http://([^/]+)", run.text())[1]
        before = ask(base, "GET", "/v1/clients/kiosk-1")[1]
        pid = int(re.search(rf"node {before['node']} .* pid (\d+)", run.text())[1])
        os.kill(pid, signal.SIGKILL)

        def back():
            status, client = ask(base, "GET", "/v1/clients/kiosk-1")
            return status == 200 and client["state"] == "online" and client["node"] != before["node"]

        eventually(back, 10, "kiosk-1 is on another node")
        run.says(f"{before['node']} has ended")
        status, answer = ask(base, "POST", "/v1/clients/kiosk-1/push", b'{"after": "the kill"}')
        assert status == 200 and answer["delivered"] == 1
        eventually(lambda: answer["id"] in (run.folder / "agent-kiosk-1.out").read_text(), what="the push arrives")
        run.send(signal.SIGINT)
        finish(run, 0, 20)


def listening_below_the_ephemeral_ports() -> socket.socket:
    """As 8080 is: among the ephemeral ports the next one may be the near end of somebody's connection."""
    for port in range(20000, 30000, 7):
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    raise AssertionError("no free port")


def test_another_port_when_the_wanted_one_is_taken(switchboard, tmp_path):
    with listening_below_the_ephemeral_ports() as taken:
        port = taken.getsockname()[1]
        with Run(tmp_path, switchboard, SWITCHBOARD_PORT=str(port)) as run:
            run.says("Ctrl-C stops everything")
            used = int(re.search(r"HTTP API +http://127.0.0.1:(\d+)", run.text())[1])
            assert used > port
            run.send(signal.SIGINT)
            assert run.process.wait(20) == 0


@pytest.mark.parametrize("script, message", [
    ("exit 3", "n1 has ended before ready"),
    ("echo 'the port is haunted' >&2; exit 1", "the port is haunted"),
])
def test_a_node_that_does_not_come_up_is_told(tmp_path, script, message):
    broken = tmp_path / "switchboard"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    with Run(tmp_path, broken) as run:
        assert message in finish(run, 1)


@pytest.fixture
def swift(tmp_path):
    """A `swift` that does as it is told, first on the PATH."""
    def play(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "swift").write_text(f"#!/bin/bash\n{script}\n")
        (folder / "swift").chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}", "SWITCHBOARD_BIN": ""}
    return play


def test_builds_what_it_runs(switchboard, swift, tmp_path):
    environment = swift(f'if [[ $* == *--show-bin-path* ]]; then echo {tmp_path}/built; else echo "built with $*"; fi')
    (tmp_path / "built").mkdir()
    (tmp_path / "built/switchboard").symlink_to(switchboard)
    with Run(tmp_path, "", "--once", **environment) as run:
        text = finish(run, 0)
        assert f"built with build --package-path {ROOT} -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked --product switchboard" in text
        assert len(arrived(text)) == 3


def test_a_failing_build_is_told(swift, tmp_path):
    with Run(tmp_path, "", **swift("echo 'error: no such module'; exit 1")) as run:
        text = finish(run, 1)
        assert "error: no such module" in text and "the build failed" in text


def test_a_signal_while_building_leaves_nothing(swift, tmp_path):
    with Run(tmp_path, "", **swift("echo compiling; sleep 100 & wait")) as run:
        run.says("compiling")
        run.send(signal.SIGINT)
        finish(run, 130, 20)


def test_only_one_run_in_a_folder(switchboard, tmp_path):
    with Run(tmp_path, switchboard) as first:
        first.says("Ctrl-C stops everything")
        environment = {**os.environ, "SWITCHBOARD_RUN": str(first.folder), "SWITCHBOARD_BIN": switchboard}
        second = subprocess.run([ROOT / "deploy/up"], env=environment, capture_output=True, text=True, timeout=20)
        assert second.returncode == 1 and "running already" in second.stderr
        first.send(signal.SIGINT)
        finish(first, 0, 20)


@pytest.mark.parametrize("environment, arguments, status, message", [
    ({"NODES": "none"}, [], 1, "NODES=none"),
    ({"NODES": "0"}, [], 1, "NODES=0"),
    ({}, ["--twice"], 2, "usage:"),
    ({"SWITCHBOARD_BIN": "/nonexistent"}, [], 1, "/nonexistent is not an executable"),
])
def test_wrong_use_is_told(tmp_path, environment, arguments, status, message):
    with Run(tmp_path, "/bin/false", *arguments, **environment) as run:
        assert message in finish(run, status)


def test_files_that_are_not_its_own_are_never_deleted(tmp_path):
    mine = tmp_path / "run/precious.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with Run(tmp_path, "/bin/false") as run:
        assert "holds something else" in finish(run, 1)
    assert mine.read_text() == "mine"


def test_with_keys(switchboard, tmp_path):
    """Nodes take their settings from the environment, and the demonstration shows a key."""
    keys = tmp_path / "keys"
    command = [switchboard, "key", "create", "up", "--scope", "push,read", "--file", keys]
    key = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    settings = {"SWITCHBOARD_KEY_FILE": str(keys), "SWITCHBOARD_ALLOW_ANONYMOUS": "true", "SWITCHBOARD_KEY": key}
    with Run(tmp_path, switchboard, "--once", NODES="1", **settings) as run:
        text = finish(run, 0, 90)
        assert len(arrived(text)) == 3 and key not in text
