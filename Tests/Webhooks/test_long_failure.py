"""A backend that fails for a long time, in one way after the other: pushes do not notice, and nothing is lost.

`WEBHOOKS_MINUTES=10` for as long as operators fear; less than a minute in CI.
"""

import json
import os
import statistics
import threading
import time

import agents
import nodes
import wire
from receiver import Reply

SECONDS = 60 * float(os.environ.get("WEBHOOKS_MINUTES", "0.5"))
# Given up while the backend still fails, so that there are dead letters.
RETRY = max(5, SECONDS / 4)
TROUBLES = {
    "down": None,
    "answering 500": lambda delivery: Reply(500),
    "answering garbage": lambda delivery: Reply(garbage=b"\x00\xff no HTTP at all\r\n\r\n"),
    "slow": lambda delivery: Reply(503, after=3),
}


class Talk:
    """A client that sends ten messages a second up, each until it is acknowledged."""

    def __init__(self, url: str):
        self._agent = agents.Agent(wire.connect(url, "talker", framed=True))
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.accepted: set[str] = set()
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._ends.wait(0.1):
            number += 1
            self._agent.send(type="message", id=f"m{number}", data=f"m{number}")
            assert self._agent.next("ack")["ref"] == f"m{number}"
            self.accepted.add(f"m{number}")

    def end(self) -> None:
        self._ends.set()
        self._thread.join()
        self._agent.connection.__exit__()


def latencies(url: str, client: wire.Client, seconds: float) -> list[float]:
    """Seconds from each of some pushes to its arrival, a hundred pushes a second."""
    found = []
    end = time.monotonic() + seconds
    with wire.Connection(url) as connection:
        path = f"/v1/clients/{client.id}/push"
        while time.monotonic() < end:
            begin = time.perf_counter()
            connection.send(wire.request("POST", path, connection.host, b"x", {"Content-Type": "text/plain"}))
            assert client.connection.frame().payload == b"x"
            found.append(time.perf_counter() - begin)
            assert connection.answer("POST").status == 200
            time.sleep(max(0, 0.01 - found[-1]))
    return found


def describe(times: list[float]) -> str:
    return f"{statistics.median(times) * 1e6:.0f} us (median), {statistics.quantiles(times, n=100)[98] * 1e6:.0f} us (99 %)"


def test_a_backend_that_fails_for_long(cluster, receiver):
    node = cluster("--upstream", "webhook", "--webhook-retry", f"{RETRY:.0f}", "--webhook-timeout", "1", "--heartbeat-interval", "3600")
    client = wire.connect(node.url, "measured")
    talk = Talk(node.url)
    try:
        latencies(node.url, client, 1)
        healthy = latencies(node.url, client, max(4, SECONDS / 10))
        print(f"healthy: {describe(healthy)}")
        failing: list[float] = []
        for trouble, behave in TROUBLES.items():
            if behave:
                receiver.behave = behave
            else:
                receiver.stop()
            times = latencies(node.url, client, SECONDS / len(TROUBLES))
            if not behave:
                receiver.start()
            print(f"{trouble}: {describe(times)}, ratio {statistics.median(times) / statistics.median(healthy):.2f}")
            failing += times
    finally:
        talk.end()
    receiver.behave = lambda delivery: Reply()
    status = nodes.status(node.url)
    print(f"{len(talk.accepted)} messages; {status['dead']} dead and {status['waiting']} waiting at the end")
    assert status["dead"] > 0, "some are older than they are kept"
    # Replaying says that the backend works again, so that it is tried at once; what waited comes as well. What was under way
    # meanwhile may be given up after all.
    def is_settled(_) -> bool:
        json.loads(nodes.command(node.url, "replay"))
        status = nodes.status(node.url)
        assert status["refused"] == 0
        return status["waiting"] == 0 and status["dead"] == 0

    receiver.wait(is_settled, seconds=120)
    receiver.wait_for(len(talk.accepted), "client.message", "talker")
    assert {event.get_data() for event in receiver.unique("client.message", "talker")} == talk.accepted

    # The machine may be busier or slower now than it was at first, which no backend is to blame for.
    again = latencies(node.url, client, max(4, SECONDS / 10))
    base = max(statistics.median(healthy), statistics.median(again))
    print(f"healthy again: {describe(again)}; failing: {statistics.median(failing) / base:.2f} times the slower of the two")
    assert statistics.median(failing) < 2 * base + 0.001
    client.close()
    receiver.wait_for(2, "client.connected")
    receiver.wait_for(2, "client.disconnected")
