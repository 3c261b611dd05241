"""Those who are not let in: forged, stolen, old and odd credentials, and what a node says, and does not say, of them."""

import base64
import json
import time

import pytest

import guarded
import tokens
import wire
from problems import expect
from tokens import b64, encoded, soon


@pytest.fixture(scope="module")
def node():
    options = ("--token-audience", "push.example", "--token-issuer", "login.example", "--token-leeway", "10s")
    with guarded.node(*options) as node:
        yield node


def test_what_stands_behind_an_answer_that_waits_is_not_read(node):
    """Not even to find out that it would be refused."""
    client = wire.connect(node.url, "deaf", framed=True, key=node.keys["read"],
                          token=node.signers["ES256"].token(claims(sub="deaf")))
    with wire.Connection(node.url) as connection:
        headers = guarded.bearer(node.keys["push"]) | {"Prefer": "wait=4"}
        push = b'{"to":{"client":"deaf"},"text":"x"}'
        connection.send(wire.request("POST", "/v1/push", connection.host, push, headers))
        connection.send(b"POST /v1/push HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
        assert connection.taken(b"x" * 65536, 48 << 20, 1) < 24 << 20
        assert connection.answer().status == 202
        expect(connection.answer(), "unauthorized")
    client.close()


def test_lines_behind_a_refusal_keep_no_connection():
    with guarded.node("--body-timeout", "1s") as node, wire.Connection(node.url) as connection:
        connection.send(b"POST /v1/pushes HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        expect(connection.answer(), "unauthorized")
        connection.write_on(b"{}\n", 10)


def claims(**more) -> dict:
    """Those of a good token."""
    return {"sub": "shop", "scope": "read", "aud": "push.example", "iss": "login.example"} | more


def refused(node, credentials: str, reason: str, status: int = 401) -> wire.Answer:
    """Both ways in answer alike, and nothing of what was shown comes back."""
    for method, path in (("GET", "/v1/stats"), ("POST", "/v1/broadcast")):
        answer = node.call(credentials, method, path, b"x" if method == "POST" else None)
        expect(answer, {401: "unauthorized", 403: "forbidden", 503: "signers_unavailable"}[status])
        assert answer.json()["reason"] == reason, answer.json()
        if status == 401:
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith('Bearer realm="switchboard"')
            assert ("error=" in challenge) == (reason != "missing_credentials")
        if len(credentials) > 8:
            assert credentials not in answer.body.decode() + str(answer.headers)
    return answer


@pytest.mark.parametrize("algorithm", tokens.ALGORITHMS)
def test_good_tokens_are_taken(node, algorithm):
    signer = node.signers[algorithm]
    for more in ({}, {"aud": ["a", "push.example"]}, {"nbf": soon(-5)}, {"nbf": soon(5)}, {"scope": ["read", "email"]}):
        assert node.call(signer.token(claims(**more))).status == 200, more
    assert node.call(signer.token(claims(), {"typ": None})).status == 200
    assert node.call(signer.token(claims(), {"typ": "at+jwt"})).status == 200


@pytest.mark.parametrize("algorithm", tokens.ALGORITHMS)
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"exp": None}, "missing_claim"),
        ({"exp": "4102444800"}, "invalid_claim"),
        ({"exp": 0}, "token_expired"),
        ({"exp": -1e300}, "token_expired"),
        ({"exp": int(time.time()) - 1}, "token_expired"),
        ({"nbf": int(time.time()) + 3600}, "token_not_yet_valid"),
        ({"nbf": "now"}, "invalid_claim"),
        ({"aud": None}, "missing_claim"),
        ({"aud": "push.example.evil"}, "wrong_audience"),
        ({"aud": ["other"]}, "wrong_audience"),
        ({"aud": []}, "wrong_audience"),
        ({"aud": {"push.example": True}}, "invalid_claim"),
        ({"iss": "evil.example"}, "wrong_issuer"),
        ({"iss": None}, "missing_claim"),
        ({"scope": None}, "missing_claim"),
        ({"scope": 7}, "invalid_claim"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_what_a_token_must_say(node, algorithm, more, reason):
    refused(node, node.signers[algorithm].token(claims(**more)), reason)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "HS512", "HS256 ", "hs256", "ES384", "PS256", "null"])
