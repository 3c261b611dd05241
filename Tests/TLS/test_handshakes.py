"""Handshakes that do not end."""

import contextlib
import socket
import time

import pytest
from services import eventually, is_cut


@contextlib.contextmanager
def silent(port, count):
    """Connections that say nothing."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(count)]


def handshakes(node, trust, outcome):
    return node.metric("switchboard_tls_handshakes_total", trust, outcome=outcome)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02"], ids=["nothing", "the beginning of a ClientHello"])
def test_who_does_not_go_on_is_cut_off(start, pair, trust, said):
    node = start(*pair.flags)
    with silent(node.port, 1) as (connection,):
        connection.sendall(said)
        began = time.monotonic()
        assert is_cut(connection, 60)
        assert time.monotonic() - began > 8
    assert handshakes(node, trust, "timeout") == 1


def test_the_oldest_of_too_many_gives_way(start, pair, trust):
    node = start(*pair.flags, "--tls-handshakes", "10", "--loops", "1")
    with silent(node.port, 10) as first:
        # While none has lasted, those that have begun stay.
        with silent(node.port, 1) as (late,):
            assert is_cut(late, 60)
        assert not is_cut(first[0], 1.2)
        with silent(node.port, 3):
            assert all(is_cut(connection, 60) for connection in first[:3])
            assert not is_cut(first[3], 0.3)
            # Whoever is honest gets in all the same.
            assert node.ask("GET", "/healthz", trust=trust)[0] == 200
            assert is_cut(first[3], 60)
    assert handshakes(node, trust, "displaced") >= 4 and handshakes(node, trust, "refused") == 1


def test_a_flood_of_silent_connections_keeps_nobody_out(start, pair, trust):
    node = start(*pair.flags, "--tls-handshakes", "50")
    with silent(node.port, 400) as flood:
        assert not is_cut(flood[0], 1.2)
        for _ in range(20):
            assert node.ask("GET", "/healthz", trust=trust)[0] == 200


def test_noise_is_counted_and_answered_by_an_alert(start, pair, trust):
    node = start(*pair.flags)
    for data in (b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 70_000):
        with silent(node.port, 1) as (connection,):
            connection.sendall(data)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while more := connection.recv(4096):
                    received += more
            # A TLS alert, or nothing.
            assert received[:1] in (b"", b"\x15"), received
    eventually(lambda: handshakes(node, trust, "failed") == 3, what="they are counted")


def test_one_that_is_broken_off_is_forgotten(start, pair, trust):
    node = start(*pair.flags, "--tls-handshakes", "5", "--loops", "1")
    for number in range(1, 21):
        with silent(node.port, 1):
            pass
        eventually(lambda: handshakes(node, trust, "failed") == number, what="it has ended")
    assert handshakes(node, trust, "refused") == handshakes(node, trust, "displaced") == 0
