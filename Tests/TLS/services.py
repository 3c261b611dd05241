"""Nodes that speak TLS or the PROXY protocol, agents, and nginx in front."""

import contextlib
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import processes
from websockets.sync.client import connect


def eventually(check, seconds=60, what="it happens"):
    """Polls until check() is true and returns its value; fails when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)


class Program:
    """A process whose output is kept."""

    def __init__(self, folder: pathlib.Path, name: str, *command, **environment: str):
        self.log = folder / f"{name}-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=os.environ | environment)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def says(self, text: str, seconds=60, times=1) -> None:
        def check():
            ended = self.process.poll() is not None
            if self.output.count(text) >= times:
                return True
            assert not ended, self.output[-2000:]
            return False

        eventually(check, seconds, f"it says {text!r}: {self.output[-1500:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        processes.stop(self.process, seconds=3)


class Node(Program):
    """A node on a port of its own, told where it listens."""

    def __init__(self, folder, *flags, port=None):
        self.port = port or processes.free_port()
        options = ["--publish-rate", "0", "--accept-rate", "0", "--drain-delay", "0", *map(str, flags)]
        super().__init__(folder, "node", processes.executable(), "serve", "--port", self.port, *options)
        self.says("switchboard listens on")

    def ask(self, method, path, body=None, headers=None, *, trust: ssl.SSLContext | None, host="localhost"):
        """One request over a connection of its own: status and body."""
        if trust:
            connection = http.client.HTTPSConnection(host, self.port, timeout=60, context=trust)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def push(self, client: str, body: bytes, trust, **options) -> dict:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        status, answer = self.ask(
            "POST", f"/v1/clients/{client}/push?{query}", body, {"Content-Type": "text/plain"}, trust=trust)
        assert status == 200, answer
        return json.loads(answer)

    def metric(self, name: str, trust=None, **labels) -> float | None:
        status, text = self.ask("GET", "/metrics", trust=trust)
        assert status == 200
        inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
        wanted = f"{name}{{{inner}}}" if inner else name
        for line in text.decode().splitlines():
            series, _, value = line.rpartition(" ")
            if series == wanted:
                return float(value)
        return None


def trusting(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@contextlib.contextmanager
def client(node: Node, name: str, trust: ssl.SSLContext | None = None, *, framed=False, query="", port=None, **options):
    """A WebSocket of a published library."""
    scheme, host = ("wss", "localhost") if trust else ("ws", "127.0.0.1")
    address = f"{scheme}://{host}:{port or node.port}/ws?clientId={name}{query}"
    protocols = ["switchboard.v1"] if framed else None
    with connect(address, ssl=trust, subprotocols=protocols, max_size=None, proxy=None, **options) as connection:
        if framed:
            assert json.loads(connection.recv(60))["type"] == "hello"
        yield connection


def joined(node: Node, name: str, connection, trust=None) -> None:
    """Waits until a raw client takes part."""
    eventually(lambda: node.push(name, b"joined", trust)["delivered"] == 1, what=f"{name} takes part")
    while connection.recv(60) != "joined":
        pass


def address_of(node: Node, name: str, trust=None) -> str:
    status, body = node.ask("GET", f"/v1/clients/{name}", trust=trust)
    assert status == 200, body
    return json.loads(body)["address"]


def is_cut(connection: socket.socket, seconds: float) -> bool:
    """Waits for the end of the connection. False when something comes, or nothing happens in time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def command(*words, check=True, **environment):
    """A command of `switchboard`: exit status, standard output, standard error."""
    done = subprocess.run(
        [processes.executable(), *map(str, words)], capture_output=True, text=True, timeout=60,
        env=os.environ | environment)
    assert not check or done.returncode == 0, done.stderr
    return done.returncode, done.stdout, done.stderr


class Reader(threading.Thread):
    """Reads a connection aside, so that what it gets does not hold up who writes."""

    def __init__(self, read):
        super().__init__(daemon=True)
        self._read, self.result, self.error = read, None, None
        self.start()

    def run(self):
        try:
            self.result = self._read()
        except Exception as error:
            self.error = error

    def get(self, seconds=60):
        self.join(seconds)
        assert not self.is_alive(), "nothing came"
        if self.error:
            raise self.error
        return self.result
