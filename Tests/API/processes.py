"""Starts and stops what the tests need: nodes and a Redis, each on a free port of loopback."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECIFICATION = ROOT / "Sources/SwitchboardServer/API/openapi.yaml"
START_SECONDS = 30


def executable() -> str:
    """The switchboard executable: SWITCHBOARD_BIN, else the newest kind of build that exists."""
    for candidate in (
        os.environ.get("SWITCHBOARD_BIN"),
        ROOT / ".build/debug/switchboard",
        ROOT / ".build/release/switchboard",
    ):
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise SystemExit("there is no switchboard executable: build it, or set SWITCHBOARD_BIN")


def free_port() -> int:
    """Below those that the kernel gives to connections: one of these might take it before it is listened on."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _await(what: str, process: subprocess.Popen, is_up, log: pathlib.Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        if is_up():
            return
        # A port that starts to listen tells nobody.
        time.sleep(0.02)
    raise RuntimeError(f"{what} is not up after {START_SECONDS} s:\n{log.read_text()[-2000:]}")


def stop(process: subprocess.Popen, seconds: float = 5) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            # Draining waits for the load balancer to notice; a second SIGTERM ends a node at once.
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


class Node:
    """A node that runs."""

    def __init__(self, url: str, process: subprocess.Popen, log: pathlib.Path):
        self.url = url
        self.process = process
        self.log = log


@contextlib.contextmanager
def node(*arguments: str):
    """A node that is ready; yields its URL. Quiet, without rates, unless `arguments` say otherwise."""
    with running_node(*arguments) as running:
        yield running.url
        if running.process.poll() is not None:
            log = running.log.read_text()[-2000:]
            raise RuntimeError(f"the node ended by itself with {running.process.returncode}:\n{log}")


@contextlib.contextmanager
def running_node(*arguments: str, **environment: str):
    """The same for who may end it; `environment` is added to what it inherits."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = {"--publish-rate": "0", "--accept-rate": "0"}
    command = [executable(), "serve", "--port", str(port), *arguments]
    for name, value in options.items():
        if name not in arguments:
            command += [name, value]
    with tempfile.TemporaryDirectory(prefix="switchboard-api-") as directory:
        log = pathlib.Path(directory) / "node.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment
            )
        try:
            _await("the node", process, lambda: _is_ready(url), log)
            yield Node(url, process, log)
        finally:
            # These nodes hold nothing that anybody waits for: no need to see them drain.
            stop(process, seconds=0.2)
            if copy := os.environ.get("SWITCHBOARD_LOGS"):
                shutil.copy(log, pathlib.Path(copy) / f"node-{port}.log")


class Redis:
    """A Redis server of its own, that can be stopped."""

    def __init__(self, port: int, process: subprocess.Popen):
        self.url = f"redis://127.0.0.1:{port}"
        self._process = process

    def stop(self) -> None:
        self.thaw()
        stop(self._process)

    def freeze(self) -> None:
        """It takes connections, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def redis(*options: str):
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="switchboard-redis-") as directory:
        log = pathlib.Path(directory) / "redis.log"
        with open(log, "wb") as output:
            command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory, *options]
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

        def is_up() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as link:
                    link.sendall(b"PING\r\n")
                    return link.recv(16).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False

        server = Redis(port, process)
        try:
            _await("Redis", process, is_up, log)
            yield server
        finally:
            server.stop()
