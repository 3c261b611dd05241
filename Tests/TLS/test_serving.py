"""Everything that a node does, through TLS."""

import json
import socket
import ssl
import subprocess

import pytest
from services import Reader, address_of, client, command, eventually, joined


@pytest.fixture(params=["P-256", "RSA"])
def node(request, start, pair, rsa_pair):
    chosen = pair if request.param == "P-256" else rsa_pair
    return start(*chosen.flags, "--body-limit", "8MB", "--outbound-limit", "32MB")


def s_client(node, authority, *arguments, data=b""):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", "-CAfile", authority.certificate,
         "-verify_return_error", "-verify_hostname", "localhost", *arguments],
        input=data, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def test_http_and_websocket_share_the_port(node, trust):
    assert node.ask("GET", "/readyz", trust=trust)[0] == 200
    with client(node, "raw", trust) as raw, client(node, "framed", trust, framed=True, query="&group=g") as framed:
        joined(node, "raw", raw, trust)
        assert node.push("framed", b"one", trust)["delivered"] == 1
        assert json.loads(framed.recv(60))["data"] == "one"
        status, answer = node.ask("POST", "/v1/broadcast", b"two", {"Content-Type": "text/plain"}, trust=trust)
        assert (status, json.loads(answer)["delivered"]) == (200, 2)
        assert raw.recv(60) == "two" and json.loads(framed.recv(60))["data"] == "two"
        node.ask("POST", "/v1/groups/g/push", b"three", {"Content-Type": "text/plain"}, trust=trust)
        assert json.loads(framed.recv(60))["data"] == "three"
        framed.send('{"type":"message","id":"m","data":1}')
        assert json.loads(framed.recv(60)) == {"type": "ack", "ref": "m"}
        assert address_of(node, "raw", trust).startswith("127.0.0.1:")
    eventually(lambda: node.ask("GET", "/v1/clients/raw", trust=trust)[1].count(b'"offline"'), what="it has left")


def test_many_pushes_arrive_in_order(node, trust):
    """More than a socket takes at once, single ones and broadcasts mixed, to a client that begins to read late."""
    with client(node, "c", trust) as connection:
        joined(node, "c", connection, trust)
        texts = [f"{number}:" + "x" * 3000 for number in range(600)]
        for number, text in enumerate(texts):
            path = "/v1/broadcast" if number % 3 == 0 else "/v1/clients/c/push"
            status, answer = node.ask("POST", path, text.encode(), {"Content-Type": "text/plain"}, trust=trust)
            assert json.loads(answer)["delivered"] == 1, answer
        assert [connection.recv(60) for _ in texts] == texts


def test_a_big_message_arrives_whole(node, trust):
    text = "".join(chr(0x21 + index % 90) for index in range(4 << 20))
    with client(node, "c", trust) as connection:
        joined(node, "c", connection, trust)
        reader = Reader(lambda: connection.recv(30))
        assert node.push("c", text.encode(), trust)["delivered"] == 1
        assert reader.get() == text


def test_a_push_is_confirmed_when_it_is_written(node, trust):
    """Prefer: wait of a raw client: acked says that it is in the client's socket."""
    with client(node, "c", trust) as connection:
        joined(node, "c", connection, trust)
        headers = {"Content-Type": "text/plain", "Prefer": "wait=10"}
        status, answer = node.ask("POST", "/v1/clients/c/push", b"x" * 100_000, headers, trust=trust)
        assert (status, json.loads(answer)["acked"]) == (200, 1)
        assert len(connection.recv(60)) == 100_000


def test_who_does_not_read_is_closed_and_counted(start, pair, trust):
    node = start(*pair.flags, "--outbound-limit", "200KB")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", node.port))
    with client(node, "slow", trust, sock=narrow, max_queue=1) as slow, client(node, "fast", trust) as fast:
        joined(node, "slow", slow, trust)
        joined(node, "fast", fast, trust)
        reader = Reader(lambda: [fast.recv(60) for _ in range(200)])
        dropped = 0
        for _ in range(200):
            _, answer = node.ask("POST", "/v1/broadcast", b"y" * 50_000, {"Content-Type": "text/plain"}, trust=trust)
            dropped += json.loads(answer)["dropped"]
        assert dropped == 1 and len(reader.get()) == 200
        assert node.metric("switchboard_connections_closed_total", trust, code="4101") == 1
        eventually(lambda: node.metric("switchboard_queue_bytes", trust) == 0, what="nothing waits any more")


def test_heartbeats_pass(start, pair, trust):
    node = start(*pair.flags, "--heartbeat-interval", "0.3", "--heartbeat-timeout", "3")
    with client(node, "c", trust) as connection:
        joined(node, "c", connection, trust)
        bucket = "switchboard_ping_round_trip_seconds_count"
        eventually(lambda: node.metric(bucket, trust) >= 3, what="three pings were answered")
        assert node.push("c", b"still", trust)["delivered"] == 1
        assert connection.recv(60) == "still"