def test_no_algorithm_but_ours(node, name):
    body = encoded(claims(exp=soon(), scope="admin"))
    for signature in ("", b64(b"x" * 32)):
        token = f"{encoded({'alg': name, 'kid': 'kid-HS256'})}.{body}.{signature}"
        refused(node, token, "unsupported_algorithm")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_is_no_secret(node, algorithm):
    """Algorithm confusion: HS256 with the published key as its secret (RFC 8725 section 2.1)."""
    signer = node.signers[algorithm]
    for form in signer.public_forms:
        for kid in (signer.kid, "kid-HS256", None):
            header = {"alg": "HS256"} | ({"kid": kid} if kid else {})
            signed = f"{encoded(header)}.{encoded(claims(exp=soon(), scope='admin'))}"
            token = f"{signed}.{b64(tokens.hs256(form, signed.encode()))}"
            refused(node, token, "wrong_algorithm" if kid == signer.kid else "wrong_signature")


def test_one_key_is_not_taken_for_another(node):
    """The same key id, and every other algorithm."""
    for signer in node.signers.values():
        for other in node.signers.values():
            if other is not signer:
                refused(node, signer.token(claims(), {"kid": other.kid}), "wrong_algorithm")
                refused(node, signer.token(claims(), {"alg": other.algorithm}), "wrong_algorithm")


@pytest.mark.parametrize("algorithm", tokens.ALGORITHMS)
def test_a_stranger_with_our_key_id(node, algorithm):
    stranger = tokens.Signer(algorithm, "kid-stranger")
    header = {"kid": node.signers[algorithm].kid}
    refused(node, stranger.token(claims(), header), "wrong_signature")
    # Keys that come with the token are not looked at.
    for own in ({"jwk": stranger.jwk}, {"jku": "http://127.0.0.1:9/jwks.json"}, {"x5u": "http://127.0.0.1:9/"}, {"x5c": ["AA=="]}):
        refused(node, stranger.token(claims(), header | own), "wrong_signature")


def test_headers_that_ask_for_more(node):
    signer = node.signers["ES256"]
    for header in ({"crit": ["exp"]}, {"crit": []}, {"typ": "logout+jwt"}, {"typ": "dpop+jwt"}, {"typ": 7}):
        refused(node, signer.token(claims(), header), "unsupported_header")
    for header in ({"kid": 7}, {"kid": "k" * 5000}, {"kid": ["kid-ES256"]}, {"alg": None}, {"alg": 7}):
        refused(node, signer.token(claims(), header), "malformed_token")


@pytest.mark.parametrize("kid", ["../../../../dev/null", "' OR 1=1 --", "x\r\nevil: 1", "\u202e", "\x00", "%s%n", "${jndi:x}"])
def test_a_key_id_is_only_a_name(node, kid):
    """It opens no file and writes no line; while the set is fresh nobody can say that there is no such key."""
    answer = node.call(tokens.Signer("ES256", kid).token(claims()))
    assert answer.status in (401, 503)
    assert kid not in node.log


@pytest.mark.parametrize("algorithm", tokens.ALGORITHMS)
def test_signatures_that_are_nearly_right(node, algorithm):
    good = node.signers[algorithm].token(claims())
    header, body, signature = good.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    forged = [raw[:-1], raw + b"\x00", bytes([raw[0] ^ 1]) + raw[1:], raw[:-1] + bytes([raw[-1] ^ 0x80]), b"\x00" * len(raw)]
    if algorithm == "ES256":
        # "Psychic signatures" (CVE-2022-21449), and the order of the curve for 0.
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        forged += [order.to_bytes(32, "big") * 2, raw[32:] + raw[:32], b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:]]
    for signature in forged:
        refused(node, f"{header}.{body}.{b64(signature)}", "wrong_signature")
    # Another body under a good signature.
    refused(node, f"{header}.{encoded(claims(exp=soon(), scope='admin'))}.{b64(raw)}", "wrong_signature")


