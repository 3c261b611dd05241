"""Secrets are shown nowhere: every setting that may hold one is given a word, and the word is looked for in everything."""

import base64
import contextlib
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import threading

import pytest

import processes
import wire

CANARY = "CANARY"
#: As it is, and as it looks in base 64 (six bytes are eight letters of it) and in hexadecimal.
SPELLINGS = [CANARY, base64.b64encode(CANARY.encode()).decode(), CANARY.encode().hex()]
DOCUMENT = (processes.ROOT / "docs/configuration.md").read_text()


def clean(text: str | bytes, where: str) -> None:
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    for spelling in SPELLINGS:
        at = text.find(spelling)
        assert at < 0, f"{where}: {text[max(0, at - 200) : at + 100]}"


class Backend(http.server.BaseHTTPRequestHandler):
    """Answers every request badly, and has a key set without keys."""

    def do_GET(self):
        body = b'{"keys": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.send_error(500)

    def log_message(self, *_):
        pass


@pytest.fixture
def backend():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        server.asked = threading.Event()
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def secrets(port: int, redis: str) -> dict[str, str]:
    """A value with the word for each setting that may hold a secret."""
    url = f"http://user-{CANARY}:{CANARY}@127.0.0.1:{port}/{{}}?key={CANARY}"
    return {
        "redis": redis,
        "webhookURL": url.format("hook"),
        "webhookSecret": "whsec_" + base64.b64encode((CANARY * 6).encode()).decode(),
        "connectingURL": url.format("connecting"),
        "tokenSecret": CANARY * 8,
        "tokenKeys": url.format("keys"),
    }


def variable(setting: str) -> str:
    return "SWITCHBOARD_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", setting).upper()


def config(**environment: str) -> subprocess.CompletedProcess:
    words = [processes.executable(), "serve", "--print-config"]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, env=os.environ | environment)


@pytest.fixture(scope="session")
def settings() -> list[str]:
    """The settings that may hold a secret: those that can be given in a file of their own."""
    names = re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    assert len(names) > 40
    files = {name: config(**{variable(name) + "_FILE": "/nonexistent/file"}) for name in names}
    return [name for name, found in files.items() if "cannot read '/nonexistent/file'" in found.stderr]


def test_every_setting_that_holds_a_secret_is_looked_for(settings):
    assert {"redis", "webhookURL", "webhookSecret", "connectingURL"} <= {*settings} <= {*secrets(1, "")}


@pytest.fixture
def guarded_redis():
    password = CANARY + "-password"
    with processes.redis("--requirepass", password) as redis:
        redis.secret = redis.url.replace("://", f"://:{password}@")
        yield redis


@pytest.mark.parametrize("format", ["plain", "json"])
@pytest.mark.parametrize("given", ["environment", "files", "settings file"])
def test_nothing_that_a_node_shows_has_a_secret(settings, backend, guarded_redis, tmp_path, format, given):
    values = {name: secrets(backend.server_port, guarded_redis.secret)[name] for name in settings}
    environment = {}
    match given:
        case "environment":
            environment = {variable(name): value for name, value in values.items()}
        case "files":
            for name, value in values.items():
                (tmp_path / name).write_text(value + "\n")
                environment[variable(name) + "_FILE"] = str(tmp_path / name)
        case "settings file":
            path = tmp_path / "settings.json"
            path.write_text(json.dumps(values))
            environment["SWITCHBOARD_CONFIG"] = str(path)
    options = ["--log-level", "trace", "--log-format", format, "--allow-anonymous", "--connecting-default", "allow"]
    options += ["--webhook-events", "client.connected", "client.message", "--webhook-retry", "1"]
    found = config(**environment)
    assert found.returncode == 0, found.stderr
    clean(found.stdout + found.stderr, "--print-config")
    compose = tmp_path / "compose.yml"
    compose.write_text(
        "services:\n  node:\n    command: [serve, --redis-ca, x]\n    environment:\n"
        + "".join(f"      {name}: {json.dumps(value)}\n" for name, value in environment.items())
    )
    words = [processes.executable(), "doctor", "--compose", compose]
    doctor = subprocess.run(words, capture_output=True, text=True, timeout=60, env=os.environ | environment)
    clean(doctor.stdout + doctor.stderr, "doctor")
    assert doctor.stdout
    with processes.running_node(*options, **environment) as node:
        clean(pathlib.Path(f"/proc/{node.process.pid}/cmdline").read_bytes(), "the list of processes")
        for path, answer in traffic(node.url):
            clean(answer, path)
        assert backend.asked.wait(10)
        guarded_redis.stop()
        log = wire.until(node.log.read_text, lambda log: "Redis is not available" in log)
        for path in ("/readyz", "/metrics", "/v1/nodes", "/v1/clients"):
            clean(wire.call(node.url, "GET", path).body, path)
        clean(log, "the log")
        clean(wire.until(node.log.read_text, lambda log: "webhook" in log), "the log")


