"""Real programs for the tests: nginx from the template, HTTP backends that count, and ways to await an event."""

import contextlib
import http.client
import os
import random
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def eventually(check, seconds=10, what="it happens"):
    """Polls until check() is true and returns its value; fails when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)


def free_port(address="127.0.0.1"):
    """Below those that the kernel gives to connections: one of these might take it before it is listened on."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            return port


def listens(port, address="127.0.0.1"):
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def render(*arguments):
    return subprocess.run(
        [ROOT / "nginx/render", *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout


def ask(port, method="GET", path="/", body=None, headers=None):
    """One request over a connection of its own: status, headers, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Program:
    """A process with its output in a file, ended with the test."""

    def __init__(self, folder, name, *command, **options):
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, **options)

    def check_runs(self):
        assert self.process.poll() is None, self.log.read_text()
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Nginx(Program):
    """nginx on a free loopback port with the shipped template."""

    def __init__(self, folder, program, *arguments):
        self.port = free_port()
        self.folder = folder / "nginx"
        self.folder.mkdir()
        configuration = self.folder / "nginx.conf"
        user = ["--user", "root"] if os.geteuid() == 0 else []
        configuration.write_text(render(
            "--nginx", program, "--listen", f"127.0.0.1:{self.port}", "--logs", self.folder, "--state", self.folder,
            *user, *arguments,
        ))
        super().__init__(folder, "nginx-output", program, "-p", self.folder, "-c", configuration, "-e", self.folder / "error.log")
        eventually(lambda: self.check_runs() and listens(self.port), what="nginx listens")

    def ask(self, method="GET", path="/", body=None, headers=None):
        return ask(self.port, method, path, body, headers)


class Backend:
    """Stands for a node: answers with its address, keeps what it was asked, upgrades only a connection's first request."""

    def __init__(self, address, port, answer_posts=True, status=200):
        self.requests, self.connections, self.status = [], set(), status
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            asked = 0

            def answer(self):
                self.asked += 1
                backend.connections.add(self.client_address)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                backend.requests.append((self.command, self.path, dict(self.headers), body))
                if self.headers.get("Upgrade"):
                    if self.asked > 1:
                        self.reply(404)
                    elif backend.status != 200:
                        self.reply(backend.status)
                    elif "refuse-me" in self.path:
                        self.reply(400)
                    else:
                        self.send_response(101)
                        self.send_header("Upgrade", "websocket")
                        self.send_header("Connection", "Upgrade")
                        self.end_headers()
                        # As a WebSocket does, the tunnel lasts until the client goes.
                        self.rfile.read()
                        self.close_connection = True
                elif self.command == "POST" and not answer_posts:
                    self.close_connection = True
                else:
                    self.reply(200)

            def reply(self, code):
                content = address.encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        self.address, self.port = address, self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def node(self):
        return f"{self.address}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def upgrade(port, path="/ws?clientId=probe", **headers):
    """A WebSocket handshake; returns the status of the answer."""
    with contextlib.ExitStack() as stack:
        return open_socket(stack, port, path, **headers)


def open_socket(stack, port, path="/ws?clientId=probe", **headers):
    """The same, over a connection that stays open as long as `stack`."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
    connection.sendall((
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    ).encode())
    return int(connection.makefile("rb").readline().split()[1])


def healthcheck(port):
    return subprocess.run([ROOT / "deploy/healthcheck", str(port)], capture_output=True, text=True)


def system_nginx():
    return shutil.which("nginx")