def test_texts_that_are_no_tokens(node):
    header, body, signature = node.signers["ES256"].token(claims()).split(".")
    for token in (
        f"{header}.{body}.", f".{body}.{signature}", f"{header}..{signature}", "..", f"{header}.{body}.{signature}=",
        f"{header}=.{body}.{signature}", f"{header}.{body}.{signature[:-1]}!", f"{b64(b'{')}.{body}.{signature}",
        f"{b64(b'[]')}.{body}.{signature}", f"{encoded({'alg': 'ES256'})}.{'A' * 8200}.{signature}",
        f"{b64(b'{' * 2000)}.{body}.{signature}",
    ):  # fmt: skip
        reason = node.call(token).json()["reason"]
        assert reason in ("malformed_token", "wrong_signature"), token
        refused(node, token, reason)
    # The signature is right, and the claims are no JSON, or say a thing twice.
    for text in (b"", b"{", b"[]", b"null", b'{"exp":4102444800,"exp":4102444800}', b"\xff\xfe"):
        refused(node, node.signers["ES256"].token(text), "malformed_token")


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer a b", "Bearer a, Bearer b", "Digest x", "Bearer\ta", "bearer: x", "Bearer ä"],
)
def test_headers_that_are_not_understood(node, value):
    for method, path in (("GET", "/v1/stats"), ("POST", "/v1/broadcast")):
        with wire.Connection(node.url) as connection:
            lines = f"{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\nContent-Length: 0\r\n\r\n"
            connection.send(lines.encode())
            answer = connection.answer()
        expect(answer, "unauthorized")
        assert answer.json()["reason"] == "unsupported_credentials"


def test_two_headers_are_one_too_many(node):
    """Which of them would count is not for a node to choose."""
    good, bad = (f"Authorization: Bearer {key}".encode() for key in (node.keys["admin"], "sbk_x"))
    for first, second in ((good, bad), (bad, good), (good, good)):
        for line in (b"GET /v1/stats HTTP/1.1", b"POST /v1/broadcast HTTP/1.1"):
            with wire.Connection(node.url) as connection:
                connection.send(b"\r\n".join((line, b"Host: a", first, b"Content-Length: 0", second, b"", b"")))
                answer = connection.answer()
            expect(answer, "unauthorized")
            assert answer.json()["reason"] == "unsupported_credentials"


def test_a_header_cannot_bring_another(node):
    """Neither a line end nor a control character gets through."""
    for value in (b"Bearer x\rX-Evil: 1", b"Bearer x\nX-Evil: 1", b"Bearer x\x00y", b"Bearer x\r\n Bearer y"):
        for line in (b"GET /v1/stats HTTP/1.1", b"POST /v1/broadcast HTTP/1.1"):
            with wire.Connection(node.url) as connection:
                connection.send(b"\r\n".join((line, b"Host: a", b"Authorization: " + value, b"Content-Length: 0", b"", b"")))
                connection.finish()
                answers, _ = connection.answers(2)
            assert [answer.status for answer in answers] in ([400], [401]), (value, answers)


def test_a_huge_header(node):
    for length, statuses in ((600, [401]), (9_000, [401]), (40_000, [400, 401, 431])):
        for character in ("a", "."):
            answer = node.call(character * length)
            assert answer.status in statuses
    assert node.call(node.keys["read"]).status == 200


def test_credentials_belong_into_the_header(node):
    key = node.keys["admin"]
    for query in (f"access_token={key}", f"token={key}", f"key={key}"):
        assert node.call(None, path=f"/v1/stats?{query}").status == 401
        assert node.call(None, "POST", f"/v1/broadcast?{query}", b"x").status == 401
    for headers in ({"X-API-Key": key}, {"Cookie": f"token={key}"}, {"Proxy-Authorization": f"Bearer {key}"}):
        assert node.call(None, headers=headers).status == 401


