"""A lab for tests: started in the foreground, told what to do by commands, and looked for when it should be gone."""

import contextlib
import json
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import kernel
from support import ROOT, eventually

PROGRAM = ROOT / "deploy/lab"


class Lab:
    """`deploy/lab up` for a compose file; ended with SIGKILL, unless a test has ended it otherwise."""

    def __init__(self, folder, name, *arguments, file=None, **environment):
        self.name, self.folder, self.output = name, folder / "run" / name, folder / f"{name}.txt"
        self.environment = {**os.environ, "SWITCHBOARD_RUN": str(folder / "run"), "SWITCHBOARD_LAB": name, **environment}
        file = ["--file", file] if file else []
        with self.output.open("w") as output:
            self.process = subprocess.Popen([PROGRAM, "up", *file, *arguments], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, start_new_session=True, env=self.environment,
                                            preexec_fn=lambda: kernel.die_with_parent(signal.SIGKILL))

    def text(self):
        return self.output.read_text()

    def says(self, pattern, seconds=60):
        def said():
            assert self.process.poll() is None or re.search(pattern, self.text()), self.text()
            return re.search(pattern, self.text())
        return eventually(said, seconds, f"the lab says {pattern!r}; it said {self.text()!r}")

    def is_up(self, seconds=60):
        self.says(rf"lab {self.name} is up", seconds)
        return self

    def run(self, *arguments, seconds=120):
        """A command of deploy/lab, whatever becomes of it."""
        return subprocess.run([PROGRAM, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=seconds)

    def call(self, *arguments, seconds=120):
        result = self.run(*arguments, seconds=seconds)
        assert result.returncode == 0, f"{arguments}: {result.stdout}{result.stderr}{self.text()}"
        return result.stdout

    def inside(self, name, *command):
        return self.run("exec", name, *command)

    def background(self, *arguments):
        """The same while the test goes on; result() of what this returns waits for it."""
        pool = ThreadPoolExecutor(1)
        future = pool.submit(self.call, *arguments)
        pool.shutdown(wait=False)
        return future

    @contextlib.contextmanager
    def cut(self, name, *arguments):
        """Cut off for a while."""
        self.call("cut", name, *arguments)
        try:
            yield
        finally:
            self.call("heal", name)

    def containers(self):
        return {shown["name"]: shown for shown in json.loads(self.call("ps", "--json"))}

    def log(self, name):
        return (self.folder / "logs" / f"{name}.log").read_text()

    def namespaces(self):
        """The numbers of all namespaces that its processes are in and this test is not."""
        return {link for process in self.processes() for link in _namespaces(process)} - set(_namespaces("self"))

    def processes(self):
        """All that belong to it: those of its own, and all that are in the PID namespaces below."""
        found, parents = {self.process.pid}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parents[int(folder.name)] = int(re.search(r"^PPid:\t(\d+)", (folder / "status").read_text(), re.MULTILINE)[1])
            except OSError:
                continue  # it has ended
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return {process for process in found if process in parents}

    def send(self, number):
        self.process.send_signal(number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _namespaces(process):
    links = []
    for kind in ("mnt", "net", "pid", "uts", "ipc"):
        try:
            links.append(os.readlink(f"/proc/{process}/ns/{kind}"))
        except OSError:
            continue  # it has ended
    return links


class Traces:
    """What a lab could leave behind on this machine, noted while it is there."""

    def __init__(self, lab):
        self.lab, self.processes, self.namespaces = lab, lab.processes(), lab.namespaces()
        assert len(self.processes) > 3 and len(self.namespaces) > 5

    def are_gone(self):
        with contextlib.suppress(AssertionError):
            eventually(lambda: not self._left(), 10)
        assert self._left() == []

    def _left(self):
        processes = {process for process in self.processes if Path(f"/proc/{process}").exists()}
        everywhere = {link for folder in Path("/proc").glob("[0-9]*") for link in _namespaces(folder.name)}
        sockets = [line for line in Path("/proc/net/unix").read_text().splitlines() if line.endswith(f"@switchboard-lab/{self.lab.name}")]
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.lab.folder) in line]
        return [*processes, *(self.namespaces & everywhere), *sockets, *mounts]


def interfaces():
    """Network interfaces, addresses, routes and firewall tables of this machine, which labs must not touch."""
    commands = (["ip", "-o", "link"], ["ip", "-o", "addr"], ["ip", "route"], ["nft", "list", "tables"])
    return [re.sub(r"\d+sec", "", subprocess.run(command, capture_output=True, text=True, check=True).stdout) for command in commands]


def interrupt(lab, seconds=30):
    """As Ctrl-C; returns the exit status."""
    lab.send(signal.SIGINT)
    return lab.process.wait(seconds)
