"""Runs the blocks of README.md and docs/tours that are marked `tour`, as they are printed, and compares what they print."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import processes

SECONDS = 60
BLOCK = re.compile(r"^```(sh|json|text) tour\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- end of block ---"
# What differs from run to run: ids of pushes.
ULID = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")


def steps(file: pathlib.Path) -> list[tuple[str, str | None]]:
    """Each block of commands, with the output that is shown behind it, if any."""
    text = file.read_text()
    found: list[tuple[str, str | None]] = []
    for kind, body in BLOCK.findall(text):
        if kind == "sh":
            found.append((body, None))
        elif found and found[-1][1] is None:
            found[-1] = (found[-1][0], body)
        else:
            raise SystemExit(f"{file} shows an output without its commands:\n{body}")
    if len(found) < 5:
        raise SystemExit(f"{file} has lost its tour")
    return found


def plain(output: str) -> str:
    return ULID.sub("ID", output).strip()


def run(file: pathlib.Path, **variables: str) -> int:
    """Returns the number of blocks that printed something else than shown."""
    tour = steps(file)
    script = "".join(f"{commands}\necho; echo '{MARK}'\n" for commands, _ in tour)
    with tempfile.TemporaryDirectory(prefix="switchboard-tour-") as directory:
        # The tour adds the release build to PATH; the program under test may have another name and place.
        (pathlib.Path(directory) / "switchboard").symlink_to(processes.executable())
        environment = os.environ | variables | {"PATH": f"{directory}:{os.environ['PATH']}"}
        shell = subprocess.Popen(
            ["bash", "-e"],
            cwd=directory,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            output, errors = shell.communicate(script, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            print(f"the tour did not end within {SECONDS} s")
            end(shell)
            output, errors = shell.communicate()
        finally:
            end(shell)
    printed = output.split(MARK)
    failures = 0
    for number, (commands, shown) in enumerate(tour):
        got = printed[number] if number < len(printed) - 1 else "(the shell has ended)"
        if plain(got) != plain(shown or ""):
            failures += 1
            print(f"--- this step of the tour\n{commands}--- shows\n{shown or '(nothing)'}\n--- and prints\n{got.strip()}")
    if failures or shell.returncode:
        print(f"--- standard error\n{errors.strip()}")
    print(f"{file.name}: {len(tour) - failures} of {len(tour)} steps as printed")
    return failures + (shell.returncode != 0)


def end(shell: subprocess.Popen) -> None:
    """The shell's own session: what a tour that failed has started goes with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)


with contextlib.ExitStack() as stack:
    address = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(processes.node())
    failed = run(processes.ROOT / "README.md", URL=address)
    # These start a node of their own.
    for file in sorted((processes.ROOT / "docs/tours").glob("*.md")):
        failed += run(file, PORT=str(processes.free_port()))
sys.exit(1 if failed else 0)