@pytest.mark.parametrize(
    "path",
    ["/healthz/../metrics", "//metrics", "/./metrics", "/%6detrics", "/metrics/", "/METRICS", "/metrics;/healthz", "/metrics%00",
     "/healthz/..%2fmetrics", "/ws/../v1/stats", "/v1//stats", "/v1/stats#/healthz", "/readyz?/../metrics", "/metrics%2f"],
)  # fmt: skip
def test_no_way_around_by_the_path(node, path):
    answer = node.call(None, path=path)
    assert b"switchboard_" not in answer.body and b"sessions" not in answer.body
    assert answer.status in (400, 401, 404) or path.startswith("/readyz?")


def test_no_way_around_by_the_method(node):
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert node.call(node.keys["read"], "GET", "/v1/clients/kiosk-7/mailbox", headers={name: "DELETE"}).json()["count"] == 0
    for name in ("X-Original-URL", "X-Rewrite-URL"):
        assert node.call(None, path="/healthz", headers={name: "/metrics"}).json() == {"status": "ok"}


def test_the_body_of_a_stranger_is_not_waited_for(node):
    """The answer comes before the body does, and nobody is asked to go on."""
    for path in ("/v1/broadcast", "/v1/push", "/v1/pushes", "/v1/clients/a/commands"):
        for extra in ("", "Expect: 100-continue\r\n", f"Authorization: Bearer {node.keys['read']}\r\n"):
            with wire.Connection(node.url) as connection:
                connection.send(f"POST {path} HTTP/1.1\r\nHost: a\r\n{extra}Content-Length: 200000\r\n\r\n".encode())
                answer = connection.answer("POST")
            assert answer.status == (403 if "Bearer" in extra else 401), (path, extra)


def test_who_is_known_is_asked_to_go_on(node):
    with wire.Connection(node.url) as connection:
        lines = f"Authorization: Bearer {node.keys['push']}\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"
        connection.send(f"POST /v1/broadcast HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
        assert connection.answer("POST").status == 100
        connection.send(b"x")
        assert connection.answer("POST").status == 200


def test_a_connection_is_no_session(node):
    """Each request shows its own credentials: what went before on a connection counts for nothing."""
    with wire.Connection(node.url) as connection:
        statuses = []
        for key in ("push", None, "read", "push", "admin", None):
            headers = guarded.bearer(key and node.keys[key])
            statuses.append(connection.request("POST", "/v1/broadcast", b"x", headers).status)
        assert statuses == [200, 401, 403, 200, 200, 401]
        # Pipelined, in one piece.
        requests = [
            wire.request("POST", "/v1/broadcast", connection.host, b"x", guarded.bearer(key and node.keys[key]))
            for key in ("push", None, "read", "push")
        ]
        connection.send(b"".join(requests))
        assert [connection.answer("POST").status for _ in requests] == [200, 401, 403, 200]


def test_a_token_ends(node):
    """Replayed after its time it is worth nothing, also on the connection on which it was good a moment ago."""
    token = node.signers["EdDSA"].token(claims(scope="push", exp=soon(2)))
    with wire.Connection(node.url) as connection:
        assert connection.request("POST", "/v1/broadcast", b"x", guarded.bearer(token)).status == 200
        guarded.await_that(
            lambda: connection.request("POST", "/v1/broadcast", b"x", guarded.bearer(token)).status == 401, "it ends", 6
        )
        assert connection.request("GET", "/v1/stats", headers=guarded.bearer(token)).json()["reason"] == "token_expired"


def test_refusals_are_counted_and_nothing_else_is_told(node):
    def count() -> float:
        line = 'switchboard_auth_refused_total{kind="backend",reason="unknown_key"} '
        text = node.call(node.keys["read"], path="/metrics").body.decode()
        guarded.assert_no_secrets(node, text)
        return float(next(row for row in text.splitlines() if row.startswith(line)).removeprefix(line))

    before = count()
    for number in range(3):
        assert node.call(f"sbk_{number}" + "x" * 42).status == 401
    assert node.call("sbk_nobody", "POST", "/v1/broadcast", b"x").status == 401
    assert count() == before + 4
    guarded.assert_no_secrets(node, node.log)
