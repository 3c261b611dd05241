"""A cluster as it is deployed: Redis, three nodes, nginx from the project's template, and real agents."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import websockets.sync.client

ROOT = pathlib.Path(__file__).resolve().parents[2]
NODES = 3
OPTIONS = [
    "--publish-rate", "0",
    "--accept-rate", "0",
    "--alert-rules", "door: door == open red",
    "--alert-rules", "warm: temperature > 80 amber",
]  # fmt: skip


def executable() -> str:
    places = [os.environ.get("SWITCHBOARD_BIN"), ROOT / ".build/release/switchboard", ROOT / ".build/debug/switchboard"]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(pathlib.Path(place).absolute())
    raise SystemExit("there is no switchboard executable: build it, or name one in SWITCHBOARD_BIN")


def free_port() -> int:
    """Below those that the kernel gives to connections: one of these might take it before it is listened on."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def eventually(check, what: str, seconds: float = 30):
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if value := check():
                return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        # Other processes tell nobody.
        time.sleep(0.05)


class Program:
    """A process with its output in a file."""

    def __init__(self, folder: pathlib.Path, name: str, *command, **environment: str):
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._environment = os.environ | environment
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )

    def check_runs(self) -> bool:
        assert self.process.poll() is None, f"{self.name} ended:\n{self.log.read_text()[-3000:]}"
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            # Nothing is on it any more that would have to be drained.
            self.kill()

    @property
    def memory(self) -> int:
        """Resident bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


class Node(Program):
    def __init__(self, folder: pathlib.Path, number: int, redis: int, options: list[str]):
        self.port = free_port()
        self.id = f"node-{number}"
        super().__init__(
            folder, self.id, executable(), "serve", "--host", "127.0.0.1", "--port", self.port, "--node-id", self.id,
            "--redis", f"redis://127.0.0.1:{redis}", *options,
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def await_ready(self) -> None:
        eventually(lambda: self.check_runs() and ask(self.port, "GET", "/readyz")[0] == 200, f"{self.id} is ready")


def ask(port: int, method: str, path: str, body=None, key: str | None = None) -> tuple[int, object]:
    """One request: status and the answer, parsed when it is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        kind = answer.headers.get("Content-Type", "")
        return answer.status, json.loads(content) if "json" in kind and content else content
    finally:
        connection.close()


class Cluster:
    key: str | None = None
    """What the tests themselves show to the API."""
    rights = ["--publish-groups", "chat:*", "--publish-groups", "log:*"]
    """What clients may do without a token that says so."""

    def __init__(self, folder: pathlib.Path, *options: str):
        self.folder = folder
        self._options = [*OPTIONS, *self.rights, *options]
        self._stack = contextlib.ExitStack()
        self._agents = 0

    def __enter__(self) -> "Cluster":
        try:
            redis = free_port()
            command = ["redis-server", "--port", redis, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
            self._run(Program(self.folder, "redis", *command))
            eventually(lambda: socket.create_connection(("127.0.0.1", redis), 1).close() is None, "Redis listens")
            self.nodes = [
                self._run(Node(self.folder, number, redis, self._options)) for number in range(1, NODES + 1)
            ]
            for node in self.nodes:
                node.await_ready()
            self._start_nginx()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    def _run(self, program):
        self._stack.callback(program.stop)
        return program

    def _start_nginx(self) -> None:
        self.port = free_port()
        folder = self.folder / "nginx"
        folder.mkdir()
        arguments = ["--listen", f"127.0.0.1:{self.port}", "--logs", folder, "--state", folder]
        if os.geteuid() == 0:
            arguments += ["--user", "root"]
        for node in self.nodes:
            arguments += ["--node", f"127.0.0.1:{node.port}"]
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        configuration = folder / "nginx.conf"
        rendered = subprocess.run(
            [ROOT / "nginx/render", "--nginx", program, *map(str, arguments)], check=True, capture_output=True
        )
        configuration.write_bytes(rendered.stdout)
        self._run(
            Program(self.folder, "nginx", program, "-p", folder, "-c", configuration, "-e", folder / "error.log")
        )
        eventually(lambda: self.ask("GET", "/nginx-healthz")[0] == 200, "nginx is up")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body=None):
        return ask(self.port, method, path, body, self.key)

    def get(self, path: str):
        status, answer = self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def client(self, name: str) -> dict | None:
        status, answer = self.ask("GET", f"/v1/clients/{urllib.parse.quote(name)}")
        return answer if status == 200 else None

    def node_of(self, client: str) -> Node:
        found = self.client(client)
        return next(node for node in self.nodes if node.id == found["node"])

    @contextlib.contextmanager
    def agent(self, name: str, *options, node: Node | None = None):
        """A real `switchboard agent` that is online, behind nginx unless a node is named."""
        self._agents += 1
        address = (node.url if node else self.url).replace("http", "ws", 1)
        program = Program(
            self.folder, f"agent-{self._agents}-{name}", executable(), "agent", "--url", address, "--id", name, *options
        )
        try:
            eventually(
                lambda: program.check_runs() and (self.client(name) or {}).get("state") == "online", f"{name} is online"
            )
            yield program
        finally:
            program.stop()


def touch(cluster: Cluster, name: str) -> None:
    """A client that was there for a moment, so that the cluster knows of it."""
    with websockets.sync.client.connect(f"{cluster.url.replace('http', 'ws', 1)}/ws?clientId={name}"):
        pass


class GuardedCluster(Cluster):
    """Its API wants a key, and whoever comes to /ws a token."""

    SCOPES = ("read", "push", "admin")
    rights: list[str] = []

    def __init__(self, folder: pathlib.Path, *options: str):
        self._signing_key = folder / "signing.json"
        key_set = folder / "jwks.json"
        key_set.write_text(self._program("token", "key", "--out", self._signing_key))
        key_file = folder / "keys"
        self.keys = {
            scope: self._program("key", "create", f"the-{scope}-key", "--scope", scope, "--file", key_file).strip()
            for scope in self.SCOPES
        }
        self.key = self.keys["admin"]
        super().__init__(folder, "--key-file", str(key_file), "--token-keys", str(key_set), *options)

    @staticmethod
    def _program(*arguments) -> str:
        command = [executable(), *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def token(self, client: str, *options: str) -> str:
        """What a client shows; it may join and publish to any room and stream, unless the options say something else."""
        options = options or ("--join", "chat:*", "--publish", "chat:*", "--join", "log:*")
        return self._program("token", "create", client, "--key", self._signing_key, *options).strip()

    def agent(self, name: str, *options, node: Node | None = None):
        return super().agent(name, "--token", self.token(name, "--publish", "log:*"), *options, node=node)
