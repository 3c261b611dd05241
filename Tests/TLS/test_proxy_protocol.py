"""The PROXY protocol: headers byte by byte, and a real nginx that sends them."""

import contextlib
import ipaddress
import itertools
import socket
import struct
import subprocess
import time

import processes
import pytest
from services import Node, Program, eventually, is_cut
from websockets.sync.client import connect

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def version1(source="203.0.113.9", destination="192.0.2.1", ports=(5000, 443)):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()


def version2(source="203.0.113.9", destination="192.0.2.1", ports=(5000, 443), extra=b"", command=1, kind=1):
    left, right = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    body = left.packed + right.packed + struct.pack("!HH", *ports) + extra
    family = (1 if left.version == 4 else 2) << 4 | kind
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with Node(tmp_path_factory.mktemp("node"), "--proxy-protocol") as node:
        yield node


def opened(node, address="127.0.0.1"):
    connection = socket.socket()
    connection.settimeout(60)
    connection.bind((address, 0))
    connection.connect(("127.0.0.1", node.port))
    return connection


def answer(node, data: bytes, address="127.0.0.1") -> bytes:
    """Everything that comes back."""
    with opened(node, address) as connection:
        received = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(data)
            while more := connection.recv(65536):
                received += more
        return received


def headers(node, outcome):
    text = answer(node, version1() + b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").decode()
    (line,) = [line for line in text.splitlines() if f'switchboard_proxy_headers_total{{outcome="{outcome}"}}' in line]
    return int(float(line.split()[-1]))


NAMES = (f"c{number}" for number in itertools.count())


def seen(node, header: bytes, trust=None, pieces=False, forwarded=None) -> str:
    """The address that the node sees when a client connects behind this header."""
    # One that connects again and again would be cooled down.
    name = next(NAMES)
    connection = opened(node)
    if pieces:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header:
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
    else:
        connection.sendall(header)
    question = f"GET /v1/clients/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    scheme = "wss" if trust else "ws"
    extra = {"X-Forwarded-For": forwarded} if forwarded else None
    with connect(
            f"{scheme}://localhost/ws?clientId={name}", sock=connection, ssl=trust, server_hostname="localhost" if trust else None,
            proxy=None, additional_headers=extra, subprotocols=["switchboard.v1"]) as web_socket:
        assert '"hello"' in web_socket.recv(60)
        if trust:
            with opened(node) as other:
                other.sendall(version1())
                with trust.wrap_socket(other, server_hostname="localhost") as secure:
                    secure.sendall(question)
                    text = b""
                    while more := secure.recv(65536):
                        text += more
        else:
            text = answer(node, version1() + question)
    return text.decode().split('"address":"')[1].split('"')[0]


@pytest.mark.parametrize("pieces", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("header, address", [
    (version1(), "203.0.113.9:5000"),
    (version1("2001:db8::9", "2001:db8::1"), "[2001:db8::9]:5000"),
    (version1("::ffff:203.0.113.9", "::ffff:192.0.2.1"), "203.0.113.9:5000"),
    (version1(ports=(0, 65535)), "203.0.113.9:0"),
    (version2(), "203.0.113.9:5000"),
    (version2("2001:db8::9", "2001:db8::1"), "[2001:db8::9]:5000"),
    (version2(extra=b"\x04\x01\x00" + b"x" * 256), "203.0.113.9:5000"),
    (version2(kind=2), "203.0.113.9:5000"),
    (SIGNATURE + b"\x21\x31" + struct.pack("!H", 216) + b"/run/a\x00".ljust(108, b"\x00") * 2, "unknown"),
])
def test_the_client_is_who_the_header_names(node, header, address, pieces):
    assert seen(node, header, pieces=pieces) == address


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff:f::1 ffff:f::2 65535 65535\r\n",
    SIGNATURE + b"\x20\x00\x00\x00", SIGNATURE + b"\x20\x11\x00\x0c" + b"\x01" * 12, SIGNATURE + b"\x20\xff\x00\x04abcd",
    SIGNATURE + b"\x21\x00\x00\x00",
])
def test_a_proxy_that_comes_for_itself_has_its_own_address(node, header):
    """Health checks of the proxy (LOCAL), and what it cannot say."""
    assert seen(node, header).startswith("127.0.0.1:")


