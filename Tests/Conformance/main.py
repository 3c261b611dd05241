"""Runs the kit: the halves beside each other, since both mostly wait."""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import rules

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
JAVASCRIPT = f"node {FOLDER}/adapters/agent.mjs {{url}} {{client}} {{group}} {{state}}"
SWIFT = "switchboard-conformance-agent"


def passes(halves: list[str], agent: str | None) -> dict[str, tuple[list[str], dict]]:
    """What is run: a name, pytest's arguments, and variables of the environment."""
    found: dict[str, tuple[list[str], dict]] = {}
    if "node" in halves:
        found["node: single"] = (["node"], {})
        found["node: two with Redis"] = (["node", "--with-redis"], {})
    if "agent" in halves:
        commands = {"agent": agent} if agent else _known_agents()
        for name, command in commands.items():
            found[name] = (["agent", "--agent", command], {})
    if "selftest" in halves:
        found["selftest: the reference agent"] = (["agent"], {})
        found["selftest: its faults"] = (["selftest"], {"CONFORMANCE_SECONDS": "7"})
    return found


def _known_agents() -> dict[str, str]:
    """Our own SDKs, as far as they are built."""
    agents = {"agent: JavaScript": JAVASCRIPT}
    beside = pathlib.Path(os.environ.get("SWITCHBOARD_BIN", "/")).parent
    for folder in (beside, ROOT / ".build/debug", ROOT / ".build/release"):
        if os.access(folder / SWIFT, os.X_OK):
            agents["agent: Swift"] = f"{folder / SWIFT} {{url}} {{client}} {{group}} {{state}}"
            break
    else:
        print(f"{SWIFT} is not built: the Swift SDK is not tested", flush=True)
    return agents


def run(found: dict[str, tuple[list[str], dict]], arguments: list[str], at_once: int = 3) -> int:
    """Runs the passes, `at_once` beside each other; prints each one's output when it is over."""
    waiting, running, failed, passed = list(found.items()), [], 0, 0
    with tempfile.TemporaryDirectory(prefix="switchboard-conformance-") as directory, contextlib.ExitStack() as stack:
        while waiting or running:
            while waiting and len(running) < at_once:
                name, (options, variables) = waiting.pop(0)
                number = len(found) - len(waiting)
                log = stack.enter_context(open(pathlib.Path(directory) / f"{number}.log", "w+"))
                report = pathlib.Path(directory) / f"{number}.xml"
                command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short", f"--junit-xml={report}"]
                process = subprocess.Popen(
                    [*command, *options, *arguments], cwd=FOLDER, stdout=log, stderr=subprocess.STDOUT,
                    env=os.environ | variables)
                running.append((name, process, log, report))
            finished = next((entry for entry in running if entry[1].poll() is not None), None)
            if finished is None:
                # Any of them may be the first to end.
                time.sleep(0.1)
                continue
            running.remove(finished)
            name, process, log, report = finished
            log.seek(0)
            good, bad = count(report)
            print(f"== {name}\n{log.read()}" if process.returncode else f"== {name}: {good} passed", flush=True)
            passed += good
            # A run that ended with an error and names no failed test has failed all the same.
            failed += bad or (1 if process.returncode not in (0, 5) else 0)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def count(report: pathlib.Path) -> tuple[int, int]:
    """How many tests passed and failed, after a JUnit report."""
    if not report.exists():
        return 0, 0
    good = bad = 0
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        tags = {child.tag for child in case}
        bad += bool(tags & {"failure", "error"})
        good += not tags & {"failure", "error", "skipped"}
    return good, bad


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tests/Conformance/run", allow_abbrev=False)
    parser.add_argument("--list", action="store_true", help="print every rule and its test")
    parser.add_argument("--agent", help="the command line of an agent, with {url} {client} {group} {state}")
    parser.add_argument("half", nargs="?", choices=["node", "agent", "selftest"], help="default: all")
    options, arguments = parser.parse_known_args()
    if options.list:
        rules.show()
        return 0
    halves = [options.half] if options.half else ["agent"] if options.agent else ["node", "agent", "selftest"]
    begin = time.monotonic()
    status = run(passes(halves, options.agent), arguments)
    print(f"{time.monotonic() - begin:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
