"""The machine: where things are, which cores they run on, and how they are built."""

import contextlib
import json
import os
import platform
import random
import resource
import socket
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent
PROJECT = BENCHMARKS.parent
LOADGEN = BENCHMARKS / ".build" / "loadgen"
FLOOR = BENCHMARKS / ".build" / "floor"


class Trouble(Exception):
    """Something that makes a measurement impossible; the message is for the person at the terminal."""


def cores() -> tuple[int, int]:
    """The core of the servers, and that of the load generator and of Redis."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Trouble("two cores are needed: one for the server, one for the load generator")
    return allowed[0], allowed[1]


def raise_open_files() -> None:
    """One descriptor per connection; inherited by everything that is started."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def build_tools() -> None:
    """Builds the load generator and the floor."""
    done = subprocess.run(["make", "-s", "-C", str(BENCHMARKS)], capture_output=True, text=True)
    if done.returncode:
        raise Trouble(f"the C tools do not build:\n{done.stderr}")


def switchboard() -> Path:
    """The binary under test: SWITCHBOARD_BIN, or the release build, made if it is missing."""
    named = os.environ.get("SWITCHBOARD_BIN")
    if named and not os.access(named, os.X_OK):
        raise Trouble(f"SWITCHBOARD_BIN is no program: {named}")
    if named:
        return Path(named).resolve()
    built = PROJECT / ".build" / "release" / "switchboard"
    if not built.exists():
        print("building switchboard (swift build -c release) ...", file=sys.stderr)
        command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "-Xswiftc", "-enforce-exclusivity=unchecked"]
        command += ["--product", "switchboard"]
        if subprocess.run(command, cwd=PROJECT, stdout=sys.stderr).returncode:
            raise Trouble("switchboard does not build")
    return built


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on, below those that the kernel gives to connections."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def loadgen(mode: str, ports: list[int], *options: str) -> dict:
    """Runs the load generator on its core and returns its report."""
    servers = ",".join(f"127.0.0.1:{port}" for port in ports)
    command = ["taskset", "-c", str(cores()[1]), str(LOADGEN), *options, mode, servers]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.stderr:
        print(done.stderr.rstrip(), file=sys.stderr)
    if done.returncode and not done.stdout:
        raise Trouble(f"the load generator failed: {' '.join(command)}")
    return json.loads(done.stdout)


def description() -> dict:
    """What the figures were measured on, and of what."""
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    commit = subprocess.run(["git", "-C", str(PROJECT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "commit": commit.stdout.strip()}
