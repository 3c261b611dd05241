"""Says in one line what a run has done, and of a finding all that is needed to see it again.

usage: summary.py TARGET LOG STATUS USER SYSTEM     the last two: seconds of processor time, whatever else the machine had to do
"""

import re
import sys

target, path, status, *seconds = sys.argv[1:]
log = open(path, errors="replace").read()


def stat(name):
    found = re.search(rf"^stat::{name}:\s+(\d+)", log, re.M)
    return int(found[1]) if found else 0


def last(word):
    found = re.findall(rf"^#\d+.* {word}: (\d+)", log, re.M)
    return int(found[-1]) if found else 0


runs, peak, seconds = stat("number_of_executed_units"), stat("peak_rss_mb"), sum(map(float, seconds))
print(
    f"{target:<14}{runs:>12} executions{seconds:>8.0f} s{runs / max(1, seconds):>9.0f}/s{last('cov'):>7} edges"
    f"{last('ft'):>8} features{peak:>6} MB   {'nothing found' if status == '0' else 'FOUND'}",
    flush=True,
)
if status != "0":
    lines = [line for line in log.splitlines() if re.match(r"violated: |Fatal error|.*Fatal error: |==\d+==|SUMMARY", line)]
    print("\n".join(f"    {line}" for line in lines[:6]))
    for file in re.findall(r"Test unit written to (\S+)", log):
        print(f"    Tests/Fuzz/run --replay {target} {file}")
    if not lines:
        print("\n".join(f"    {line}" for line in log.splitlines()[-15:]))
    sys.stdout.flush()