def traffic(url: str):
    """What a node answers to all sorts of requests, also to bad ones; what callers say is none of the log's business."""
    bearer = {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}"}
    requests = [
        ("GET", "/metrics", None), ("GET", "/v1/stats", None), ("GET", "/v1/nodes", None), ("GET", "/v1/clients", None),
        ("GET", "/v1/webhooks", None), ("GET", "/v1/webhooks/dead", None), ("GET", "/readyz", None),
        ("GET", "/healthz", None), ("GET", "/v1/groups", None), ("GET", "/openapi.yaml", None),
    ]
    with contextlib.suppress(ConnectionError, AssertionError):
        client = wire.connect(url, "talker")
        client.connection.send_frame(wire.TEXT, f"a message {CANARY}".encode())
        yield "a push", wire.call(url, "POST", "/v1/clients/talker/push", b'"x"').body
        client.close()
    for method, path, body in requests:
        yield path, wire.call(url, method, path, body).body
    # What is sent here comes back to its sender, and goes nowhere else.
    for method, path, body in [
        ("POST", "/v1/push", f'{{"to": {{"client": "x"}}, "data": "{CANARY}", "id": "p1"}}'.encode()),
        ("POST", "/v1/push", f'{{"to": "{CANARY}"'.encode()),
        ("POST", "/v1/push", f'{{"{CANARY}": 1}}'.encode()),
        ("POST", "/v1/clients/x/commands", f'{{"name": "{CANARY}", "data": "{CANARY}"}}'.encode()),
        ("GET", f"/v1/clients?token={CANARY}", None),
        ("GET", f"/v1/clients/{CANARY}%0aX", None),
        ("GET", f"/ws?token={CANARY}&clientId=y", None),
        ("GET", f"/nowhere?token={CANARY}", None),
    ]:
        wire.call(url, method, path, body, bearer)
    upgrade = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Protocol": "switchboard.v1",
    }
    for path in (f"/ws?token={CANARY}&clientId=y", f"/ws?clientId=y&label.x={CANARY}"):
        with wire.Connection(url) as connection:
            connection.request("GET", path, None, upgrade | bearer)


def test_a_password_in_a_flag_earns_a_warning(guarded_redis):
    with processes.running_node("--redis", guarded_redis.secret) as node:
        log = node.log.read_text()
        assert "the list of processes shows --redis to everybody" in log
        clean(log, "the log")


def test_a_wrong_password_is_not_repeated(guarded_redis, tmp_path):
    log = refused(guarded_redis.url.replace("://", f"://someone:{CANARY}-wrong@"), tmp_path, "refused the user or password")
    clean(log, "the log")


def refused(redis: str, tmp_path: pathlib.Path, wanted: str) -> str:
    """The log of a node that Redis does not let in."""
    path = tmp_path / "node.log"
    words = [processes.executable(), "serve", "--port", "0", "--log-level", "trace"]
    with open(path, "wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=os.environ | {"SWITCHBOARD_REDIS": redis})
    try:
        return wire.until(path.read_text, lambda text: wanted in text)
    finally:
        processes.stop(process, seconds=0.2)


def test_a_server_that_repeats_what_it_does_not_know_is_not_repeated(tmp_path):
    """As Redis answers to `AUTH` when an operator has renamed it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    link, _ = listener.accept()
                    with link:
                        link.recv(4096)
                        link.sendall(
                            f"-ERR unknown command 'AUTH', with args beginning with: '{CANARY}-user' '{CANARY}' \r\n".encode()
                        )
                        link.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        url = f"redis://{CANARY}-user:{CANARY}@127.0.0.1:{listener.getsockname()[1]}"
        clean(refused(url, tmp_path, "unknown command"), "the log")
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "words",
    [
        ["agent", "--url", f"ftp://127.0.0.1/ws?token={CANARY}"],
        ["agent", "--url", f"ws://u:{CANARY}@:x/ws"],
        ["agent", "--url", f"ws://127.0.0.1:99999/ws?token={CANARY}"],
        ["nodes", "--url", f"ftp://u:{CANARY}@127.0.0.1"],
        ["nodes", "--url", f"http://u:{CANARY}@127.0.0.1:1/?key={CANARY}"],
        ["doctor", "--url", f"http://u:{CANARY}@127.0.0.1:1/?token={CANARY}"],
        ["doctor", "--url", f"ws://u:{CANARY}@127.0.0.1:1/?token={CANARY}#{CANARY}"],
        ["serve", "--token-keys", f"https://u:{CANARY}@/x?{CANARY}"],
        ["serve", "--token-keys", f"ftp://u:{CANARY}@127.0.0.1/x"],
        ["serve", "--webhook-url", f"https://u:{CANARY}@/x?{CANARY}"],
    ],
)
def test_a_url_that_is_wrong_is_not_repeated_with_its_secrets(words):
    found = subprocess.run([processes.executable(), *words], capture_output=True, text=True, timeout=30)
    assert found.returncode != 0
    clean(found.stdout + found.stderr, " ".join(words[:2]))