def test_the_header_and_the_request_may_come_together(node):
    for header in (version1(), version2(), b"PROXY UNKNOWN\r\n"):
        assert answer(node, header + ASK).startswith(b"HTTP/1.1 200 OK")


NO_HEADERS = [
    ASK, b"\x16\x03\x01\x02\x00\x01", b"PROXY\r\n", b"PROXY TCP4\r\n", b"proxy TCP4 203.0.113.9 192.0.2.1 5000 443\r\n",
    b"PROXY TCP5 203.0.113.9 192.0.2.1 5000 443\r\n", b"PROXY  TCP4 203.0.113.9 192.0.2.1 5000 443\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 5000\r\n", b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443 1\r\n",
    b"PROXY TCP4 2001:db8::9 192.0.2.1 5000 443\r\n", b"PROXY TCP6 203.0.113.9 192.0.2.1 5000 443\r\n",
    b"PROXY TCP4 203.0.113.009 192.0.2.1 5000 443\r\n", b"PROXY TCP4 203.0.113.9\x00 192.0.2.1 5000 443\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 05000 443\r\n", b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 -1 443\r\n", b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\n\n",
    b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\r\n", b"PROXY UNKNOWN" + b"x" * 200 + b"\r\n",
    SIGNATURE[:8] + b"XXXX", SIGNATURE + b"\x11\x11\x00\x0c" + b"\x01" * 12, SIGNATURE + b"\x22\x11\x00\x0c" + b"\x01" * 12,
    SIGNATURE + b"\x21\x13\x00\x0c" + b"\x01" * 12, SIGNATURE + b"\x21\x41\x00\x0c" + b"\x01" * 12,
    SIGNATURE + b"\x21\x11\x00\x0b" + b"\x01" * 12, SIGNATURE + b"\x21\x21\x00\x23" + b"\x01" * 36,
    SIGNATURE + b"\x21\x31\x00\xd7" + b"\x01" * 216, SIGNATURE + b"\x21\x11\xff\xff" + b"\x01" * 65535,
]


def test_what_is_no_header_is_closed_and_counted(start):
    node = start("--proxy-protocol")
    for data in NO_HEADERS:
        assert answer(node, data + ASK) == b"", data
    assert headers(node, "malformed") == len(NO_HEADERS)


def test_nobody_but_a_trusted_proxy_may_connect(start):
    node = start("--proxy-protocol", "--trusted-proxies", "127.0.0.1")
    assert answer(node, version1() + ASK).startswith(b"HTTP/1.1 200 OK")
    # Nothing has to be sent: it is who they are.
    with opened(node, "127.0.0.2") as connection:
        assert is_cut(connection, 60)
    assert answer(node, version1() + ASK, "127.0.0.2") == b""
    assert headers(node, "untrusted") == 2


def test_who_is_late_with_the_header_is_cut_off(node):
    before = headers(node, "timeout")
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        late = [stack.enter_context(opened(node)) for _ in range(3)]
        for connection, beginning in zip(late, (b"", b"PROXY TC", SIGNATURE + b"\x21\x11")):
            connection.sendall(beginning)
        assert all(is_cut(connection, 60) for connection in late)
        assert time.monotonic() - began > 4
    assert headers(node, "timeout") == before + 3


def test_half_a_header_and_the_end(node):
    with opened(node) as connection:
        connection.sendall(b"PROXY TCP4 ")
        connection.shutdown(socket.SHUT_WR)
        assert is_cut(connection, 60)


def test_without_the_setting_a_header_is_no_request(start):
    node = start()
    assert b"HTTP/1.1 200" not in answer(node, version1() + ASK)


def test_a_header_names_one_client_only(node):
    """What comes behind it is the client's, also when it looks like a second one."""
    assert b" 200 " not in answer(node, version1() + version1("198.51.100.1") + ASK)


