"""What is told, in which form, and how often."""

import base64
import json
import time
import uuid

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook, WebhookVerificationError

import agents
import nodes
import receiver as receivers
import wire


def name() -> str:
    return f"kiosk-{uuid.uuid4().hex[:12]}"


def extension(event, attribute: str):
    return event.get_extension(attribute)


def test_the_life_of_a_client(start, receiver):
    node = start()
    id = name()
    client = wire.connect(node.url, id, framed=True, query="&group=tills&label.role=till")
    agent = agents.Agent(client)
    (connected,) = receiver.wait_for(1, "client.connected", id)
    assert connected.get_source() == "urn:switchboard:sb"
    assert connected.get_datacontenttype() == "application/json"
    assert connected.get_data()["groups"] == ["tills"]
    assert connected.get_data()["labels"] == {"role": "till"}
    assert connected.get_data()["mode"] == "framed"
    assert connected.get_data()["address"].startswith("127.0.0.1:")
    assert extension(connected, "session") == agent.hello["session"]
    assert extension(connected, "epoch") == agent.hello["epoch"]
    assert extension(connected, "node") == agent.hello["node"]

    agent.send(type="health", data={"load": 0.5})
    (health,) = receiver.wait_for(1, "client.health", id)
    assert health.get_data() == {"load": 0.5}
    assert extension(health, "session") == agent.hello["session"]

    client.close()
    (gone,) = receiver.wait_for(1, "client.disconnected", id)
    assert extension(gone, "session") == agent.hello["session"]
    assert extension(gone, "epoch") == agent.hello["epoch"]
    assert gone.get_data()["lost"] is True
    assert gone.get_data()["closeCode"] == 1006
    assert gone.get_time() > connected.get_time()
    assert nodes.status(node.url)["clients"] == 0


def test_an_orderly_close_says_so(start, receiver):
    node = start()
    id = name()
    client = wire.connect(node.url, id)
    wire.call(node.url, "DELETE", f"/v1/clients/{id}?reason=good+night")
    (gone,) = receiver.wait_for(1, "client.disconnected", id)
    assert (gone.get_data()["lost"], gone.get_data()["closeCode"]) == (False, 4004)
    assert gone.get_data()["closeReason"] == "good night"
    client.close()


MESSAGES = [
    (wire.TEXT, b"plain text \xc3\xa9 \"x\"", "text/plain", 'plain text \u00e9 "x"'),
    (wire.TEXT, b"", "text/plain", ""),
    (wire.BINARY, bytes(range(256)), "application/octet-stream", bytes(range(256))),
]


def test_messages_of_raw_clients(start, receiver):
    node = start("--upstream", "webhook")
    id = name()
    client = wire.connect(node.url, id)
    for opcode, payload, _, _ in MESSAGES:
        client.connection.send_frame(opcode, payload)
    events = receiver.wait_for(len(MESSAGES), "client.message", id)
    for event, (_, _, content_type, data) in zip(events, MESSAGES, strict=True):
        assert event.get_datacontenttype() == content_type
        assert event.get_data() == data
        assert extension(event, "messageid") is None
    client.close()


def test_messages_of_framed_clients(start, receiver):
    node = start("--upstream", "webhook")
    id = name()
    client = wire.connect(node.url, id, framed=True)
    agent = agents.Agent(client)
    data = {"price": 3.2, "nested": [1, None, "\u00e9"]}
    agent.send(type="message", id="m1", data=data)
    assert agent.next("ack")["ref"] == "m1"
    agent.send(type="message", id="m1", data=data)
    assert agent.next("ack")["ref"] == "m1"
    agent.send(type="message", data=None)
    agent.send(type="message", id="m2", base64=base64.b64encode(b"\x00\xff").decode())
    assert agent.next("ack")["ref"] == "m2"
    events = receiver.wait_for(3, "client.message", id)
    assert [event.get_data() for event in events] == [data, None, b"\x00\xff"]
    assert [extension(event, "messageid") for event in events] == ["m1", None, "m2"]
    assert all(extension(event, "session") == agent.hello["session"] for event in events)
    # The repetition was not told.
    time.sleep(0.3)
    assert len(receiver.events("client.message", id)) == 3
    client.close()


def test_pushes_that_nobody_took(start, receiver):
    node = start()
    id = name()
    body = {"to": {"client": id}, "text": "x", "durable": True, "ttl": 1, "id": f"p-{id}"}
    assert wire.call(node.url, "POST", "/v1/push", json.dumps(body).encode()).status == 202
    (expired,) = receiver.wait_for(1, "push.expired", id)
    assert expired.get_data() == {"push": f"p-{id}"}


def test_only_events_that_are_wanted(start, receiver):
    node = start("--webhook-events", "client.disconnected", "client.message", "--upstream", "webhook")
    id = name()
    client = wire.connect(node.url, id)
    client.connection.send_frame(wire.TEXT, b"hello")
    receiver.wait_for(1, "client.message", id)
    client.close()
    receiver.wait_for(1, "client.disconnected", id)
    assert {event.get_type() for event in receiver.events()} == {"client.disconnected", "client.message"}


def test_who_is_back_in_time_was_never_gone(start, receiver):
    node = start("--webhook-grace", "3")
    id = name()
    for _ in range(3):
        client = wire.connect(node.url, id)
        client.close()
        wire.await_state(node.url, id, "suspect")
    last = wire.connect(node.url, id)
    # A newer session replaces it.
    newer = wire.connect(node.url, id)
    session = wire.await_state(node.url, id, "online")
    marker = wire.connect(node.url, name())
    receiver.wait_for(1, "client.connected", marker.id)
    marker.close()
    # Told behind everything that could have been told before.
    receiver.wait_for(1, "client.disconnected", marker.id)
    assert [event.get_type() for event in receiver.events(client=id)] == ["client.connected"]
    newer.close()
    last.close()
    (gone,) = receiver.wait_for(1, "client.disconnected", id)
    assert extension(gone, "epoch") == session["epoch"]
    assert extension(gone, "session") == session["session"]


