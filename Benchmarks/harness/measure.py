"""Runs the scenarios: floor and switchboard in turn, the calmest pairs, and their medians."""

import contextlib
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from . import bus, machine, servers
from .scenarios import BUS, NONE, Figure, Scenario

NOISY = 10  # percent of a core used by others: such a pair is measured again
SATURATED = 95  # percent of its core that the load generator needs at most, or it holds the server back
COUNTS_OF_ZERO = ("failed", "closed_by_server", "protocol_errors", "write_failed", "duplicates", "missing", "reordered",
                  "misdelivered", "not_succeeded")


@dataclass(frozen=True)
class Effort:
    """How long it may take."""

    pairs: int = 3
    spare: int = 3        # further pairs, while there are not enough calm ones
    shortened: float = 1  # durations are multiplied by this


QUICK = Effort(pairs=1, spare=0, shortened=0.34)


@dataclass
class Pair:
    """The floor's report, where there is one, and the server's, measured one right after the other."""

    floor: dict | None  # or the same server's without what is measured
    server: dict

    @property
    def foreign(self) -> float:
        return max(report["foreign_core_pct"] for report in (self.floor, self.server) if report)


def faults(report: dict) -> list[str]:
    """What makes the figures of a report void."""
    found = [f"{name} {report[name]}" for name in COUNTS_OF_ZERO if report.get(name)]
    if report.get("completeness", 1) < 1:
        found.append(f"completeness {report['completeness']}")
    if report.get("rate") and report["published_per_s"] < 0.97 * report["rate"]:
        found.append(f"only {report['published_per_s']}/s published")
    return found


def run_once(scenario: Scenario, target: servers.Target, effort: Effort, asking: tuple[str, ...] = ()) -> dict:
    options = ["--duration", f"{scenario.duration * effort.shortened:g}", "--warmup", f"{scenario.warmup:g}"]
    return machine.loadgen(scenario.mode, target.ports, *scenario.options, *asking, *options, *target.options())


def server_for(
        scenario: Scenario, binary: Path, flags: tuple[str, ...] = ()) -> contextlib.AbstractContextManager[servers.Target]:
    return servers.cluster(binary, scenario.nodes) if scenario.nodes else servers.node(binary, *flags)


def measure_pair(scenario: Scenario, binary: Path, effort: Effort) -> Pair:
    """Each on fresh processes, so that no run inherits another one's memory."""
    floor = None
    if scenario.with_floor:
        with servers.floor() as target:
            floor = run_once(scenario, target, effort)
    elif scenario.flags:
        with server_for(scenario, binary) as target:
            floor = run_once(scenario, target, effort)
    with server_for(scenario, binary, scenario.flags) as target:
        return Pair(floor, run_once(scenario, target, effort, scenario.asking))


def measure(scenario: Scenario, binary: Path, effort: Effort) -> dict:
    """All pairs of a scenario, and the lines of the table that come of the calmest. A server that fails
    must not cost the other figures: its lines are empty, and a note says why."""
    pairs: list[Pair] = []
    try:
        add_pairs(pairs, scenario, binary, effort)
    except machine.Trouble as trouble:
        return failed(scenario.name, scenario.figures, trouble)
    chosen = sorted(pairs, key=lambda pair: pair.foreign)[:effort.pairs]
    void = sorted({f"{side}: {fault}" for pair in chosen for side, report in vars(pair).items() if report
                   for fault in faults(report)})
    rows = [row(scenario, figure, chosen, bool(void)) for figure in scenario.figures]
    return {"scenario": scenario.name, "rows": rows, "notes": void + noise(chosen), "runs": [vars(pair) for pair in pairs]}


def noise(pairs: list[Pair]) -> list[str]:
    foreign = max(pair.foreign for pair in pairs)
    notes = [f"noisy: others used up to {foreign:.0f} % of a core"] if foreign > NOISY else []
    stalls = max(pair.server.get("stalls", 0) for pair in pairs)
    if stalls:
        notes.append(f"nothing was delivered or answered for half a second, {stalls} times")
    if min(pair.server["own_core_pct"] for pair in pairs) > SATURATED:
        notes.append("the load generator was the limit: the server could send more a second")
    return notes


def add_pairs(pairs: list[Pair], scenario: Scenario, binary: Path, effort: Effort) -> None:
    """Measures until there are enough calm pairs, or as many as may be."""
    while len(pairs) < effort.pairs + effort.spare:
        pairs.append(measure_pair(scenario, binary, effort))
        calm = sum(pair.foreign <= NOISY for pair in pairs)
        print(f"  {scenario.name}: run {len(pairs)}, {pairs[-1].foreign:.0f} % of a core used by others", file=sys.stderr)
        if calm >= effort.pairs:
            break


def row(scenario: Scenario, figure: Figure, pairs: list[Pair], void: bool) -> dict:
    """A line of the table. The ratio is the median of the pairs' ratios: what slows the machine down for a
    while slows down both of a pair."""
    value = statistics.median(pair.server[figure.key] for pair in pairs)
    if pairs[0].floor is None or not figure.has_floor:
        return line(figure, value, void=void)
    floor = statistics.median(pair.floor[figure.key] for pair in pairs)
    ratios = [pair.server[figure.key] / pair.floor[figure.key] for pair in pairs if pair.floor[figure.key]]
    return line(figure, value, floor, statistics.median(ratios) if ratios else None, void)


def line(figure: Figure, value: float | None, floor: float | None = None, ratio: float | None = None,
         void: bool = False) -> dict:
    """A void figure meets no target: messages that never arrived cost nothing."""
    met = value is not None and not void and figure.met(value, ratio)
    verdict = "" if figure.judged == NONE else "PASS" if met else "MISS"
    return {"figure": figure.title, "unit": figure.unit, "digits": figure.digits, "floor": floor, "switchboard": value,
            "ratio": ratio, "target": figure.target, "verdict": verdict}


def failed(name: str, figures: tuple[Figure, ...], trouble: machine.Trouble) -> dict:
    return {"scenario": name, "rows": [line(figure, None) for figure in figures], "notes": [str(trouble)], "runs": []}


def measure_bus(binary: Path) -> dict:
    """The proof that a targeted push costs one delivery on one node, however many nodes there are."""
    name = "cluster-bus"
    try:
        with servers.cluster(binary, 3) as target:
            counts = bus.count_deliveries(target)
    except machine.Trouble as trouble:
        return failed(name, (BUS,), trouble)
    void = counts["completeness"] < 1
    notes = [f"completeness {counts['completeness']}"] if void else []
    notes.append(f"{counts['publish_calls_per_push']:.2f} PUBLISH a push in all, with receipts and canaries")
    return {"scenario": name, "rows": [line(BUS, counts["deliveries_per_push"], void=void)], "notes": notes, "runs": [counts]}