def test_a_proxied_client_is_not_believed(node):
    """X-Forwarded-For counts from a proxy; who is behind one is none."""
    assert seen(node, version1(), forwarded="198.51.100.1") == "203.0.113.9:5000"
    # A chain: a proxy for TCP in front of a proxy for HTTP.
    assert seen(node, version1("127.0.0.9", "127.0.0.1"), forwarded="198.51.100.1") == "198.51.100.1"


def test_tls_begins_behind_the_header(start, pair, trust):
    node = start("--proxy-protocol", *pair.flags)
    for header in (version1(), version2()):
        assert seen(node, header, trust) == "203.0.113.9:5000"
    # The other way round it is no header.
    with opened(node) as connection, pytest.raises(OSError):
        trust.wrap_socket(connection, server_hostname="localhost")


def test_draining_closes_who_has_not_said_anything(start):
    node = start("--proxy-protocol")
    with opened(node) as connection:
        eventually(lambda: headers(node, "client") > 0)
        node.process.terminate()
        assert is_cut(connection, 60)
    assert node.process.wait(60) == 0


def test_nobody_trusted_is_a_contradiction(tmp_path):
    done = subprocess.run(
        [processes.executable(), "serve", "--port", "0", "--proxy-protocol"], env={"SWITCHBOARD_CONFIG": str(empty(tmp_path))},
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 64
    assert done.stderr == "switchboard: proxyProtocol: nobody may connect unless trustedProxies names who is a proxy\n"


def empty(folder):
    file = folder / "settings.yaml"
    file.write_text("trustedProxies: []\n")
    return file


# MARK: nginx


@contextlib.contextmanager
def nginx(program, folder, node, pair=None):
    """TCP passed on with a PROXY header; TLS ends at nginx when it is given a pair."""
    port = processes.free_port()
    tls = f"ssl_certificate {pair.certificate}; ssl_certificate_key {pair.key};" if pair else ""
    configuration = folder / "stream.conf"
    configuration.write_text(f"""
        daemon off; pid {folder}/nginx.pid; worker_processes 1;
        events {{ worker_connections 64; }}
        stream {{
            server {{
                listen 127.0.0.1:{port} {'ssl' if pair else ''}; {tls}
                proxy_pass 127.0.0.1:{node.port}; proxy_protocol on;
            }}
        }}""")
    with Program(folder, "nginx", program, "-p", folder, "-c", configuration, "-e", folder / "nginx-error.log"):
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(listens, what="nginx listens")
        yield port


def through(port, node, trust=None):
    """The address that the node sees of a client that comes from 127.0.0.5, and the one that it has."""
    connection = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.5", 0))
    own = "{}:{}".format(*connection.getsockname())
    scheme = "wss" if trust else "ws"
    with connect(
            f"{scheme}://localhost:{port}/ws?clientId=n", sock=connection, ssl=trust, proxy=None,
            server_hostname="localhost" if trust else None, subprotocols=["switchboard.v1"]) as web_socket:
        assert '"hello"' in web_socket.recv(60)
        found = seen_by_asking(node, port, trust)
    return found, own


def seen_by_asking(node, port, trust):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(trust.wrap_socket(plain, server_hostname="localhost")) if trust else plain
            connection.sendall(b"GET /v1/clients/n HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b""
            while more := connection.recv(65536):
                text += more
    return text.decode().split('"address":"')[1].split('"')[0]


def test_nginx_passes_the_address_of_the_client_on(start, stream_nginx, tmp_path):
    node = start("--proxy-protocol")
    with nginx(stream_nginx, tmp_path, node) as port:
        found, own = through(port, node)
        assert found == own


def test_tls_goes_through_nginx_to_the_node(start, stream_nginx, tmp_path, pair, trust):
    node = start("--proxy-protocol", *pair.flags)
    with nginx(stream_nginx, tmp_path, node) as port:
        found, own = through(port, node, trust)
        assert found == own


def test_tls_ends_at_nginx(start, stream_nginx, tmp_path, pair, trust):
    node = start("--proxy-protocol")
    with nginx(stream_nginx, tmp_path, node, pair) as port:
        found, own = through(port, node, trust)
        assert found == own
