"""Runs every check of the HTTP API twice: against a node on its own, and against one with Redis that asks for a key."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest.mock
import xml.etree.ElementTree

import yaml

import fleet
import guarded
import processes
import wire

SEED = 20260105
EXAMPLES = 15
FOLDER = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.executable).parent


# HTTP itself, and what starts nodes of its own, is the same with Redis and without.
TESTS = {
    "single node": ["."],
    "with Redis and keys": [
        *("test_specification.py", "test_payloads.py", "test_problems.py", "test_commands.py", "test_mailboxes.py"),
        *("test_many_pushes.py", "test_repeats.py", "test_trace.py", "test_metrics.py", "test_nodes.py"),
        "test_rollouts.py",
        *("-m", "not own_node"),
    ],
}


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, passed: bool, what: str) -> None:
        self.passed += passed
        self.failed += not passed
        print(f"{what}: {'as it should be' if passed else 'FAILED'}", flush=True)

    def add(self, what: str, report: pathlib.Path, status: int) -> None:
        """Counts the tests of a JUnit report. A tool that failed without saying which test counts as one failure."""
        passed = failed = 0
        if report.exists():
            for case in xml.etree.ElementTree.parse(report).iter("testcase"):
                tags = {child.tag for child in case}
                if tags & {"failure", "error"}:
                    failed += 1
                elif "skipped" not in tags:
                    passed += 1
        if status != 0 and failed == 0:
            failed = 1
        if passed + failed == 0:
            failed = 1
        self.passed += passed
        self.failed += failed
        print(f"{what}: {passed} passed, {failed} failed", flush=True)


def run_pytest(tally: Tally, name: str, environment: dict, reports: pathlib.Path, arguments: list[str]) -> None:
    report = reports / f"pytest-{name}.xml"
    command = [BIN / "python", "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    done = subprocess.run([*command, *arguments], cwd=FOLDER, env=environment)
    tally.add(f"{name}: pytest", report, done.returncode)


def run_schemathesis(tally: Tally, name: str, url: str, environment: dict, reports: pathlib.Path) -> None:
    report = reports / f"schemathesis-{name}.xml"
    key = environment.get("SWITCHBOARD_KEY")
    # Where there are no keys nobody is asked for one.
    source = f"{url}/openapi.yaml" if key else without_security(url, reports / "open.json")
    command = [BIN / "schemathesis", "run", source, "--url", url, "--seed", SEED, "--max-examples", EXAMPLES]
    command += ["--checks", "all", "--mode", "all", "--continue-on-failure", "--request-timeout", "10", "--no-color"]
    if key:
        command += ["--header", f"Authorization: Bearer {key}"]
    command += ["--suppress-health-check", "all", "--report", "junit", "--report-junit-path", report]
    print(f"{name}: schemathesis with seed {SEED}", flush=True)
    before = total(url)
    with fleet.connected(url) as clients:
        names = {"FLEET_CLIENTS": " ".join(fleet.CLIENTS), "FLEET_GROUPS": " ".join(fleet.GROUPS)}
        names["FLEET_TO_BE_CLOSED"] = " ".join(fleet.TO_BE_CLOSED)
        nodes = wire.call(url, "GET", "/v1/nodes").json()["nodes"]
        names["FLEET_NODES"] = " ".join(node["id"] for node in nodes)
        done = subprocess.run([str(word) for word in command], cwd=FOLDER, env=environment | names)
        delivered = total(url)["deliveries"] - before["deliveries"]
        received = settled(clients, delivered)
    tally.add(f"{name}: schemathesis", report, done.returncode)
    # What the node counted is what arrived, and it was not nothing.
    tally.check(0 < delivered == received, f"{name}: {delivered} deliveries counted by the node, {received} received")
    tally.check(clients.closed > 0, f"{name}: {clients.closed} clients were closed by the API")


def without_security(url: str, file: pathlib.Path) -> pathlib.Path:
    """The API as it is where everybody may do everything."""
    specification = yaml.safe_load(wire.call(url, "GET", "/openapi.yaml").body)
    specification.pop("security", None)
    for path in specification["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
    file.write_text(json.dumps(specification, default=str))
    return file


def total(url: str) -> dict:
    return wire.call(url, "GET", "/v1/stats").json()["total"]


def settled(clients: fleet.Fleet, wanted: int) -> int:
    """What the clients have received, once it is what they should have, or 5 s later."""
    deadline = time.monotonic() + 5
    while (received := sum(clients.received.values())) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return received


def main() -> int:
    arguments = sys.argv[1:]
    tally = Tally()
    start = time.monotonic()
    print(f"testing {processes.executable()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="switchboard-api-") as directory:
        reports = pathlib.Path(directory)
        for name in TESTS:
            with contextlib.ExitStack() as stack:
                options, keys = [], {}
                if name != "single node":
                    options = ["--redis", stack.enter_context(processes.redis()).url]
                    file = reports / "keys"
                    keys["SWITCHBOARD_KEY"] = guarded.make_key(file, "tests", "admin")
                    options += ["--key-file", str(file), "--allow-anonymous"]
                url = stack.enter_context(processes.node(*options))
                stack.enter_context(unittest.mock.patch.dict(os.environ, {"SWITCHBOARD_URL": url, **keys}))
                environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
                environment["HYPOTHESIS_STORAGE_DIRECTORY"] = str(reports / "hypothesis")
                run_pytest(tally, name, environment, reports, arguments or TESTS[name])
                if not arguments:
                    run_schemathesis(tally, name, url, environment, reports)
        if not arguments:
            tour = subprocess.run([BIN / "python", "readme_tour.py"], cwd=FOLDER)
            tally.passed += tour.returncode == 0
            tally.failed += tour.returncode != 0
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


sys.exit(main())