def test_a_client_that_answers_no_ping_is_closed(start, pair, trust):
    node = start(*pair.flags, "--heartbeat-interval", "0.3", "--heartbeat-timeout", "0.3")
    with socket.create_connection(("127.0.0.1", node.port)) as plain:
        with trust.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(
                b"GET /ws?clientId=mute HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            secure.settimeout(60)
            received = b""
            while more := secure.recv(4096):
                received += more
            # The code, in the close frame at the end.
            assert (4202).to_bytes(2, "big") + b"no pong" in received
    assert node.metric("switchboard_connections_closed_total", trust, code="4202") == 1


def test_a_drain_says_goodbye(start, pair, trust):
    node = start(*pair.flags)
    with client(node, "framed", trust, framed=True) as framed, client(node, "raw", trust) as raw:
        joined(node, "raw", raw, trust)
        node.process.terminate()
        assert json.loads(framed.recv(60))["type"] == "goaway"
        for connection in (framed, raw):
            reader = Reader(lambda connection=connection: list(connection))
            try:
                reader.get()
            except Exception as error:
                assert error.rcvd.code == 4200, error
            assert connection.close_code == 4200
    assert node.process.wait(60) == 0


def test_half_closed_connections_get_their_answers(node, trust):
    """close_notify ends what the client sends (RFC 8446 section 6.1); what it asked for is still answered."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as plain:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")

        def through(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    data = plain.recv(65536)
                    incoming.write(data) if data else incoming.write_eof()
                finally:
                    plain.sendall(outgoing.read())

        through(secure.do_handshake)
        secure.write(b"POST /v1/clients/nobody/push HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        # The close_notify leaves in the same segment as the request.
        try:
            secure.unwrap()
        except ssl.SSLWantReadError:
            pass
        plain.sendall(outgoing.read())
        answer = b""
        while data := plain.recv(65536):
            answer += data
        assert len(answer) > 100, "the encrypted answer"


def test_requests_are_pipelined_on_one_connection(node, trust):
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as plain:
        with trust.wrap_socket(plain, server_hostname="localhost") as secure:
            push = b"POST /v1/clients/nobody/push HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
            ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            secure.sendall(push * 3 + ask + push)
            received = b""
            while received.count(b'"matched"') < 4:
                more = secure.recv(65536)
                assert more, received
                received += more
            assert received.count(b"HTTP/1.1 200 OK") == 5


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_safe_versions_are_spoken(node, authority, version):
    status, output, errors = s_client(node, authority, "-" + version.lower().replace("v", "").replace(".", "_"))
    assert status == 0, errors
    assert f"New, {version}, Cipher is" in output and "Verify return code: 0 (ok)" in output


def test_old_versions_and_weak_ciphers_are_refused(node, authority):
    for arguments in (
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA256:AES128-GCM-SHA256"], ["-tls1_2", "-cipher", "ECDHE+AES128+SHA1"],
    ):
        status, output, errors = s_client(node, authority, *arguments)
        assert status != 0 and "Cipher is (NONE)" in output, (arguments, output)
        assert "alert" in errors, errors


def test_http_1_1_is_chosen(node, authority):
    _, output, _ = s_client(node, authority, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: http/1.1" in output


def test_a_session_is_resumed(node, trust):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(trust.get_ca_certs(binary_form=True)[0]))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for expected in (False, True):
        with socket.create_connection(("127.0.0.1", node.port), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                assert secure.session_reused is expected
                session = secure.session


def test_plain_text_gets_nothing(node):
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as plain:
        plain.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        try:
            while more := plain.recv(4096):
                received += more
        except ConnectionResetError:
            pass
        assert b"HTTP" not in received and b"200" not in received


def test_who_trusts_nobody_gets_nowhere(node):
    with pytest.raises(ssl.SSLCertVerificationError):
        node.ask("GET", "/readyz", trust=ssl.create_default_context())


def test_the_command_line_speaks_https(node, authority, trust):
    url = f"https://localhost:{node.port}"
    with client(node, "c", trust) as connection:
        joined(node, "c", connection, trust)
        command("push", "--to", "c", "hello", "--url", url, "--ca", authority.certificate)
        assert connection.recv(60) == "hello"
        assert "c" in command("clients", SWITCHBOARD_URL=url, SWITCHBOARD_CA=str(authority.certificate))[1]
    status, _, errors = command("clients", "--url", url, check=False)
    assert status == 1 and "TLS failed: the certificate is" in errors and errors.count("\n") == 1, errors
    status, _, errors = command("clients", "--url", url, "--ca", "/no/such", check=False)
    assert (status, errors) == (1, "switchboard: cannot read '/no/such': No such file or directory\n")


def test_what_it_listens_on_is_said(node):
    assert f"switchboard listens on https://127.0.0.1:{node.port}\n" in node.output


def test_the_doctor_sees_it_from_outside(start, pair, authority):
    node = start(*pair.flags, "--heartbeat-interval", "1")
    url = f"https://localhost:{node.port}"
    _, output, _ = command(
        "doctor", "--json", "--url", url, "--ca", authority.certificate, *pair.flags, "--heartbeat-interval", "1",
        "--max-connections", "100")
    findings = {finding["check"]: finding["state"] for finding in json.loads(output)["checks"]}
    for check in ("tls.certificate", "tls.key", "proxy.ready", "proxy.upgrade", "proxy.address", "proxy.silence"):
        assert findings[check] == "ok", output
