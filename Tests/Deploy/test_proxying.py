"""What nginx promises with the shipped template: no push twice, dead nodes cost nothing, upgrades always work."""

import base64
import contextlib
import hmac
import http.client
import json
import os
import socket
import time

from support import Backend, Nginx, Program, eventually, free_port, listens, open_socket, upgrade


def test_upgrades_after_api_calls_and_refusals(any_nginx, tmp_path):
    with Backend("127.0.0.1", 0) as node, Nginx(tmp_path, any_nginx, "--node", node.node) as nginx:
        for _ in range(10):
            # Each from a connection of its own, so that all workers of nginx get connections to the node to keep.
            assert [nginx.ask()[0] for _ in range(5)] == [200] * 5
            assert upgrade(nginx.port) == 101
            # A refused handshake leaves nothing behind that the next one could be sent over.
            assert upgrade(nginx.port, "/ws?clientId=refuse-me") == 400
            assert upgrade(nginx.port) == 101


def test_api_calls_share_connections(any_nginx, tmp_path):
    with Backend("127.0.0.1", 0) as node, Nginx(tmp_path, any_nginx, "--node", node.node) as nginx:
        connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=10)
        for _ in range(20):
            connection.request("POST", "/v1/broadcast", b"{}")
            assert connection.getresponse().read() == b"127.0.0.1"
        connection.close()
        assert len(node.connections) == 1


def test_upgrades_after_api_calls_on_a_real_node(any_nginx, switchboard, tmp_path):
    port = free_port()
    command = [switchboard, "serve", "--host", "127.0.0.1", "--port", port]
    with Program(tmp_path, "node", *command) as node, Nginx(tmp_path, any_nginx, "--node", f"127.0.0.1:{port}") as nginx:
        eventually(lambda: node.check_runs() and listens(port), what="the node listens")
        eventually(lambda: nginx.ask("GET", "/readyz")[0] == 200, what="the node is ready")
        for _ in range(5):
            for _ in range(5):
                assert nginx.ask("GET", "/v1/stats")[0] == 200
            assert upgrade(nginx.port) == 101
            assert upgrade(nginx.port, "/ws?clientId=not%20allowed") == 400


def test_tokens_pass_and_are_not_logged(any_nginx, switchboard, tmp_path):
    port, secret = free_port(), "a secret that is long enough for HS256"
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256"}, {"sub": "probe", "exp": time.time() + 60}))
    digest = hmac.digest(secret.encode(), text.encode(), "sha256")
    token = f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    command = [switchboard, "serve", "--host", "127.0.0.1", "--port", port, "--log-level", "trace"]
    environment = os.environ | {"SWITCHBOARD_TOKEN_SECRET": secret}
    with (
        Program(tmp_path, "node", *command, env=environment) as node,
        Nginx(tmp_path, any_nginx, "--node", f"127.0.0.1:{port}") as nginx,
    ):
        eventually(lambda: node.check_runs() and listens(port), what="the node listens")
        eventually(lambda: nginx.ask("GET", "/readyz")[0] == 200, what="the node is ready")
        assert upgrade(nginx.port) == 401
        assert upgrade(nginx.port, Authorization=f"Bearer {token}") == 101
        assert upgrade(nginx.port, f"/ws?token={token}") == 101
        assert upgrade(nginx.port, f"/ws?clientId=other&token={token}") == 403
        access = nginx.folder / "access.log"
        eventually(lambda: access.read_text().count('"path":"/ws"') == 4, what="all four are logged")
        for log in (access, node.log):
            assert text not in log.read_text() and token[-20:] not in log.read_text()


def test_a_push_is_never_sent_twice(any_nginx, tmp_path):
    """A node that took a POST and died without an answer may have delivered it."""
    with Backend("127.0.0.1", 0, answer_posts=False) as one, Backend("127.0.0.1", 0, answer_posts=False) as two:
        with Nginx(tmp_path, any_nginx, "--node", one.node, "--node", two.node) as nginx:
            nginx.ask("GET", "/warm")
            status, headers, body = nginx.ask("POST", "/v1/broadcast", b"{}")
            assert status == 502 and headers["Content-Type"] == "application/problem+json"
            assert json.loads(body)["code"] == "node_unavailable" and headers["X-Request-Id"]
            assert sum(request[0] == "POST" for request in one.requests + two.requests) == 1


