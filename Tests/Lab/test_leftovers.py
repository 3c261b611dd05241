"""However a lab ends, nothing of it is left; and several do not meet."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from labs import PROGRAM, Traces, interfaces, interrupt
from support import eventually, free_port, listens

TWO = """
services:
  store:
    image: redis
    command: [--protected-mode, "no"]
    ports: ["127.0.0.1:${PORT:-0}:6379"]
    healthcheck: &ready {test: [CMD, redis-cli, ping], interval: 200ms}
  other: {image: redis, scale: 2, healthcheck: *ready}
"""


def child_of(lab):
    return int(Path(f"/proc/{lab.process.pid}/task/{lab.process.pid}/children").read_text())


@pytest.fixture
def machine():
    """Checks at the end that no interface, address, route or firewall table has come or gone."""
    before = interfaces()
    yield
    assert interfaces() == before


def test_two_labs_with_the_same_file_do_not_meet(lab, machine):
    one, two = lab("one", TWO), lab("two", TWO)
    for each in (one, two):
        each.is_up()
    assert {c["address"] for c in one.containers().values()} == {c["address"] for c in two.containers().values()}
    assert not one.namespaces() & two.namespaces()
    one.call("exec", "store-1", "redis-cli", "set", "whose", "one")
    assert two.call("exec", "store-1", "redis-cli", "get", "whose").strip() == ""
    traces = Traces(one)
    one.call("down")
    assert one.process.wait(10) == 0
    traces.are_gone()
    assert set(two.containers()) == {"store-1", "other-1", "other-2"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal(lab, machine, number):
    one = lab("signal", TWO).is_up()
    traces = Traces(one)
    one.send(number)
    assert one.process.wait(20) == 0
    traces.are_gone()
    assert "store-1 ended with status 0" in one.text()


def test_a_second_signal_does_not_wait(lab):
    one = lab("hurry", """
services: {deaf: {image: redis, entrypoint: [sh, -c, "trap '' TERM; while :; do sleep 0.1; done"], stop_grace_period: 100s}}
""").is_up()
    traces = Traces(one)
    one.send(signal.SIGINT)
    one.says("ending")
    assert interrupt(one, 10) == 130
    traces.are_gone()


@pytest.mark.parametrize("whom", ["the watching process", "the lab"])
def test_sigkill(lab, machine, whom):
    one = lab("killed", TWO).is_up()
    traces = Traces(one)
    os.kill(one.process.pid if whom == "the watching process" else child_of(one), signal.SIGKILL)
    one.process.wait(10)
    traces.are_gone()


def test_down_of_a_lab_that_hangs(lab, machine):
    one = lab("hanging", TWO).is_up()
    traces = Traces(one)
    os.kill(child_of(one), signal.SIGSTOP)
    one.call("down", "--timeout", "0")
    one.process.wait(10)
    traces.are_gone()


def test_detached_and_down_all(tmp_path, machine):
    """In a network namespace, which has labs of its own: somebody else's must not be ended."""
    (tmp_path / "two.yml").write_text(TWO)
    result = subprocess.run(["unshare", "--net", "bash", "-ec", f"""
        ip link set lo up
        for name in first second; do {PROGRAM} --name $name up --detach --file {tmp_path}/two.yml; done
        {PROGRAM} --name second ps
        {PROGRAM} down --all
        {PROGRAM} --name first ps && exit 1
        ! grep @switchboard-lab/ /proc/net/unix
    """], env={**os.environ, "SWITCHBOARD_RUN": str(tmp_path / "run")}, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result
    assert "lab first is up" in result.stdout and "other-2  healthy" in result.stdout and result.stdout.count(" ended\n") == 2
    assert "there is no lab first\n" in result.stderr


def test_a_start_that_fails(lab, machine):
    one = lab("failing", "services: {one: {image: redis, entrypoint: [no-such-program]}}")
    assert one.process.wait(20) == 1
    assert "one-1 cannot be started" in one.text() and "no-such-program" in one.text()
    assert f"@switchboard-lab/{one.name}" not in open("/proc/net/unix").read()


def test_published_ports(lab):
    port = free_port()
    one = lab("ports", TWO, PORT=str(port)).is_up()
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(b"PING\r\nQUIT\r\n")
        assert link.makefile("rb").read() == b"+PONG\r\n+OK\r\n"
    other = lab("taken", TWO, PORT=str(port))
    assert other.process.wait(20) == 1 and f"store cannot have 127.0.0.1:{port}" in other.text()
    assert interrupt(one) == 0
    eventually(lambda: not listens(port), what="the port is closed")
