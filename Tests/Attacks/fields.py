"""A node under attack: the attackers, the honest clients, and what each round says of the node."""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field

import processes
import wire
from siege import ATTACKS, Attack

FOLDER = pathlib.Path(__file__).resolve().parent
# Times that a test can wait for, and that a busy machine does not miss; everything else is as a node has it by default, but for the numbers of what is held.
FLAGS = (
    *("--head-timeout", "2s", "--body-timeout", "2s", "--answer-timeout", "2s", "--max-groups", "50", "--diagnostics"),
    *("--max-connections-per-address", "100", "--max-plain-connections", "2000", "--trusted-proxies", "127.0.0.1,::1"),
)


@dataclass(frozen=True)
class Scale:
    clients: int
    rounds: int
    seconds: float
    #: Pushes a second.
    rate: int
    #: Milliseconds below which a p99 says more of the machine's scheduler than of the node.
    grain: float


# The short form is for debug builds, on machines that have something else to do: whether honest clients are served at all.
# What a release build does to them is what the full form measures.
SHORT = Scale(clients=100, rounds=3, seconds=0.8, rate=150, grain=50)
FULL = Scale(clients=1000, rounds=5, seconds=4, rate=200, grain=1)


def scale() -> Scale:
    return FULL if os.environ.get("ATTACKS") == "full" else SHORT


def flags() -> tuple[str, ...]:
    """Those of the node; with compression, where it has it."""
    helped = subprocess.run([processes.executable(), "serve", "--help"], capture_output=True, text=True, check=True)
    return (*FLAGS, "--compression") if "--compression" in helped.stdout else FLAGS


class Helper:
    """A program of ours that is told one line and answers with one."""

    def __init__(self, program: str, *arguments: str):
        path = os.pathsep.join(str(folder) for folder in (FOLDER, FOLDER.parent / "API", FOLDER.parent / "Conformance/node"))
        command = [sys.executable, "-B", str(FOLDER / program), *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
        self.answer()

    def tell(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict:
        line = self._process.stdout.readline()
        assert line, f"{self._process.args[2]} ended with {self._process.wait()}"
        return json.loads(line)

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait()


class Memory:
    """What the node has resident, and the most that it had while somebody looked."""

    def __init__(self, process: subprocess.Popen):
        self._status = pathlib.Path(f"/proc/{process.pid}/status")

    @property
    def megabytes(self) -> float:
        return int(self._status.read_text().split("VmRSS:")[1].split()[0]) / 1024

    @contextlib.contextmanager
    def watched(self):
        """Yields a list whose last entry is the most, once it is over."""
        seen = [self.megabytes]
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                seen.append(self.megabytes)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()
            seen.append(max(seen))


@dataclass
class Report:
    """What one attack has done."""

    attack: Attack
    before: float
    peak: float = 0
    ended: dict[str, int] = field(default_factory=dict)
    quiet: list[float] = field(default_factory=list)
    attacked: list[float] = field(default_factory=list)
    lost: int = 0

    @property
    def ratio(self) -> float:
        return statistics.median(self.attacked) / statistics.median(self.quiet)

    def line(self) -> str:
        ended = " ".join(f"{code}:{count}" for code, count in sorted(self.ended.items()))
        return (
            f"{self.attack.name:<48} {self.attack.rate:>4}/s  {self.before:6.1f} {self.peak:6.1f}  "
            f"{statistics.median(self.quiet):7.2f} {statistics.median(self.attacked):7.2f} {self.ratio:5.2f}  {ended}")

    HEAD = f"{'attack':<48} {'steps':>6}  {'MB':>6} {'most':>6}  {'quiet':>7} {'attack':>7} {'ratio':>5}  how connections ended"


class Field:
    """One node, its honest clients, and the attackers."""

    def __init__(self, node: processes.Node, scale: Scale):
        self.node = node
        self.scale = scale
        self.memory = Memory(node.process)
        self._honest = Helper("honest.py", node.url, str(scale.clients))
        self._attackers = Helper("siege.py", node.url)

    def close(self) -> None:
        self._attackers.stop()
        self._honest.stop()

    def quiet(self) -> dict:
        self._honest.tell(f"{self.scale.seconds} {self.scale.rate}")
        return self._honest.answer()

    def attacked(self, name: str) -> tuple[dict, dict]:
        """What honest clients saw, and how the connections of the attack ended."""
        # It has begun when the measuring does, and goes on until that is over.
        self._attackers.tell(f"{name} {self.scale.seconds + 0.6}")
        time.sleep(0.3)
        self._honest.tell(f"{self.scale.seconds} {self.scale.rate}")
        newcomer(self.node.url)
        return self._honest.answer(), self._attackers.answer()

    def round(self, report: Report) -> None:
        quiet = self.quiet()
        seen, ended = self.attacked(report.attack.name)
        report.quiet.append(p99(quiet["times"]))
        report.attacked.append(p99(seen["times"]))
        report.lost += quiet["lost"] + seen["lost"]
        for code, count in ended.items():
            report.ended[code] = report.ended.get(code, 0) + count

    def run(self, name: str) -> Report:
        """Quiet and attack in turn. When the median of the rounds says that honest clients suffer, more rounds decide, and
        so when no connection has come to its end: the machine may have had something else to do."""
        report = Report(ATTACKS[name], self.memory.megabytes)
        with self.memory.watched() as seen:
            for number in range(5 * self.scale.rounds):
                self.round(report)
                if number + 1 >= self.scale.rounds and served(report) and not fell_short(report):
                    break
        report.peak = seen[-1]
        return report


def served(report: Report) -> bool:
    """Whether honest clients are served within twice the time of quiet."""
    return statistics.median(report.attacked) <= 2 * max(statistics.median(report.quiet), scale().grain)


def fell_short(report: Report) -> bool:
    """Whether the attack, which has but the idle time of the machine, did not get as far as being cut off."""
    attack = report.attack
    return attack.quick and attack.counted is not None and bool(attack.codes) and not report.ended


def p99(times: list[float]) -> float:
    assert times, "no push arrived"
    return sorted(times)[int(len(times) * 0.99)]


def newcomer(url: str) -> None:
    """Somebody honest comes, is pushed to, and goes."""
    name = f"newcomer-{uuid.uuid4().hex[:8]}"
    client = wire.connect(url, name)
    assert wire.call(url, "POST", f"/v1/clients/{name}/push", b"hello").json()["delivered"] == 1
    assert client.connection.frame().payload == b"hello"
    client.connection.send_frame(wire.CLOSE, b"\x03\xe8")
    client.close()