def test_a_dead_node_costs_nothing(any_nginx, tmp_path):
    """Refused connections are tried elsewhere, for a POST too."""
    dead = f"127.0.0.1:{free_port()}"
    with Backend("127.0.0.1", 0) as alive, Nginx(tmp_path, any_nginx, "--node", dead, "--node", alive.node) as nginx:
        start = time.monotonic()
        assert [nginx.ask("POST", "/v1/broadcast", b"{}")[0] for _ in range(30)] == [200] * 30
        assert [upgrade(nginx.port) for _ in range(30)] == [101] * 30
        assert time.monotonic() - start < 5
        assert len(alive.requests) == 60


@contextlib.contextmanager
def silent_node():
    """An address that neither accepts nor refuses, as a host that is gone: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        while True:
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.3)
            try:
                filler.connect(listener.getsockname())
            except TimeoutError:
                break
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_silent_node_costs_little(any_nginx, tmp_path):
    """A second for the two requests that find out, then it is left out."""
    with silent_node() as silent, Backend("127.0.0.1", 0) as alive:
        with Nginx(tmp_path, any_nginx, "--node", silent, "--node", alive.node) as nginx:
            start = time.monotonic()
            assert [nginx.ask("POST", "/v1/broadcast", b"{}")[0] for _ in range(30)] == [200] * 30
            assert time.monotonic() - start < 4
            assert sum(request[0] == "POST" for request in alive.requests) == 30


def test_a_draining_node_hands_handshakes_on(any_nginx, tmp_path):
    with Backend("127.0.0.1", 0, status=503) as draining, Backend("127.0.0.1", 0) as alive:
        with Nginx(tmp_path, any_nginx, "--node", draining.node, "--node", alive.node) as nginx:
            assert [upgrade(nginx.port) for _ in range(10)] == [101] * 10
            assert draining.requests, "nothing tried the draining node"


def test_all_clients_come_in_as_soon_as_the_nodes_take_them(any_nginx, tmp_path):
    """Redis was away and every node refused: that must not be held against them, or a fleet would come back one by one."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(Backend("127.0.0.1", 0, status=503)) for _ in range(3)]
        arguments = [argument for node in nodes for argument in ("--node", node.node)]
        nginx = stack.enter_context(Nginx(tmp_path, any_nginx, *arguments))
        assert [upgrade(nginx.port) for _ in range(20)] == [503] * 20
        for node in nodes:
            node.status = 200
        assert [open_socket(stack, nginx.port) for _ in range(40)] == [101] * 40


def test_the_node_learns_the_real_address_and_no_other(any_nginx, tmp_path):
    with Backend("127.0.0.1", 0) as node, Nginx(tmp_path, any_nginx, "--node", node.node) as nginx:
        nginx.ask("GET", "/v1/stats", headers={"X-Forwarded-For": "203.0.113.9"})
        nginx.ask("GET", "/ws", headers={"X-Forwarded-For": "203.0.113.9"})
        assert [request[2]["X-Forwarded-For"] for request in node.requests] == ["127.0.0.1", "127.0.0.1"]


def test_bodies(any_nginx, tmp_path):
    """A raised bodyLimit and NDJSON of any length pass; what no node could take is refused with a problem document."""
    with Backend("127.0.0.1", 0) as node, Nginx(tmp_path, any_nginx, "--node", node.node) as nginx:
        assert nginx.ask("POST", "/v1/push", b"x" * 1_100_000)[0] == 200
        assert nginx.ask("POST", "/v1/pushes", b"x" * 9_000_000)[0] == 200
        assert [len(request[3]) for request in node.requests] == [1_100_000, 9_000_000]
        status, headers, body = nginx.ask("POST", "/v1/push", b"x" * 4_200_000)
        assert status == 413 and headers["Content-Type"] == "application/problem+json"
        assert json.loads(body)["status"] == 413


def test_the_access_log_never_holds_a_token(any_nginx, tmp_path):
    with Backend("127.0.0.1", 0) as node, Nginx(tmp_path, any_nginx, "--node", node.node) as nginx:
        nginx.ask("GET", "/ws?token=SECRET")
        nginx.ask("GET", "/v1/clients?limit=3", headers={"User-Agent": 'a"b'})
        log = nginx.folder / "access.log"
        lines = eventually(lambda: len(log.read_text().splitlines()) == 2 and log.read_text().splitlines())
        assert [json.loads(line)["path"] for line in lines] == ["/ws", "/v1/clients"]
        assert "SECRET" not in "".join(lines)


def test_nginx_tells_that_it_lives_without_a_node(any_nginx, tmp_path):
    with Nginx(tmp_path, any_nginx, "--node", f"127.0.0.1:{free_port()}") as nginx:
        assert nginx.ask("GET", "/nginx-healthz")[0] == 200
        assert nginx.ask("GET", "/healthz")[0] == 502
