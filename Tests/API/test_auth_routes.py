"""Every route with every kind of credentials, against a node that asks for them."""

import re

import pytest

import guarded
import tokens
import wire
from problems import expect
from test_specification import operations

# Who may use what. A route that is not here, or no longer there, fails the test below.
TABLE = """
    anybody     GET     /healthz
    anybody     GET     /readyz
    anybody     GET     /openapi.yaml
    anybody     GET     /switchboard.js
    anybody     GET     /ws
    anybody     GET     /console
    anybody     GET     /console/{file}
    anybody     GET     /console/lib/{file}
    push        POST    /v1/push
    push        POST    /v1/pushes
    push        POST    /v1/broadcast
    push        POST    /v1/clients/{id}/push
    push        POST    /v1/groups/{name}/push
    push        POST    /v1/clients/{id}/commands
    push        POST    /v1/groups/{name}/commands
    push        PUT     /v1/clients/{id}/groups/{name}
    push        DELETE  /v1/clients/{id}/groups/{name}
    push        DELETE  /v1/clients/{id}/mailbox/{pushId}
    push,read   GET     /v1/pushes/{id}
    push,read   GET     /v1/commands/{id}
    push        POST    /v1/rollouts
    push        POST    /v1/rollouts/{id}/pause
    push        POST    /v1/rollouts/{id}/resume
    push        POST    /v1/rollouts/{id}/abort
    push,read   GET     /v1/rollouts
    push,read   GET     /v1/rollouts/{id}
    push,read   GET     /v1/rollouts/{id}/clients
    read        GET     /v1/clients
    read        GET     /v1/clients/{id}
    read        GET     /v1/clients/{id}/mailbox
    read        GET     /v1/groups
    read        GET     /v1/groups/{name}
    read        GET     /v1/nodes
    read        GET     /v1/nodes/{id}/closes
    read        GET     /v1/stats
    read        GET     /v1/events
    read        GET     /v1/live
    read        GET     /v1/pushes
    read        GET     /v1/alerts
    read        GET     /v1/alerts/rules
    read        GET     /v1/webhooks
    read        GET     /v1/webhooks/dead
    read        GET     /metrics
    admin       DELETE  /v1/clients/{id}
    admin       DELETE  /v1/clients/{id}/mailbox
    admin       POST    /v1/nodes/{id}/drain
    admin       DELETE  /v1/nodes/{id}/drain
    admin       DELETE  /v1/webhooks/dead
    admin       POST    /v1/webhooks/dead/replay
    admin       DELETE  /v1/webhooks/dead/{id}
"""
ROWS = [tuple(line.split()) for line in TABLE.strip().splitlines()]


@pytest.fixture(scope="module")
def node():
    with guarded.node() as node:
        yield node


def test_the_table_is_whole():
    """It names the operations of the API description, each with its scopes."""
    described = set()
    for path, method, operation, _ in operations():
        scopes = [scope for choice in operation["security"] for scope in choice["bearer"]]
        described.add((",".join(scopes) or "anybody", method.upper(), path))
    assert set(ROWS) == described
    assert len(ROWS) == len(described) > 35


def credentials(node: guarded.Guarded) -> dict[str, tuple[str | None, str | None]]:
    """What is shown, with the scope that it stands for; without one it is nobody's."""
    strangers = tokens.Signer("ES256", "kid-ES256")
    kinds: dict[str, tuple[str | None, str | None]] = {
        "nothing": (None, None),
        "a key that is not one": ("sbk_" + "A" * 43, None),
        "a token of somebody else": (strangers.token(scope="admin"), None),
        "an expired token": (node.token("admin", exp=tokens.soon(-1)), None),
        "a client's token": (node.token(None, sub="kiosk-7"), None),
        "a token with other scopes": (node.token("openid profile"), "none of ours"),
    }
    for scope in guarded.SCOPES:
        kinds[f"key {scope}"] = (node.keys[scope], scope)
        for algorithm in tokens.ALGORITHMS:
            kinds[f"{algorithm} {scope}"] = (node.token(scope, algorithm), scope)
    return kinds


def allowed(scopes: str, scope: str | None) -> int:
    """0, or the status of the refusal."""
    if scopes == "anybody" or scope == "admin" or scope in scopes.split(","):
        return 0
    return 403 if scope else 401


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]} {row[2]}")
def test_every_route_with_every_scope(node, row):
    scopes, method, path = row
    target = re.sub(r"\{\w+\}", "nobody", path)
    body = b"" if method == "POST" else None
    for what, (shown, scope) in credentials(node).items():
        expected = allowed(scopes, scope)
        # With a length a push is answered below the HTTP framework, in chunks within it.
        for chunked in (False, True) if method == "POST" else (False,):
            with wire.Connection(node.url) as connection:
                connection.send(wire.request(method, target, connection.host, body, guarded.bearer(shown), chunked=chunked))
                # The answer to a watcher has no end.
                answer = connection.head() if path == "/v1/events" and not expected else connection.answer(method)
            if not expected:
                assert answer.status not in (401, 403), (what, answer)
                continue
            expect(answer, "unauthorized" if expected == 401 else "forbidden")
            if scope and scopes != "anybody":
                assert answer.json()["reason"] == "insufficient_scope"
                wanted = scopes.replace(",", " ")
                assert answer.headers["www-authenticate"].endswith(f'error="insufficient_scope", scope="{wanted}"')


@pytest.mark.parametrize("row", [row for row in ROWS if row[1] == "GET"], ids=lambda row: row[2])
def test_head_is_asked_like_get(node, row):
    scopes, _, path = row
    target = re.sub(r"\{\w+\}", "nobody", path)
    if path == "/v1/events":
        target += "?type=none"
    refused = node.call(None, "HEAD", target)
    assert refused.status == (401 if scopes != "anybody" else wire.call(node.url, "GET", target).status)
    assert node.call(node.keys["admin"], "HEAD", target).status not in (401, 403)


def test_other_methods_tell_nothing(node):
    """What is not a route is answered alike to everybody."""
    for path in sorted({row[2] for row in ROWS}):
        target = re.sub(r"\{\w+\}", "nobody", path)
        for credentials in (None, node.keys["admin"]):
            expect(node.call(credentials, "PATCH", target), "method_not_allowed")
    expect(node.call(None, "GET", "/v1/secrets"), "not_found")
    expect(node.call(None, "POST", "/v1/clients/nobody/secrets", b"x"), "not_found")