def test_events_go_together_or_alone(start, receiver):
    many = start("--upstream", "webhook", "--node-id", "many")
    client = wire.connect(many.url, name())
    for number in range(250):
        client.connection.send_frame(wire.TEXT, b"%d" % number)
    events = receiver.wait_for(250, "client.message", client.id)
    assert [event.get_data() for event in events] == [str(number) for number in range(250)]
    assert {delivery.content_type for delivery in receiver.deliveries} == {"application/cloudevents-batch+json"}
    sizes = [len(delivery.events) for delivery in receiver.deliveries]
    assert max(sizes) <= 100 and len(sizes) < 60, sizes
    client.close()
    receiver.wait_for(1, "client.disconnected", client.id)
    # The next node delivers what the first would have.
    start.stop()
    alone = start("--upstream", "webhook", "--webhook-batch", "1", "--node-id", "alone")
    before = len(receiver.deliveries)
    client = wire.connect(alone.url, name())
    for number in range(20):
        client.connection.send_frame(wire.TEXT, b"%d" % number)
    events = receiver.wait_for(20, "client.message", client.id)
    assert [event.get_data() for event in events] == [str(number) for number in range(20)]
    assert {delivery.content_type for delivery in receiver.deliveries[before:]} == {"application/cloudevents+json"}
    client.close()


def test_one_secret_replaces_another(redis):
    old, new = receivers.SECRET, "whsec_" + base64.b64encode(bytes(range(32))).decode()
    with receivers.receiving(old) as first, receivers.receiving(new) as second:
        with nodes.starting(first, "--redis", redis.url, "--webhook-secret", new, "--webhook-secret", old) as start:
            node = start()
            client = wire.connect(node.url, name())
            first.wait_for(1, "client.connected", client.id)
            client.close()
            start.stop()
        # The same requests are good for who knows only the new one.
        with nodes.starting(second, "--redis", redis.url, "--webhook-secret", new, "--webhook-secret", old) as start:
            node = start()
            client = wire.connect(node.url, name())
            second.wait_for(1, "client.connected", client.id)
            client.close()


def test_the_receiver_would_notice():
    """The test's own receiver refuses what it must."""
    body = b'{"specversion":"1.0","id":"1","source":"s","type":"t"}'
    import datetime

    signature = Webhook(receivers.SECRET).sign("msg_1", datetime.datetime.now(), body.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": signature}
    Webhook(receivers.SECRET).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(receivers.SECRET).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(receivers.SECRET).verify(body, headers | {"webhook-id": "msg_2"})
    with pytest.raises(Exception):
        from_structured(HTTPMessage({}, b'{"specversion":"1.0","id":"1","source":"s"}'), JSONFormat())


def test_a_node_that_stops_tells_of_its_clients(receiver):
    """Without Redis nobody else could."""
    with nodes.starting(receiver) as start:
        node = start("--webhook-grace", "30")
        clients = [wire.connect(node.url, name()) for _ in range(3)]
        receiver.wait_for(3, "client.connected")
        node.process.terminate()
        node.process.wait(30)
        gone = receiver.unique("client.disconnected")
        assert len(gone) == 3
        for client in clients:
            client.close()


def test_a_function_that_answers(start, receiver):
    """The serverless way: called with each message, it answers by posting to the connection."""
    node = start("--upstream", "webhook", "--webhook-batch", "1")

    def answer(delivery):
        for event in delivery.events:
            if event.get_type() == "client.message":
                body = b"echo: " + event.get_data().encode()
                path = f"/v1/clients/{event.get_subject()}/push"
                pushed = wire.call(node.url, "POST", path, body, {"Content-Type": "text/plain"})
                assert pushed.json()["delivered"] == 1
        return receivers.Reply(204)

    receiver.behave = answer
    client = wire.connect(node.url, name())
    client.connection.send_frame(wire.TEXT, b"hello")
    assert client.connection.frame().payload == b"echo: hello"
    client.close()


def test_alerts(start, receiver):
    """Raised once, cleared once, in this order, and who comes back with the same trouble is not raised again."""
    node = start("--alert-rules", "hot: cpu > 0.9, door: door == open amber")
    id = name()
    agent = agents.Agent(wire.connect(node.url, id, framed=True))
    agent.send(type="health", data={"cpu": 0.97, "door": "shut"})
    (raised,) = receiver.wait_for(1, "client.alert.raised", id)
    data = raised.get_data()
    assert data["alert"] == "hot" and data["level"] == "red" and data["value"] == 0.97 and data["since"].endswith("Z")
    assert extension(raised, "node") == agent.hello["node"] and extension(raised, "epoch") == agent.hello["epoch"]
    agent.connection.__exit__()
    again = agents.Agent(wire.connect(node.url, id, framed=True))
    again.send(type="health", data={"cpu": 0.98, "door": "open"})
    again.send(type="health", data={"cpu": 0.1, "door": "open"})
    (cleared,) = receiver.wait_for(1, "client.alert.cleared", id)
    assert cleared.get_data() == {"alert": "hot", "level": "red", "value": 0.1, "since": data["since"]}
    raised = receiver.wait_for(2, "client.alert.raised", id)
    assert [event.get_data()["alert"] for event in raised] == ["hot", "door"]
