"""The attacks as they go on for a while: a process of its own, at the lowest priority and a stated rate, so that it is the node
that is looked at and not the processor time that an attacker on the same machine takes."""

import collections
import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Callable

import peers


@dataclass
class Attack:
    name: str
    #: Steps a second.
    rate: int
    #: What its connections may end with; "closed" is an end without a word.
    codes: frozenset[str]
    #: The series that must rise, as the tests' `label` takes it; None when the codes say enough.
    counted: tuple[str, dict] | None
    run: Callable[["Siege"], None]
    #: Whether it is cut off within a second: what takes longer is seen in longer rounds, and in a test of its own.
    quick: bool


ATTACKS: dict[str, Attack] = {}


def attack(name: str, *codes: str, rate: int = 200, counted: tuple[str, dict] | None = None, quick: bool = True):
    """Registers an attack under its name."""

    def register(function):
        ATTACKS[name] = Attack(name, rate, frozenset(codes), counted, function, quick)
        return function

    return register


class Siege:
    """One attack under way. Its steps are paced; what it holds is given up at the end."""

    def __init__(self, url: str, rate: int, until: float):
        self.url = url
        self.ended: collections.Counter[str] = collections.Counter()
        self._pause = 1 / rate
        self._next = time.monotonic()
        self._until = until
        self.number = 0

    def name(self, prefix: str) -> str:
        """An id that no other step uses."""
        self.number += 1
        return f"{prefix}-{os.getpid()}-{self.number}-{time.monotonic_ns()}"

    def goes_on(self) -> bool:
        """Waits for the next step's time. False when the attack is over."""
        now = time.monotonic()
        # Who was late does not make up for it: that would be another rate.
        self._next = max(self._next + self._pause, now)
        time.sleep(max(0.0, min(self._next, self._until) - now))
        return time.monotonic() < self._until

    def hold(self, count: int, begin: Callable[[], peers.Peer], go_on: Callable[[peers.Peer], object]) -> None:
        """Keeps up to `count` peers, each in turn one step further; one that has ended is replaced."""
        held: list[peers.Peer] = []
        turn = 0
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: [peer.close() for peer in held])
            while self.goes_on():
                if len(held) < count:
                    held.append(begin())
                    continue
                turn = (turn + 1) % count
                if held[turn].look():
                    self.ended[held[turn].verdict] += 1
                    held[turn] = begin()
                else:
                    go_on(held[turn])
            for peer in held:
                if peer.look():
                    self.ended[peer.verdict] += 1


def main() -> None:
    """Reads `NAME SECONDS` a line from standard input, attacks for so long, and answers with how connections ended."""
    import attacks  # noqa: F401 (registers them)

    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    url = sys.argv[1]
    print("{}", flush=True)
    for line in sys.stdin:
        name, seconds = line.rsplit(" ", 1)
        siege = Siege(url, ATTACKS[name].rate, time.monotonic() + float(seconds))
        ATTACKS[name].run(siege)
        print(json.dumps(siege.ended), flush=True)


if __name__ == "__main__":
    # Attacks register themselves with the module by its name.
    sys.modules["siege"] = sys.modules["__main__"]
    main()
