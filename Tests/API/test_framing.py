"""Where one request ends and the next begins: never to be argued about (RFC 9112 sections 2.2, 6 and 11.2).

A request whose end could be read in two ways is refused and the connection closed, so that nothing that is hidden in a
body is ever taken for a request.
"""

import json
import threading
import time

import pytest

import guarded
import processes
import wire
from problems import expect

HIDDEN = b"GET /v1/clients/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
PATHS = {"push": b"/v1/push", "verbatim": b"/v1/broadcast", "other": b"/v1/clients/nobody/commands"}


def head(path: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([b"POST %s HTTP/1.1" % path, b"Host: x", *lines]) + b"\r\n\r\n"


LENGTH = b"Content-Length: %d" % len(HIDDEN)

AMBIGUOUS = {
    "length and chunked": ([LENGTH, b"Transfer-Encoding: chunked"], b"0\r\n\r\n" + HIDDEN),
    "chunked and length": ([b"Transfer-Encoding: chunked", b"Content-Length: 4"], b"0\r\n\r\n" + HIDDEN),
    "two lengths": ([b"Content-Length: 0", LENGTH], HIDDEN),
    "two lengths, the other way": ([LENGTH, b"Content-Length: 0"], HIDDEN),
    "list of lengths": ([b"Content-Length: 0, %d" % len(HIDDEN)], HIDDEN),
    "negative length": ([b"Content-Length: -1"], HIDDEN),
    "length with a plus": ([b"Content-Length: +%d" % len(HIDDEN)], HIDDEN),
    "hexadecimal length": ([b"Content-Length: 0x2"], HIDDEN),
    "length with a space": ([b"Content-Length: 1 0"], HIDDEN),
    "empty length": ([b"Content-Length:"], HIDDEN),
    "length beyond 64 bits": ([b"Content-Length: 18446744073709551616"], HIDDEN),
    "unknown coding": ([b"Transfer-Encoding: xchunked"], b"0\r\n\r\n" + HIDDEN),
    "coding behind chunked": ([b"Transfer-Encoding: chunked, identity"], b"0\r\n\r\n" + HIDDEN),
    "chunked in quotes": ([b'Transfer-Encoding: "chunked"'], b"0\r\n\r\n" + HIDDEN),
    "space before the colon": ([b"Transfer-Encoding : chunked", b"Content-Length: 5"], b"0\r\n\r\n" + HIDDEN),
    "space before the colon of the length": ([b"Content-Length : 5"], b"0\r\n\r\n" + HIDDEN),
    "folded line": ([b"Transfer-Encoding:\r\n chunked"], b"0\r\n\r\n" + HIDDEN),
    "folded other line": ([b"X-A: a\r\n b", LENGTH], HIDDEN),
    "vertical tab": ([b"Transfer-Encoding:\x0bchunked"], b"0\r\n\r\n" + HIDDEN),
    "NUL in a value": ([b"X-A: a\x00b", LENGTH], HIDDEN),
    "carriage return in a value": ([b"X-A: a\rTransfer-Encoding: chunked"], b"0\r\n\r\n" + HIDDEN),
    "line feed in a value": ([b"X-A: a\nTransfer-Encoding: chunked", LENGTH], b"0\r\n\r\n" + HIDDEN),
    "name with a space": ([b"X A: a", LENGTH], HIDDEN),
    "name with a parenthesis": ([b"X(A): a", LENGTH], HIDDEN),
    "name not in ASCII": ([b"X-\xc3\xa9: a", LENGTH], HIDDEN),
    "empty name": ([b": a", LENGTH], HIDDEN),
    "line without a colon": ([b"Nothing", LENGTH], HIDDEN),
    "space before the first name": ([b" X-A: a", LENGTH], HIDDEN),
    "chunk size with 0x": ([b"Transfer-Encoding: chunked"], b"0x5\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "negative chunk size": ([b"Transfer-Encoding: chunked"], b"-1\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "chunk size beyond 64 bits": ([b"Transfer-Encoding: chunked"], b"10000000000000000\r\n" + HIDDEN),
    "chunk longer than said": ([b"Transfer-Encoding: chunked"], b"2\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "no chunk size": ([b"Transfer-Encoding: chunked"], b"\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "bare line feed behind the chunk size": ([b"Transfer-Encoding: chunked"], b"5\nhello\r\n0\r\n\r\n" + HIDDEN),
    "bare line feed behind the chunk": ([b"Transfer-Encoding: chunked"], b"5\r\nhello\n0\r\n\r\n" + HIDDEN),
}


def refused(connection: wire.Connection, *statuses: int) -> None:
    """Refusals and nothing else, then the node closes.

    There may be two: a request is answered on its head, and what is wrong with its body is found behind it.
    """
    answers, closed = connection.answers(seconds=1)
    shown = [(answer.status, answer.body[:200]) for answer in answers]
    # 404 would be the answer to the hidden request.
    assert len(answers) <= 2 and all(answer.status in statuses for answer in answers), shown
    assert closed, f"the connection stays open: {shown}"


@pytest.mark.parametrize("case", AMBIGUOUS)
@pytest.mark.parametrize("path", PATHS)
def test_ambiguous_requests_are_refused(url, path, case):
    lines, body = AMBIGUOUS[case]
    with wire.Connection(url) as connection:
        connection.send(head(PATHS[path], *lines) + body)
        refused(connection, 400, 413, 431, 501)


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_ambiguous_requests_end_a_streamed_answer(url, case):
    """An answer that is under way already cannot turn into a refusal any more: it is cut off, and nothing follows it."""
    lines, body = AMBIGUOUS[case]
    with wire.Connection(url) as connection:
        connection.send(head(b"/v1/pushes", *lines) + body)
        seen = connection.everything()
        assert seen.count(b"HTTP/1.1 ") == 1 or b"HTTP/1.1 200" not in seen, seen
        assert b"client_not_found" not in seen, "the answer to the hidden request"


BROKEN = {
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "bare line feed behind the request line": b"GET /healthz HTTP/1.1\nHost: x\r\n\r\n",
    "bare line feeds of a push": b"POST /v1/broadcast HTTP/1.1\nHost: x\nContent-Length: 1\n\nx",
    "no version": b"GET /healthz\r\n\r\n",
    "another protocol": b"GET /healthz HTPT/1.1\r\nHost: x\r\n\r\n",
    "space in the path": b"GET /health z HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the path": b"GET /health\x00z HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "no host for a push": b"POST /v1/broadcast HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
    "100 KB of header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "100 KB of header of a push": b"POST /v1/broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nX-A: "
    + b"a" * 100_000
    + b"\r\n\r\nx",
    "10 000 headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: a\r\n" * 10_000 + b"\r\n",
    "200 KB of path": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_requests_are_refused(url, case):
    with wire.Connection(url) as connection:
        try:
            connection.send(BROKEN[case] + HIDDEN)
        except (BrokenPipeError, ConnectionResetError):
            # The node has answered, or closed, before it read everything.
            pass
        refused(connection, 400, 413, 414, 431, 505)


# Slow enough to be noticed: one thread each, all at once.
DAWDLERS = {
    "nothing": b"",
    "half a request line": b"GET /heal",
    "half a head": b"GET /healthz HTTP/1.1\r\n",
    "half a head of a push": b"POST /v1/push HTTP/1.1\r\nHost: x\r\n",
    "broken": b"\x16\x03\x01\r\n\r\n",
    "half a handshake": b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n",
}


def test_who_does_not_get_to_the_point_is_closed(url):
    """A connection has 10 s to send the head of its first request; otherwise a few thousand of them would use the node up."""
    open_connections = []

    def wait(name: str) -> None:
        with wire.Connection(url) as connection:
            connection.send(DAWDLERS[name])
            answers, closed = connection.answers(seconds=14)
            if not closed or any(answer.status < 400 for answer in answers):
                open_connections.append(name)

    threads = [threading.Thread(target=wait, args=(name,)) for name in DAWDLERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not open_connections


def test_endless_headers_are_cut_off(url):
    with wire.Connection(url) as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while sent < 50_000_000:
                connection.send(b"X-A: " + b"a" * 995 + b"\r\n")
                sent += 1000


def test_pipelined_requests_are_answered_in_order(url):
    with wire.Connection(url) as connection:
        host = connection.host
        wanted = [
            ("POST", "/v1/groups/none/push", b"x", False, 200),
            ("GET", "/healthz", None, False, 200),
            ("POST", "/v1/groups/none/push", b"x" * 5000, True, 200),
            ("POST", "/v1/push", b"{", False, 400),
            ("POST", "/v1/push", b"{", True, 400),
            ("GET", "/nothing", None, False, 404),
            ("HEAD", "/healthz", None, False, 200),
            ("POST", "/v1/pushes", b"{}", False, 200),
            ("POST", "/v1/groups/none/push", b"x", False, 200),
            ("PUT", "/v1/clients/nobody/groups/g", None, False, 404),
        ]
        connection.send(
            b"".join(wire.request(method, path, host, body, chunked=chunked) for method, path, body, chunked, _ in wanted)
        )
        for method, path, _, _, status in wanted:
            assert connection.answer(method).status == status, (method, path)


@pytest.mark.parametrize("chunked", [False, True])
def test_thousands_of_pipelined_requests(url, chunked):
    """As many as one read can hold, and more: none is lost, and no stack runs over."""
    with wire.Connection(url) as connection:
        one = b"POST /v1/push HTTP/1.1\r\nHost:x\r\nContent-Length:1\r\n\r\n{"
        if chunked:
            one = b"POST /v1/push HTTP/1.1\r\nHost:x\r\nTransfer-Encoding:chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n"
        sender = threading.Thread(target=connection.send, args=(one * 5000,))
        sender.start()
        assert all(connection.answer().status == 400 for _ in range(5000))
        sender.join()
        assert connection.request("GET", "/healthz").status == 200


# What the kernel holds on both sides, and not more.
MOST_AHEAD = 24 << 20


@pytest.mark.parametrize("behind", [b"POST /v1/pushes", b"GET /v1/stats", b"PUT /nothing"])
def test_what_stands_behind_an_answer_that_waits_is_not_read(url, connect, behind):
    """A push may wait a minute for its answer; memory must not."""
    deaf = connect("deaf", framed=True)
    with wire.Connection(url) as connection:
        push = json.dumps({"to": {"client": deaf.id}, "text": "x"}).encode()
        connection.send(wire.request("POST", "/v1/push", connection.host, push, {"Prefer": "wait=4"}))
        connection.send(behind + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert connection.taken(b"\n" * 65536, 2 * MOST_AHEAD, 1) < MOST_AHEAD
        assert connection.answer().status == 202


def test_the_head_of_a_second_request_has_to_come_in_time():
    with processes.running_node("--head-timeout", "1s") as node, wire.Connection(node.url) as connection:
        assert connection.request("GET", "/healthz").status == 200
        time.sleep(1.5)
        assert connection.request("GET", "/healthz").status == 200, "between two requests there is more time"
        connection.send(b"GET /healthz HTTP/1.1\r\nHost")
        expect(connection.answer(), "request_timeout")
        assert connection.closed()


def test_a_body_that_comes_behind_its_answer_has_its_own_time():
    with guarded.node("--head-timeout", "1s") as node, wire.Connection(node.url) as connection:
        connection.send(f"POST /v1/push HTTP/1.1\r\nHost: x\r\nContent-Length: {4 * 1000}\r\n\r\n".encode())
        expect(connection.answer("POST"), "unauthorized")
        for _ in range(4):
            connection.send(b"x" * 1000)
            time.sleep(0.5)
        assert connection.request("GET", "/healthz").status == 200


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path, status", [("/v1/groups/none/push", 200), ("/v1/push", 400), ("/v1/pushes", 200)])
def test_a_client_that_is_done_sending_still_gets_its_answer(url, path, status, chunked):
    """RFC 9112 section 9.6: half a close is no close."""
    with wire.Connection(url) as connection:
        connection.send(wire.request("POST", path, connection.host, b"x", chunked=chunked))
        connection.finish()
        assert connection.answer().status == status
        assert connection.closed()


def test_request_ids_differ(url):
    with wire.Connection(url) as connection:
        ids = [connection.request("POST", "/v1/groups/none/push", b"x").headers["x-request-id"] for _ in range(20)]
        ids += [connection.request("GET", "/healthz").headers["x-request-id"] for _ in range(20)]
    assert len(set(ids)) == 40


@pytest.mark.parametrize("chunked", [False, True])
def test_byte_by_byte(url, chunked):
    with wire.Connection(url) as connection:
        data = wire.request("POST", "/v1/groups/none/push", connection.host, b"hello", chunked=chunked)
        for byte in data + data[:-1]:
            connection.send(bytes([byte]))
        assert connection.answer().status == 200
        connection.send(data[-1:])
        assert connection.answer().status == 200


@pytest.mark.parametrize(
    "path, body, status", [("/v1/groups/none/push", b"hello", 200), ("/v1/push", b"{", 400), ("/v1/pushes", b"{}", 200)]
)
@pytest.mark.parametrize("chunked", [False, True])
def test_expect_100_continue(url, path, body, status, chunked):
    """curl sends this with larger bodies and waits a second for the interim answer."""
    with wire.Connection(url) as connection:
        data = wire.request("POST", path, connection.host, body, {"Expect": "100-continue"}, chunked=chunked)
        start = data.index(b"\r\n\r\n") + 4
        connection.send(data[:start])
        answer = connection.answer()
        if answer.status == 100:
            connection.send(data[start:])
            answer = connection.answer()
        # Else a final answer on the head alone, which is allowed (RFC 9110 section 10.1.1).
        assert answer.status == status


def test_expectation_of_too_much_is_refused_at_once(url):
    with wire.Connection(url) as connection:
        connection.send(head(b"/v1/broadcast", b"Content-Length: 10000000", b"Expect: 100-continue"))
        answer = connection.answer()
        while answer.status == 100:
            # Going on is allowed (RFC 9110 section 10.1.1); the body must be refused then.
            connection.send(b"x" * 300_000)
            answer = connection.answer()
        assert answer.status == 413


def test_too_large_is_refused_before_it_is_sent(url):
    """The answer comes on the length alone: nothing is kept in memory for it."""
    with wire.Connection(url) as connection:
        connection.send(head(b"/v1/broadcast", b"Content-Length: 1000000000000"))
        assert connection.answer().status == 413


def test_endless_chunks_are_refused(url):
    with wire.Connection(url) as connection:
        connection.send(head(b"/v1/broadcast", b"Transfer-Encoding: chunked"))
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        for _ in range(32):
            connection.send(chunk)
        # Answered although the body has not ended.
        assert connection.answer().status == 413


@pytest.mark.parametrize("chunked", [False, True])
def test_after_a_refusal_the_next_request_is_read_right(url, chunked):
    """A node that refuses without reading the body has to close; one that keeps the connection must skip the body."""
    with wire.Connection(url) as connection:
        body = HIDDEN * 10
        for path, headers in (
            ("/v1/broadcast", {"Idempotency-Key": ""}),
            ("/v1/clients/a%20b/push", {}),
            ("/nothing", {}),
            ("/v1/clients", {}),
            ("/v1/pushes", {"Idempotency-Key": "k"}),
        ):
            answer = connection.request("POST", path, body, headers, chunked=chunked)
            assert answer.status in (400, 404, 405, 501)
            if answer.closes:
                assert connection.closed()
                return
        assert connection.request("GET", "/healthz").json() == {"status": "ok"}


def test_get_with_a_body(url):
    with wire.Connection(url) as connection:
        assert connection.request("GET", "/healthz", HIDDEN).status == 200
        assert connection.request("GET", "/v1/clients/hidden").status == 404
        answers, _ = connection.answers(seconds=0.3)
        assert not answers


def test_chunk_extensions_and_trailers(url):
    with wire.Connection(url) as connection:
        connection.send(
            head(b"/v1/groups/none/push", b"Transfer-Encoding: chunked")
            + b'5;name="a;b"\r\nhello\r\n0;last\r\nX-Trailer: a\r\n\r\n'
        )
        assert connection.answer().status == 200
        assert connection.request("GET", "/healthz").status == 200


def test_http_1_0(url):
    for data, status in (
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"POST /v1/groups/none/push HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", 200),
        (b"POST /v1/push HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", 400),
    ):
        with wire.Connection(url) as connection:
            connection.send(data)
            answer = connection.answer()
            assert answer.status == status
            assert "transfer-encoding" not in answer.headers, "HTTP/1.0 knows no chunks"
            assert connection.closed()


def test_http_1_0_with_keep_alive(url):
    with wire.Connection(url) as connection:
        for _ in range(2):
            connection.send(b"POST /v1/groups/none/push HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx")
            answer = connection.answer()
            assert answer.status == 200
            if "keep-alive" not in answer.headers.get("connection", "").lower():
                assert connection.closed()
                break


@pytest.mark.parametrize("path", ["/healthz", "/v1/groups/none/push", "/v1/push"])
@pytest.mark.parametrize("value", ["close", "Close", "foo, close"])
def test_connection_close_is_obeyed(url, path, value):
    method, body = ("GET", None) if path == "/healthz" else ("POST", b"x")
    with wire.Connection(url) as connection:
        data = wire.request(method, path, connection.host, body, {"Connection": value})
        connection.send(data + HIDDEN)
        answer = connection.answer(method)
        assert answer.status < 500 and answer.closes
        assert connection.closed(), "what follows 'close' must not be answered"


@pytest.mark.parametrize("path", ["/healthz", "/v1/groups/none/push"])
def test_an_offer_of_http_2_is_ignored(url, path):
    """Java's HttpClient and `curl --http2` offer it with their first request (RFC 9110 section 7.8: it may be ignored)."""
    method, body = ("GET", None) if path == "/healthz" else ("POST", b"x")
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    with wire.Connection(url) as connection:
        answer = connection.request(method, path, body, offer)
        assert answer.status == 200 and answer.closes
        assert connection.closed()


def test_empty_lines_before_a_request_are_skipped(url):
    """RFC 9112 section 2.2."""
    with wire.Connection(url) as connection:
        connection.send(b"\r\n" + wire.request("POST", "/v1/groups/none/push", connection.host, b"x"))
        assert connection.answer().status == 200


def test_absolute_form(url):
    """RFC 9112 section 3.2.2: a server must accept it."""
    with wire.Connection(url) as connection:
        connection.send(f"GET {url}/healthz HTTP/1.1\r\nHost: {connection.host}\r\n\r\n".encode())
        assert connection.answer().status == 200


def test_a_node_survives_half_requests(url):
    for data in (b"POST", head(b"/v1/push", b"Content-Length: 5") + b"ab", head(b"/v1/push", b"Transfer-Encoding: chunked") + b"5\r\na"):
        with wire.Connection(url) as connection:
            connection.send(data)
    start = time.monotonic()
    assert wire.call(url, "GET", "/healthz").status == 200
    assert time.monotonic() - start < 2
