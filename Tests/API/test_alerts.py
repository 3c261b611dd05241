"""Who is in alarm: real agents that tell their health, and nodes that judge it."""

import contextlib
import json
import signal
import subprocess
import time
import urllib.request
import uuid

import pytest

import agents
import processes
import scrapes
import wire
from problems import expect
from test_nodes import fits, read

SECONDS = 20
RULES = "hot: cpu > 0.9, slow: queue > 10 for 2 amber, door: door != \"shut tight\" amber, gone: offline for 1"


def until(look, is_so, seconds: float = SECONDS):
    """What `look` finds, once it is so."""
    deadline = time.monotonic() + seconds
    while not is_so(found := look()):
        assert time.monotonic() < deadline, found
        # What nodes find out by time tells nobody who asks them.
        time.sleep(0.05)
    return found


def alerts(url: str, query: str = "") -> list[dict]:
    return fits(wire.call(url, "GET", f"/v1/alerts{query}"), "AlertList")["alerts"]


def names(url: str, client: str) -> set[str]:
    return {alert["alert"] for alert in alerts(url, f"?client={client}")}


def level(url: str, client: str) -> str | None:
    return fits(wire.call(url, "GET", f"/v1/clients/{client}"), "Client").get("level")


def connected(url: str, name: str) -> agents.Agent:
    return agents.Agent(wire.connect(url, name, framed=True))


def tell(agent: agents.Agent, **health) -> None:
    agent.send(type="health", data=health)


@pytest.fixture(scope="module")
def node():
    with processes.running_node("--alert-rules", RULES) as node:
        yield node


@pytest.fixture
def name():
    return f"kiosk-{uuid.uuid4().hex[:12]}"


def test_the_rules_are_told(node):
    rules = fits(wire.call(node.url, "GET", "/v1/alerts/rules"), "AlertRuleList")["rules"]
    assert [(rule["name"], rule["for"], rule["level"]) for rule in rules] == [
        ("hot", 0, "red"), ("slow", 2, "amber"), ("door", 0, "amber"), ("gone", 1, "red")]
    assert rules[2] == {
        "name": "door", "rule": 'door: door != "shut tight" amber', "field": "door", "op": "!=", "value": "shut tight",
        "for": 0, "level": "amber"}
    done = command(node.url, "--rules")
    assert done.stdout.splitlines() == [rule["rule"] for rule in rules]


def command(url: str, *arguments: str) -> subprocess.CompletedProcess:
    words = [processes.executable(), "alerts", *arguments, "--url", url]
    return subprocess.run(words, capture_output=True, text=True, timeout=30)


def test_raised_and_cleared(node, name):
    url = node.url
    agent = connected(url, name)
    tell(agent, cpu=0.95, door="shut tight")
    (alert,) = until(lambda: alerts(url, f"?client={name}"), len)
    assert (alert["alert"], alert["level"], alert["value"]) == ("hot", "red", 0.95)
    until(lambda: level(url, name), lambda found: found == "red")
    assert scrapes.samples(url)[scrapes.label("switchboard_alerts", level="red")] >= 1
    tell(agent, cpu=0.5, door="open")
    until(lambda: names(url, name), lambda found: found == {"door"})
    assert alerts(url, f"?client={name}&level=red") == []
    until(lambda: level(url, name), lambda found: found == "amber")
    tell(agent, cpu=0.5, door="shut tight")
    until(lambda: names(url, name), lambda found: not found)
    until(lambda: level(url, name), lambda found: found == "ok")
    agent.connection.__exit__()


def test_what_must_last_is_raised_without_another_word(node, name):
    agent = connected(node.url, name)
    tell(agent, queue=11)
    began = time.monotonic()
    until(lambda: names(node.url, name), lambda found: found == {"slow"})
    assert 1.5 < time.monotonic() - began < 6
    assert level(node.url, name) == "amber"


def test_events(node, name):
    address = f"{node.url}/v1/events?client={name}&type=alert"
    with urllib.request.urlopen(address, timeout=SECONDS) as stream:
        events = read(stream)
        assert next(events)[0] == "watching"
        agent = connected(node.url, name)
        tell(agent, cpu=1)
        tell(agent, cpu=0.99)
        tell(agent, cpu=0)
        kinds = []
        for kind, event in events:
            kinds.append((kind, event["client"], event["alert"], event["level"], event["value"]))
            assert event["since"].endswith("Z")
            if kind == "alert.cleared":
                break
        assert kinds == [("alert.raised", name, "hot", "red", 1), ("alert.cleared", name, "hot", "red", 0)]


def test_who_is_gone(node, name):
    agent = connected(node.url, name)
    tell(agent, cpu=0.1)
    until(lambda: level(node.url, name), lambda found: found == "ok")
    agent.connection.__exit__()
    (alert,) = until(lambda: alerts(node.url, f"?client={name}"), len)
    assert alert["alert"] == "gone" and "value" not in alert
    assert level(node.url, name) == "red"
    agent = connected(node.url, name)
    until(lambda: names(node.url, name), lambda found: not found)
    agent.connection.__exit__()


