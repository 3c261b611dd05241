"""However a lab ends, nothing of it is left; and several do not meet."""

import os
import signal
import subprocess

import pytest
from labs import Traces, interfaces, interrupt
from support import ask, eventually, free_port, listens

TWO = """
services:
  store: {image: redis}
  web:
    image: redis
    entrypoint: [nc, -l, -k, -p, "7000", -e, cat]
    scale: 2
    ports: ["127.0.0.1:${PORT:-0}:7000"]
"""


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
    traces.are_gone()
    assert one.process.wait(10) == 0
    assert set(two.containers()) == {"store-1", "web-1", "web-2"}


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
    child = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(one.process.pid)], capture_output=True, text=True, check=True).stdout)
    os.kill(one.process.pid if whom == "the watching process" else child, signal.SIGKILL)
    one.process.wait(10)
    traces.are_gone()


def test_down_all_also_of_a_lab_that_hangs(lab, machine):
    hanging, detached = lab("hanging", TWO).is_up(), lab("unused", TWO).is_up()
    result = detached.run("--name", "detached", "up", "--detach", "--file", detached.folder.parents[1] / "unused.yml")
    assert result.returncode == 0 and "lab detached is up" in result.stdout, result
    traces = [Traces(hanging), Traces(detached)]
    child = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(hanging.process.pid)], capture_output=True, text=True, check=True).stdout)
    os.kill(child, signal.SIGSTOP)
    for name in ("detached", "hanging", "unused"):
        detached.call("--name", name, "down", "--timeout", "0")
    for each in traces:
        each.are_gone()
    assert detached.run("--name", "detached", "ps").returncode == 1


def test_a_start_that_fails(lab, machine):
    one = lab("failing", "services: {one: {image: redis, entrypoint: [no-such-program]}}")
    assert one.process.wait(20) == 1
    assert "one-1 cannot be started" in one.text() and "no-such-program" in one.text()
    assert f"@switchboard-lab/{one.name}" not in open("/proc/net/unix").read()


def test_published_ports(lab):
    port = free_port()
    one = lab("ports", TWO, PORT=str(port)).is_up()
    reply = subprocess.run(["busybox", "nc", "127.0.0.1", str(port)], input=b"through", capture_output=True, timeout=10).stdout
    assert reply == b"through"
    other = lab("taken", TWO, PORT=str(port))
    assert other.process.wait(20) == 1 and f"web cannot have 127.0.0.1:{port}" in other.text()
    assert interrupt(one) == 0
    eventually(lambda: not listens(port), what="the port is closed")
