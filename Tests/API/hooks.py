"""What schemathesis checks and generates beyond what it can read from the API description."""

import json
import os
import re

import schemathesis

from problems import STATUS

IDENTIFIER = re.compile(r"[A-Za-z0-9._:@-]{1,128}")
# Connected by fleet.py while schemathesis runs; those to be closed are there for nothing else.
CLIENTS = os.environ.get("FLEET_CLIENTS", "").split()
TO_BE_CLOSED = iter(os.environ.get("FLEET_TO_BE_CLOSED", "").split())
GROUPS = os.environ.get("FLEET_GROUPS", "").split()
NODES = os.environ.get("FLEET_NODES", "").split()


def _chosen(names: list[str], value: str) -> str:
    """Often a name that exists instead of a random one; the same for the same value, so that runs can be repeated."""
    number = sum(value.encode())
    return names[number // 4 % len(names)] if names and number % 4 else value


def _is_identifier(value) -> bool:
    return isinstance(value, str) and IDENTIFIER.fullmatch(value) is not None and value not in (".", "..")


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Valid names become those of clients and groups that are connected; what is meant to be invalid stays."""
    # Events have ids of their own.
    if not path_parameters or context.operation.path.startswith("/v1/webhooks/"):
        return path_parameters
    # Taking the clients out of their groups would leave nobody for the rest.
    groups = [] if context.operation.method.lower() == "delete" else GROUPS
    ids = NODES if context.operation.path.startswith("/v1/nodes/") else CLIENTS
    for name, known in (("id", ids), ("name", groups)):
        if _is_identifier(path_parameters.get(name)):
            path_parameters[name] = _chosen(known, path_parameters[name])
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    """The same for the target of a push."""
    if context.operation.path != "/v1/push" or not isinstance(body, dict):
        return body
    to = body.get("to")
    if isinstance(to, dict):
        if _is_identifier(to.get("client")):
            to["client"] = _chosen(CLIENTS, to["client"])
        if isinstance(to.get("clients"), list):
            to["clients"] = [_chosen(CLIENTS, name) if _is_identifier(name) else name for name in to["clients"]]
        if _is_identifier(to.get("group")):
            to["group"] = _chosen(GROUPS, to["group"])
    return body


# Seconds: the checks have better things to do than to wait.
LONGEST_WAIT = 0.3


def _make_sense(case) -> None:
    """What a schema cannot say: which options go together in a query or with a header. And nothing waits for long."""
    query, headers = case.query or {}, case.headers or {}
    body = case.body if isinstance(case.body, dict) else {}
    if case.operation.path.endswith(("/push", "/broadcast")):
        if query.get("offline") == "queue":
            query["durable"] = "true"
        if str(query.get("durable")).lower() != "true":
            query.pop("ttl", None)
            query.pop("collapse", None)
        elif query.get("offline") == "fail":
            query.pop("offline")
    if case.operation.path.endswith("/commands"):
        body["timeout"] = min(body.get("timeout", 30), LONGEST_WAIT)
        if "connectTimeout" in body:
            body["connectTimeout"] = min(body["connectTimeout"], LONGEST_WAIT)
    if "id" in query or "id" in body:
        headers.pop("Idempotency-Key", None)
    if "Prefer" in headers:
        # Most random text is no preference at all.
        headers["Prefer"] = ("wait=1", "respond-async", "return=minimal")[sum(headers["Prefer"].encode()) % 3]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Valid cases are made to make sense. Whoever is to be closed is one of those that are there for it, and nobody else once these are used up."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _make_sense(case)
    if case.operation.definition.raw.get("operationId") == "closeClient" and case.method.upper() == "DELETE":
        if _is_identifier(case.path_parameters.get("id")):
            case.path_parameters["id"] = next(TO_BE_CLOSED, "nobody")
    # A roll-out goes on behind the answer: to nobody, so that what the fleet received can be counted.
    if case.operation.definition.raw.get("operationId") == "startRollout" and case.meta is not None:
        if case.meta.generation.mode.is_positive and isinstance(case.body, dict):
            case.body["to"] = {"client": "nobody"}
    # The node under test is needed, with all who are connected to it.
    if case.operation.definition.raw.get("operationId") == "drainNode" and case.method.upper() == "POST":
        if case.path_parameters.get("id") in NODES:
            case.path_parameters["id"] = "nobody"


@schemathesis.serializer("application/x-ndjson")
def lines_of_json(ctx, value):
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


@schemathesis.check
def problem_document(ctx, response, case):
    """Every refusal is a problem document whose parts agree with each other and with the HTTP status."""
    if response.status_code < 400 or case.method == "HEAD":
        return
    document = json.loads(response.content)
    assert STATUS[document["code"]] == response.status_code == document["status"], document
    assert document["type"] == f"urn:switchboard:problem:{document['code']}", document


@schemathesis.check
def request_id(ctx, response, case):
    assert response.headers.get("x-request-id"), "every answer has an X-Request-Id"


@schemathesis.check
def counts_add_up(ctx, response, case):
    """matched = delivered + dropped, and nobody is counted twice."""
    if response.status_code not in (200, 202) or not case.path.endswith(("/push", "/broadcast")):
        return
    result = json.loads(response.content)
    if "dryRun" in result:
        assert len(result["clients"]) <= result["matched"], result
        return
    assert result["matched"] == result["delivered"] + result["dropped"], result
    assert result["acked"] <= result["delivered"], result
    assert result["queued"] <= result["offline"], result
    assert (result["matched"] == 0) == (result["nodes"] == 0), result
    to = case.body.get("to") if isinstance(case.body, dict) else None
    if isinstance(to, dict) and ("client" in to or "clients" in to):
        named = {to["client"]} if "client" in to else set(to["clients"])
        assert result["matched"] + result["offline"] == len(named), (result, named)
