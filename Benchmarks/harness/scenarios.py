"""What is measured, and what the project promises about it."""

from dataclasses import dataclass

RATIO, VALUE, NONE = "ratio", "value", "none"

TARGETED = ("--publishers", "16", "--depth", "1")


@dataclass(frozen=True)
class Figure:
    """One line of the table: a value of the load generator's report."""

    title: str
    key: str
    unit: str
    digits: int = 2
    judged: str = NONE        # by its ratio to the floor, by its value, or not at all
    limit: float = 0.0        # at most this
    better: str = "less"      # what the limit means: at most, or at least ("more")
    has_floor: bool = True    # whether the floor's value means anything beside it

    @property
    def target(self) -> str:
        if self.judged == NONE:
            return ""
        sign = "≥" if self.better == "more" else "≤"
        return f"{sign} {self.limit:g} x floor" if self.judged == RATIO else f"{sign} {self.limit:g} {self.unit}".rstrip()

    def met(self, value: float, ratio: float | None) -> bool:
        judged = ratio if self.judged == RATIO else value
        return judged is not None and (judged >= self.limit if self.better == "more" else judged <= self.limit)


@dataclass(frozen=True)
class Scenario:
    """One way to load a server, the same for the floor and for switchboard."""

    name: str
    group: str                 # what --only names
    mode: str
    options: tuple[str, ...]
    figures: tuple[Figure, ...]
    nodes: int = 0             # 0: one node without Redis
    with_floor: bool = True
    duration: float = 6        # seconds; 0: the mode has no use for it
    warmup: float = 1
    # Measured beside the same server without them, in the place of the floor: flags of a node, and what its clients ask for.
    flags: tuple[str, ...] = ()
    asking: tuple[str, ...] = ()


PER_DELIVERY, PER_PUSH = "server_us_per_delivery", "server_us_per_publish"

SCENARIOS = (
    Scenario("broadcast-1000", "broadcast", "broadcast", ("--connections", "1000", "--rate", "20"), (
        Figure("broadcast to 1 000, 20/s: CPU per delivery", PER_DELIVERY, "us", 2, RATIO, 1.15),
    )),
    # The same 20 000 deliveries a second: 20/s to 10 000 would be more than a core, of the floor too.
    Scenario("broadcast-10000", "broadcast", "broadcast", ("--connections", "10000", "--rate", "2"), (
        Figure("broadcast to 10 000, 2/s: CPU per delivery", PER_DELIVERY, "us", 2, RATIO, 1.15),
    )),
    Scenario("broadcast-flat-out", "flatout", "broadcast", ("--connections", "1000"), (
        Figure("broadcast to 1 000, flat out: CPU per delivery", PER_DELIVERY, "us", 2, VALUE, 1.0),
        Figure("broadcast to 1 000, flat out: deliveries", "deliveries_per_s", "/s", 0),
    )),
    Scenario("targeted-flat-out", "targeted", "targeted", ("--connections", "1000", *TARGETED), (
        Figure("targeted push by HTTP, flat out: CPU per push", PER_PUSH, "us", 2, RATIO, 2.0),
        Figure("targeted push by HTTP, flat out: pushes", "published_per_s", "/s", 0),
    )),
    Scenario("targeted-1000", "latency", "targeted", ("--connections", "1000", "--rate", "1000", *TARGETED), (
        Figure("targeted push, 1 000/s: POST to socket, p50", "latency_p50_us", "us", 0),
        Figure("targeted push, 1 000/s: POST to socket, p99", "latency_p99_us", "us", 0, VALUE, 500),
    )),
    Scenario("idle-raw", "idle", "idle", ("--connections", "10000", "--settle", "2"), (
        Figure("10 000 connections: CPU per handshake", "server_us_per_handshake", "us", 1, VALUE, 110),
        # The floor's table of connections is made before they come: its own bytes would say nothing.
        Figure("10 000 idle connections, raw: resident memory each", "resident_per_connection", "bytes", 0, VALUE, 6500,
               has_floor=False),
    ), duration=1),
    Scenario("idle-framed", "idle", "idle", ("--connections", "10000", "--settle", "2", "--subprotocol", "switchboard.v1"), (
        Figure("10 000 idle connections, framed: resident memory each", "resident_per_connection", "bytes", 0, VALUE, 8000),
        Figure("10 000 connections, framed: CPU per handshake", "server_us_per_handshake", "us", 1),
    ), with_floor=False, duration=1),
    Scenario("churn", "churn", "churn", ("--connections", "500"), (
        Figure("connect and close, 500 at a time: CPU per cycle", "server_us_per_cycle", "us", 1),
    )),
    Scenario("cluster-1000", "cluster", "targeted", ("--connections", "1000", "--rate", "1000", *TARGETED), (
        Figure("three nodes and Redis, 1 000/s: POST to socket, p50", "latency_p50_us", "us", 0),
        Figure("three nodes and Redis, 1 000/s: POST to socket, p99", "latency_p99_us", "us", 0, VALUE, 3000),
        Figure("three nodes and Redis, 1 000/s: CPU per push, all nodes", PER_PUSH, "us", 1),
        Figure("three nodes and Redis, 1 000/s: CPU per push, Redis", "other_us_per_publish", "us", 1, has_floor=False),
    ), nodes=3),
    Scenario("cluster-flat-out", "cluster", "targeted", ("--connections", "1000", *TARGETED), (
        Figure("three nodes and Redis, flat out: CPU per push, all nodes", PER_PUSH, "us", 1),
        Figure("three nodes and Redis, flat out: pushes, one core for all nodes", "published_per_s", "/s", 0),
    ), nodes=3),
    Scenario("commands-500", "commands", "commands", ("--connections", "1000", "--rate", "500", *TARGETED), (
        Figure("three nodes and Redis, 500 commands/s: POST to answer, p50", "latency_p50_us", "us", 0),
        Figure("three nodes and Redis, 500 commands/s: POST to answer, p99", "latency_p99_us", "us", 0, VALUE, 10_000),
        Figure("three nodes and Redis, 500 commands/s: CPU per command, all nodes", PER_PUSH, "us", 1),
        Figure("three nodes and Redis, 500 commands/s: CPU per command, Redis", "other_us_per_publish", "us", 1),
    ), with_floor=False, nodes=3),
)

# A broadcast of a document of 1 KB, compressed; in the column of the floor the same node sends it as it is.
_DOCUMENT = ("--connections", "1000", "--rate", "20", "--payload", "1024", "--content", "json")

SCENARIOS += tuple(
    Scenario(f"compression-{mode}", "compression", "broadcast", (*_DOCUMENT, *options), (
        Figure(f"1 KB of JSON to 1 000, {mode}, compressed : not: CPU per delivery", PER_DELIVERY, "us", 2),
        Figure(f"1 KB of JSON to 1 000, {mode}, compressed : not: bytes per delivery", "bytes_per_push", "bytes", 0, RATIO, 0.5),
    ), with_floor=False, flags=("--compression",), asking=("--extensions", "permessage-deflate"))
    for mode, options in (("raw", ()), ("framed", ("--subprotocol", "switchboard.v1"))))

BUS = Figure("three nodes and Redis: bus deliveries of a push", "deliveries_per_push", "", 3, VALUE, 1.0, has_floor=False)

GROUPS = tuple(dict.fromkeys(scenario.group for scenario in SCENARIOS))
