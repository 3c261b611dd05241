"""Counts what a push costs on the bus: how often it is published, and to how many nodes."""

import re
import socket
import threading
from collections import Counter

from . import machine

SENTINEL = "benchmark:all-seen"
SEEN_WITHIN = 10  # seconds
PUBLISHED = re.compile(rb'[\d.]+ \[\d+ \S+\] "publish" "((?:[^"\\]|\\.)*)" (.*)', re.IGNORECASE)
STAMP = re.compile(rb"@[0-9a-f]{16}\.[0-9a-f]{8}\.[0-9a-f]{8};")
RUN = ("--connections", "300", "--publishers", "16", "--depth", "1", "--rate", "1000", "--duration", "3")


class Redis:
    """As much of RESP2 as counting needs."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.stream = self.socket.makefile("rb")

    def send(self, *words: str) -> None:
        encoded = [word.encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
        self.socket.sendall(b"".join(parts))

    def read(self):
        line = self.stream.readline()
        if not line:
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            return self.stream.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
        if kind == b"-":
            raise machine.Trouble(f"redis: {rest.decode()}")
        return int(rest) if kind == b":" else rest

    def ask(self, *words: str):
        self.send(*words)
        return self.read()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.stream.close()
        self.socket.close()


class Observer:
    """Sees every PUBLISH, those of scripts too, and counts those which carry a stamped payload. It watches the
    commands and subscribes to nothing: a subscriber would be one more receiver, and nodes go by their number."""

    def __init__(self, port: int) -> None:
        self.stamped: Counter[bytes] = Counter()  # by channel
        self.unstamped = 0
        self.distinct: set[bytes] = set()
        self.all_seen = threading.Event()
        self.redis = Redis(port)
        self.redis.ask("MONITOR")
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self) -> None:
        while True:
            try:
                command = PUBLISHED.match(self.redis.read())
            except (EOFError, OSError, ValueError):
                return
            if command:
                self.count(*command.groups())

    def count(self, channel: bytes, message: bytes) -> None:
        if channel == SENTINEL.encode():
            self.all_seen.set()
            return
        stamps = STAMP.findall(message)
        self.distinct.update(stamps)
        self.stamped[channel] += len(stamps)
        self.unstamped += not stamps

    def catch_up(self, redis: Redis) -> None:
        """Waits until what was published before has been counted: Redis reports it in order."""
        self.all_seen.clear()
        redis.ask("PUBLISH", SENTINEL, "")
        if not self.all_seen.wait(SEEN_WITHIN):
            raise machine.Trouble("the bus does not carry messages")

    def deliveries(self, redis: Redis) -> int:
        """How many copies of the stamped messages Redis sent out."""
        if redis.ask("PUBSUB", "NUMPAT"):
            raise machine.Trouble("a node subscribes to patterns: its deliveries cannot be counted by channel")
        return sum(count * redis.ask("PUBSUB", "NUMSUB", channel.decode())[1]
                   for channel, count in self.stamped.items() if count)

    def stop(self) -> None:
        self.redis.close()
        self.thread.join()


def calls(redis: Redis, command: str) -> int:
    """How often Redis ran a command, in scripts too."""
    found = re.search(rb"cmdstat_%s:calls=(\d+)" % command.encode(), redis.ask("INFO", "commandstats"))
    return int(found[1]) if found else 0


def count_deliveries(target) -> dict:
    """Publishes targeted pushes and returns how many copies of one the bus carried, to how many nodes."""
    redis, observer = Redis(target.redis_port), Observer(target.redis_port)
    try:
        before = calls(redis, "publish")
        report = machine.loadgen("targeted", target.ports, *RUN, *target.options())
        published = calls(redis, "publish") - before
        observer.catch_up(redis)
        deliveries = observer.deliveries(redis)
    finally:
        observer.stop()
        redis.close()
    if not observer.distinct:
        raise machine.Trouble("no push was seen on the bus: its payload does not travel as it is")
    pushes = report["published"]
    return {
        "pushes": pushes,
        "completeness": report["completeness"],
        "seen_on_bus": len(observer.distinct),
        "deliveries_per_push": deliveries / pushes,
        "publish_calls_per_push": published / pushes,
        "other_messages_per_push": observer.unstamped / pushes,
        "channels": {name.decode(errors="replace"): n for name, n in sorted(observer.stamped.items()) if n},
    }
