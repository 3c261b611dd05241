"""Each loss of a client is told once, whatever dies."""

import os
import random
import time
from collections import Counter

import nodes
import wire

# The contract shows 5000; CI has other things to do as well.
CLIENTS = int(os.environ.get("WEBHOOKS_CLIENTS", "400"))


def counts(receiver, kind: str) -> Counter:
    """How often each client was told of, repetitions of one event counted once."""
    return Counter(event.get_subject() for event in receiver.unique(kind))


def online(url: str) -> set[str]:
    """Who is shown so."""
    found, cursor = set(), ""
    while cursor is not None:
        page = wire.call(url, "GET", f"/v1/clients?state=online&limit=1000{cursor}").json()
        found |= {client["clientId"] for client in page["clients"]}
        cursor = f"&cursor={page['next']}" if "next" in page else None
    return found


def test_a_killed_node(cluster, receiver):
    doomed, other, third = (cluster("--webhook-grace", "5") for _ in range(3))
    names = [f"c{number:05}" for number in range(CLIENTS)]
    back = set(random.Random(4).sample(names, CLIENTS // 4))
    stays = {f"stays{number}" for number in range(20)}
    with nodes.crowd(other.url, sorted(stays)):
        with nodes.crowd(doomed.url, names):
            receiver.wait_for(CLIENTS + 20, "client.connected", seconds=120)
            nodes.kill(doomed)
            killed = time.monotonic()
            with nodes.crowd(third.url, sorted(back)):
                lost = set(names) - back
                wire.until(lambda: online(other.url), lambda found: found == stays | back)
                shown = time.monotonic() - killed
                assert shown < 15
                receiver.wait_for(len(lost), "client.disconnected", seconds=120)
                took = time.monotonic() - killed
                # The losses of all of them were known together: what is not told by now is not told any more.
                wire.until(lambda: nodes.status(other.url), lambda status: status["losses"] == 0 and status["waiting"] == 0)
                told = counts(receiver, "client.disconnected")
                assert set(told) == lost and set(told.values()) == {1}
                for event in receiver.unique("client.disconnected"):
                    assert event.get_extension("epoch") == 1 and event.get_data()["lost"] is True
                    assert event.get_data()["closeReason"] == "the node was lost"
                assert set(counts(receiver, "client.connected").values()) == {1}
                assert nodes.status(third.url)["clients"] == len(back) + 20
                print(f"{CLIENTS} clients, {len(back)} of them came back; presence right after {shown:.1f} s, {len(lost)} told after {took:.1f} s")
            # Now they are gone as well.
            receiver.wait_for(CLIENTS, "client.disconnected", seconds=60)
            told = counts(receiver, "client.disconnected")
            assert set(told) == set(names) and set(told.values()) == {1}
            epochs = {event.get_subject(): event.get_extension("epoch") for event in receiver.unique("client.disconnected")}
            assert all(epochs[name] == 2 for name in back)


def test_a_node_that_is_killed_and_started_again(cluster, receiver):
    """Under the same id, before anybody noticed that it was gone."""
    names = [f"c{number}" for number in range(20)]
    node = cluster("--node-id", "same")
    with nodes.crowd(node.url, names):
        receiver.wait_for(20, "client.connected")
        nodes.kill(node)
    again = cluster("--node-id", "same")
    with nodes.crowd(again.url, names[:5]):
        receiver.wait_for(15, "client.disconnected")
        wire.until(lambda: nodes.status(again.url), lambda status: status["losses"] == 0 and status["waiting"] == 0)
        told = counts(receiver, "client.disconnected")
        assert set(told) == set(names[5:]) and set(told.values()) == {1}
        assert online(again.url) == set(names[:5])


def test_clients_that_go_while_redis_is_frozen(redis, cluster, receiver):
    node = cluster()
    names = [f"c{number}" for number in range(50)]
    with nodes.crowd(node.url, names):
        receiver.wait_for(50, "client.connected")
        redis.freeze()
    wire.until(lambda: wire.call(node.url, "GET", "/v1/webhooks").status, lambda status: status == 503)
    redis.thaw()
    receiver.wait_for(50, "client.disconnected")
    wire.until(lambda: nodes.status(node.url), lambda status: status["losses"] == 0 and status["waiting"] == 0)
    told = counts(receiver, "client.disconnected")
    assert set(told) == set(names) and set(told.values()) == {1}
    assert nodes.status(node.url)["clients"] == 0


def test_a_rolled_node(cluster, receiver):
    """Who moves to another node is not told of."""
    old, new = cluster("--drain-rate", "10", "--webhook-grace", "15"), cluster("--webhook-grace", "15")
    names = [f"c{number}" for number in range(30)]
    with nodes.crowd(old.url, names):
        receiver.wait_for(30, "client.connected")
        old.process.terminate()
        with nodes.crowd(new.url, names):
            old.process.wait(60)
            wire.until(lambda: nodes.status(new.url), lambda status: status["losses"] == 0 and status["waiting"] == 0)
            assert receiver.events("client.disconnected") == []
            assert set(counts(receiver, "client.connected").values()) == {1}


def test_everything_dies_and_comes_back(cluster, receiver):
    """Also without a node left, what Redis knows is told when there is one again."""
    node = cluster()
    with nodes.crowd(node.url, ["a", "b"]):
        receiver.wait_for(2, "client.connected")
        nodes.kill(node)
    later = cluster()
    receiver.wait_for(2, "client.disconnected", seconds=60)
    assert set(counts(receiver, "client.disconnected").values()) == {1}
    assert nodes.status(later.url)["clients"] == 0
