"""Where messages of clients go."""

import json
import subprocess
import urllib.parse
import uuid

import agents
import nodes
import processes
import wire


def redis_cli(redis, *words: str):
    port = urllib.parse.urlsplit(redis.url).port
    done = subprocess.run(["redis-cli", "-p", str(port), "--json", *words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def connect(url: str) -> agents.Agent:
    client = wire.connect(url, f"kiosk-{uuid.uuid4().hex[:12]}", framed=True)
    return agents.Agent(client)


def send(agent: agents.Agent, *ids: str) -> None:
    for id in ids:
        agent.send(type="message", id=id, data={"n": id})
        assert agent.next("ack")["ref"] == id


def test_a_consumer_group_reads_the_stream(cluster, redis, receiver):
    node = cluster()
    agent = connect(node.url)
    redis_cli(redis, "XGROUP", "CREATE", "sb:upstream", "backends", "$", "MKSTREAM")
    send(agent, *(f"m{number}" for number in range(20)))
    send(agent, "m3")
    read = {}
    for consumer in ("one", "two"):
        words = ["XREADGROUP", "GROUP", "backends", consumer, "COUNT", "10", "STREAMS", "sb:upstream", ">"]
        for id, fields in redis_cli(redis, *words)["sb:upstream"]:
            entry = dict(zip(fields[::2], fields[1::2], strict=True))
            assert entry["client"] == agent.id
            assert entry["session"] == agent.hello["session"]
            assert (entry["format"], json.loads(entry["data"])) == ("json", {"n": entry["id"]})
            read[entry["id"]] = consumer
            assert redis_cli(redis, "XACK", "sb:upstream", "backends", id) == 1
    assert list(read) == [f"m{number}" for number in range(20)]
    assert set(read.values()) == {"one", "two"}
    assert redis_cli(redis, "XPENDING", "sb:upstream", "backends")[0] == 0
    assert receiver.events("client.message") == []


def test_to_both(cluster, redis, receiver):
    node = cluster("--upstream", "both")
    agent = connect(node.url)
    send(agent, "a", "b", "a")
    events = receiver.wait_for(2, "client.message", agent.id)
    assert [event.get_data() for event in events] == [{"n": "a"}, {"n": "b"}]
    assert redis_cli(redis, "XLEN", "sb:upstream") == 2


def test_to_the_webhook_alone(cluster, redis, receiver):
    node = cluster("--upstream", "webhook")
    agent = connect(node.url)
    send(agent, "a")
    receiver.wait_for(1, "client.message", agent.id)
    assert redis_cli(redis, "EXISTS", "sb:upstream") == 0


def test_nowhere(cluster, redis, receiver):
    node = cluster("--upstream", "none")
    agent = connect(node.url)
    agent.send(type="message", id="a", data=1)
    refusal = agent.next("error")
    assert (refusal["code"], refusal["ref"]) == ("upstream_off", "a")
    receiver.wait_for(1, "client.connected", agent.id)
    assert redis_cli(redis, "EXISTS", "sb:upstream") == 0
    assert receiver.events("client.message") == []


def test_nothing_is_written_without_a_webhook(redis):
    with processes.running_node("--redis", redis.url) as node:
        agent = connect(node.url)
        send(agent, "a")
        agent.send(type="health", data={})
        agent.connection.__exit__()
        wire.await_state(node.url, agent.id, "suspect")
        assert redis_cli(redis, "KEYS", "*webhooks*") == []
        assert nodes.status(node.url)["enabled"] is False
