"""Agents over TLS: whom they trust, and what they say when they do not."""

import contextlib
import signal
import socket
import ssl
import threading

import processes
import pytest
from certificates import Authority
from services import Program, command, trusting


@pytest.fixture
def agent(tmp_path):
    """Starts agents; all are stopped with the test."""
    agents = []

    def start(url, *flags) -> Program:
        agents.append(Program(tmp_path, "agent", processes.executable(), "agent", "--url", url, "--id", "a", *flags))
        return agents[-1]

    yield start
    for program in agents:
        program.__exit__()


def test_it_connects_and_gets_pushes(start, agent, authority, pair, trust):
    node = start(*pair.flags)
    for host in ("localhost", "127.0.0.1"):
        running = agent(f"wss://{host}:{node.port}", "--ca", authority.certificate)
        running.says("connected as a")
        assert node.push("a", b"hello", trust)["delivered"] == 1
        running.says("hello")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0


def test_each_reason_not_to_trust_has_its_words(start, agent, authority, pair, tmp_path):
    node = start(*pair.flags)
    stranger = Authority(tmp_path, "stranger")
    elsewhere = start(*authority.issue("elsewhere", names="DNS:elsewhere.example").flags)
    plain = start()
    wrong = stranger.issue("wrong").pin
    cases = [
        (f"wss://localhost:{node.port}", ["--ca", stranger.certificate], "the certificate is signed by nobody who is trusted"),
        (f"wss://localhost:{node.port}", [], "the certificate is signed by nobody who is trusted"),
        (f"wss://localhost:{elsewhere.port}", ["--ca", authority.certificate],
         "the certificate is for another name than localhost"),
        (f"wss://127.0.0.1:{elsewhere.port}", ["--ca", authority.certificate],
         "the certificate is for another name than 127.0.0.1"),
        (f"wss://localhost:{node.port}", ["--ca", authority.certificate, "--pin", wrong],
         f"the node's key, {pair.pin}, is none of those that are pinned"),
        (f"wss://localhost:{plain.port}", ["--ca", authority.certificate], "localhost does not speak TLS on this port"),
    ]
    agents = [(agent(url, *flags), words) for url, flags, words in cases]
    for running, words in agents:
        # It says so, tries again, and says so again.
        running.says(f"no connection: TLS failed: {words}; next attempt in", times=2)
        assert "connected as" not in running.output and running.process.poll() is None
    assert all(program.ask("GET", "/v1/clients/a", trust=None)[0] == 404 for program in [plain])


@contextlib.contextmanager
def showing(pair):
    """A server that shows a certificate which no node would start with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Wakes the thread that waits for the next connection.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("begins, ends, words", [(-9, -1, "expired at 20"), (1, 9, "is not valid before 20")])
def test_a_certificate_out_of_its_time_is_called_that_and_its_renewal_is_noticed(
        start, agent, authority, trust, begins, ends, words):
    with showing(authority.issue(f"wrong-{ends}", begins=begins, ends=ends)) as port:
        running = agent(f"wss://localhost:{port}", "--ca", authority.certificate)
        running.says(f"no connection: TLS failed: the certificate {words}")
    node = start(*authority.issue("renewed").flags, port=port)
    running.says("connected as a")
    assert node.push("a", b"x", trust)["delivered"] == 1


def test_one_of_several_pins_is_enough(start, agent, authority, pair):
    node = start(*pair.flags)
    other = authority.issue("backup")
    url = f"wss://localhost:{node.port}"
    running = agent(url, "--ca", authority.certificate, "--pin", other.pin, "--pin", pair.pin)
    running.says("connected as a")


def test_nothing_is_sent_to_a_node_whose_key_is_another(start, agent, authority, pair):
    """Not even the request for the upgrade, which may carry a token."""
    node = start(*pair.flags, "--log-level", "debug")
    running = agent(f"wss://localhost:{node.port}", "--ca", authority.certificate, "--pin", authority.issue("x2").pin)
    running.says("none of those that are pinned", times=2)
    trust = trusting(authority.certificate)
    assert node.metric("switchboard_connections_accepted_total", trust) == 0
    assert node.metric("switchboard_tls_handshakes_total", trust, outcome="completed") >= 2


@pytest.mark.parametrize("flags, words", [
    (["--pin", "sha256/" + "A" * 43 + "="], "pins need TLS"),
    (["--ca", "/no/such"], "--ca does nothing without TLS"),
    (["--pin", "sha1/abc"], "The value 'sha1/abc' is invalid"),
])
def test_a_secure_option_needs_a_secure_address(flags, words):
    status, _, errors = command("agent", "--url", "ws://127.0.0.1:1", *flags, check=False)
    assert status != 0 and words in errors, errors


def test_a_wrong_file_of_authorities_is_told_at_once():
    status, _, errors = command("agent", "--url", "wss://127.0.0.1:1", "--ca", "/no/such", check=False)
    assert status == 1 and "cannot read '/no/such': No such file or directory" in errors
