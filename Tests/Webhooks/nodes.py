"""Nodes whose webhook is the test's receiver, and clients of theirs."""

import contextlib
import pathlib
import select
import signal
import subprocess
import sys

import processes
import wire

PROGRAM = pathlib.Path(__file__).with_name("crowd.py")


class Start:
    """Call it to start a node; all are stopped at the end."""

    def __init__(self, receiver, options: tuple[str, ...]):
        self.receiver = receiver
        self.options = [*options]
        self._stack = contextlib.ExitStack()

    def __call__(self, *options: str) -> processes.Node:
        told = [] if "--webhook-url" in options else ["--webhook-url", self.receiver.url]
        arguments = ["--message-rate", "0", *told, *self.options, *options]
        if "--webhook-grace" not in options:
            arguments += ["--webhook-grace", "1"]
        node = processes.running_node(*arguments, SWITCHBOARD_WEBHOOK_SECRET=self.receiver.secret)
        return self._stack.enter_context(node)

    def stop(self) -> None:
        self._stack.close()


@contextlib.contextmanager
def starting(receiver, *options: str):
    start = Start(receiver, options)
    try:
        yield start
    finally:
        start.stop()


def kill(node: processes.Node) -> None:
    """As `kill -9`."""
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()


def status(url: str) -> dict:
    answer = wire.call(url, "GET", "/v1/webhooks")
    assert answer.status == 200, answer
    return answer.json()


def command(url: str, *arguments: str) -> str:
    """`switchboard webhooks`."""
    words = [processes.executable(), "webhooks", *arguments, "--url", url]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout


class Crowd:
    """Many raw clients, in a process of their own: what they do must not hold up what is measured."""

    def __init__(self, url: str, names: list[str]):
        program = [sys.executable, "-B", PROGRAM, url.replace("http", "ws", 1), *names]
        self._process = subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def connected(self) -> None:
        """Waits until all of them are."""
        assert self._process.stdout.readline() == b"connected\n"

    @property
    def is_connected(self) -> bool:
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def go(self) -> None:
        """All of them are gone without a word."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@contextlib.contextmanager
def connecting(url: str, names: list[str]):
    """A crowd that has begun to connect."""
    crowd = Crowd(url, names)
    try:
        yield crowd
    finally:
        crowd.go()


@contextlib.contextmanager
def crowd(url: str, names: list[str]):
    with connecting(url, names) as crowd:
        crowd.connected()
        yield crowd
