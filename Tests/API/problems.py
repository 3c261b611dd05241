"""What a problem document has to look like."""

import pathlib

import yaml

import processes
import wire


def codes() -> dict[str, int]:
    """Every code with its status, read from the table in the API description."""
    text = yaml.safe_load(pathlib.Path(processes.SPECIFICATION).read_text())
    rows = text["components"]["schemas"]["ProblemCode"]["description"].splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| `")]
    return {code.strip("`"): int(status) for code, status, _ in cells}


STATUS = codes()


def expect(answer: wire.Answer, code: str) -> None:
    """Fails unless the answer is the problem document of this code."""
    assert (answer.status, answer.headers.get("content-type")) == (STATUS[code], "application/problem+json"), (
        f"expected {STATUS[code]} {code}, got {answer.status} {answer.headers} {answer.body[:400]!r}"
    )
    document = answer.json()
    assert document["code"] == code, document
    assert document["status"] == answer.status
    assert document["type"] == f"urn:switchboard:problem:{code}"
    assert document["title"] and document["detail"]
    assert answer.headers["x-request-id"]
    if code in (
        *("rate_limited", "too_many_connections", "command_queue_full", "push_in_progress", "bus_unavailable", "overloaded"),
        "signers_unavailable",
    ):
        assert int(answer.headers["retry-after"]) >= 1
    if answer.status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    if answer.status == 405:
        assert answer.headers["allow"]


def expect_counts(answer: wire.Answer, status: int = 200, **counts: int) -> dict:
    """Fails unless the answer is that of a push with these counts; those not named must be 0."""
    assert answer.status == status, (answer.status, answer.body[:400])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    result = answer.json()
    names = ("matched", "delivered", "acked", "queued", "offline", "dropped", "nodes")
    assert {name: result[name] for name in names} == {name: counts.get(name, 0) for name in names}
    assert set(result) == {"id", *names}
    return result