def test_who_never_told_its_health_is_not_missed(node, name):
    connected(node.url, name).connection.__exit__()
    # Nothing is to come, so there is nothing to await: longer than it takes who told its health to be missed.
    time.sleep(2.5)
    assert alerts(node.url, f"?client={name}") == []
    assert level(node.url, name) is None


def test_the_agent_of_the_program(node, name):
    words = [processes.executable(), "agent", "--url", node.url, "--id", name, "--monitor", "--health-interval", "0.2"]
    words += ["--health-field", "queue=50", "--health-field", "door=ajar", "--health-field", 'till={"coins": [1, 2]}']
    agent = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: names(node.url, name) & {"door", "slow"}, lambda found: len(found) == 2)
        health = wire.call(node.url, "GET", f"/v1/clients/{name}").json()["health"]
        assert health["queue"] == 50 and health["door"] == "ajar" and health["till"] == {"coins": [1, 2]}
        assert health["version"] and health["host"] and health["uptime"] > 0 and 0 <= health["cpu"] <= 1
        table = command(node.url, "--client", name).stdout.splitlines()
        assert table[0].split()[:4] == ["LEVEL", "CLIENT", "ALERT", "VALUE"]
        assert any(line.split()[:4] == ["amber", name, "door", "ajar"] for line in table)
        listed = json.loads(command(node.url, "--level", "amber", "--json").stdout)["alerts"]
        assert name in {alert["client"] for alert in listed}
    finally:
        agent.send_signal(signal.SIGINT)
        assert agent.wait(10) == 0
    assert command(node.url, "--client", "nobody").stdout == "no alerts\n"


AGENT_REFUSALS = {
    "no value": ["door"],
    "no name": ["=1"],
    "a dot": ["a.b=1"],
    "one that there is": ["cpu=1"],
    "twice": ["a=1", "--health-field", "a=2"],
    "too much": ["a=" + "x" * 4000],
}


@pytest.mark.parametrize("case", AGENT_REFUSALS)
def test_fields_that_are_none(case):
    words = [processes.executable(), "agent", "--url", "ws://127.0.0.1:9", "--health-field", *AGENT_REFUSALS[case]]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 64 and "health-field" in done.stderr


REFUSED = {
    "/v1/alerts?level=green": "invalid_request",
    "/v1/alerts?client=a%20b": "invalid_client_id",
    "/v1/alerts?colour=red": "invalid_request",
    "/v1/alerts/rules?name=a": "invalid_request",
}


@pytest.mark.parametrize("path", REFUSED)
def test_refused(url, path):
    expect(wire.call(url, "GET", path), REFUSED[path])


BAD_RULES = {
    "cpu > 0.9": "its name and a colon",
    "a: cpu >> 1": "one of > >= < <= == !=",
    "a: cpu > much": "a number behind >",
    "a: cpu > 1 for ever": "0 to 86400 seconds",
    "a: cpu > 1 yellow": "amber or red",
    "a: cpu > 1, a: cpu > 2": "two rules 'a'",
}


@pytest.mark.parametrize("rules", BAD_RULES)
def test_bad_rules_stop_the_start(rules):
    words = [processes.executable(), "serve", "--port", "0", "--alert-rules", rules]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 64
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert BAD_RULES[rules] in lines[0] and ("--alert-rules" in lines[0] or "alertRules" in lines[0])


@contextlib.contextmanager
def cluster(*names: str):
    with processes.redis() as redis, contextlib.ExitStack() as stack:
        nodes = {
            name: stack.enter_context(
                processes.running_node("--redis", redis.url, "--node-id", name, "--alert-rules", RULES))
            for name in names
        }
        first = next(iter(nodes.values())).url
        until(lambda: wire.call(first, "GET", "/v1/nodes").json()["nodes"], lambda found: len(found) == len(names))
        yield nodes


@pytest.mark.own_node
def test_a_client_that_moves_takes_its_alert_along(name):
    with cluster("a", "b") as nodes:
        a, b = nodes["a"].url, nodes["b"].url
        agent = connected(a, name)
        tell(agent, cpu=1)
        (before,) = until(lambda: alerts(b, f"?client={name}"), len)
        assert before["node"] == "a"
        moved = connected(b, name)
        tell(moved, cpu=0.99)
        (after,) = until(lambda: alerts(a, f"?client={name}"), lambda found: found and found[0]["node"] == "b")
        assert (after["since"], after["alert"], after["value"]) == (before["since"], "hot", 0.99)
        tell(moved, cpu=0)
        until(lambda: names(a, name), lambda found: not found)


@pytest.mark.own_node
def test_the_alerts_of_a_node_that_dies_are_not_for_ever(name):
    """They go on until it is known whether the client comes back; then it is offline, which is an alert of its own."""
    with cluster("a", "b") as nodes:
        agent = connected(nodes["b"].url, name)
        tell(agent, cpu=1, door="shut tight")
        until(lambda: names(nodes["a"].url, name), lambda found: found == {"hot"})
        nodes["b"].process.kill()
        nodes["b"].process.wait()
        url = nodes["a"].url
        until(lambda: names(url, name), lambda found: "gone" in found, seconds=40)
        until(lambda: names(url, name), lambda found: found == {"gone"}, seconds=60)
        agent = connected(url, name)
        until(lambda: names(url, name), lambda found: not found)
        agent.connection.__exit__()
