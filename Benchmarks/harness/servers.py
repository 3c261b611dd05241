"""The processes that are measured: started on their core, awaited, and ended with the `with` block."""

import contextlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import machine

READY_WITHIN = 30  # seconds
STOPPED_WITHIN = 5


@dataclass
class Target:
    """What the load generator is pointed at."""

    ports: list[int]
    pids: list[int]
    others: list[int] = field(default_factory=list)  # processes that are part of the test, such as Redis
    redis_port: int | None = None

    def options(self) -> list[str]:
        """The load generator's options that name the processes."""
        options = ["--server-pid", ",".join(map(str, self.pids))]
        if self.others:
            options += ["--other-pid", ",".join(map(str, self.others))]
        return options


@contextlib.contextmanager
def process(core: int, command: list[str], ready: Callable[[], bool]) -> Iterator[subprocess.Popen]:
    """Runs a command on one core from when it is ready until the block ends."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=log, stderr=log)
        try:
            await_ready(child, command, ready, log)
            yield child
        finally:
            stop(child)


def await_ready(child: subprocess.Popen, command: list[str], ready: Callable[[], bool], log) -> None:
    """Asks again and again, since a foreign program tells nobody when it has begun to listen."""
    deadline = time.monotonic() + READY_WITHIN
    while not ready():
        if child.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            tail = log.read()[-2000:].decode(errors="replace").rstrip()
            raise machine.Trouble(f"does not become ready: {' '.join(command)}\n{tail}")
        time.sleep(0.05)


def stop(child: subprocess.Popen) -> None:
    """A second SIGTERM ends switchboard at once, which otherwise drains; the others have ended by then."""
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=0.3 if number == signal.SIGTERM else STOPPED_WITHIN)
            return


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def floor(*options: str) -> Iterator[Target]:
    """One floor, with faults where the options ask for them."""
    port = machine.free_port()
    with process(machine.cores()[0], [str(machine.FLOOR), *options, str(port)], lambda: listens(port)) as child:
        yield Target([port], [child.pid])


@contextlib.contextmanager
def node(binary: Path, *options: str) -> Iterator[Target]:
    """One switchboard node, without the limits that would get between it and the load."""
    port = machine.free_port()
    command = [str(binary), "serve", "--port", str(port), "--accept-rate", "0", "--publish-rate", "0",
               "--max-connections", "20000", *options]
    with process(machine.cores()[0], command, lambda: is_ready(port)) as child:
        yield Target([port], [child.pid])


@contextlib.contextmanager
def redis() -> Iterator[Target]:
    """A Redis that keeps nothing, on the load generator's core."""
    port = machine.free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", folder]
        with process(machine.cores()[1], command, lambda: listens(port)) as child:
            yield Target([port], [child.pid])


@contextlib.contextmanager
def cluster(binary: Path, nodes: int) -> Iterator[Target]:
    """Nodes that share one core, and the Redis between them."""
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(redis())
        url = f"redis://127.0.0.1:{bus.ports[0]}"
        members = [stack.enter_context(node(binary, "--redis", url, "--node-id", f"n{i + 1}")) for i in range(nodes)]
        yield Target([m.ports[0] for m in members], [m.pids[0] for m in members], bus.pids, bus.ports[0])
