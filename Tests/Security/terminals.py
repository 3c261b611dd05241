"""Terminals: `switchboard agent` with a key, which notes whatever it runs."""

import os
import pathlib
import signal
import subprocess

import processes
import wire

PROGRAM = """#!/bin/sh
key=${SWITCHBOARD_COMMAND_KEY-unsigned}
printf '%s %s %s %s\\n' "$SWITCHBOARD_COMMAND_ID" "$SWITCHBOARD_COMMAND_NAME" "$key" "$(cat)" >> "$RAN"
echo '{"done": true}'
"""


class Terminal:
    def __init__(self, directory: pathlib.Path, url: str, id: str, keys: list[pathlib.Path]):
        self.id = id
        self._url = url
        self._directory = directory
        self._keys = keys
        self._log = directory / f"{id}.log"
        self._ran = directory / f"{id}.ran"
        self._program = directory / "do"
        self._program.write_text(PROGRAM)
        self._program.chmod(0o755)
        self._session = None
        self.start()

    def start(self) -> None:
        words = [processes.executable(), "agent", "--url", self._url, "--id", self.id]
        words += ["--state", self._directory / f"{self.id}.state", "--exec", self._program, "--health-interval", "0"]
        for key in self._keys:
            words += ["--command-key", key]
        with open(self._log, "ab") as log:
            environment = os.environ | {"RAN": str(self._ran)}
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.await_online()

    def await_online(self) -> None:
        def is_new(found: dict) -> bool:
            return found.get("state") == "online" and found["session"] != self._session

        path = f"/v1/clients/{self.id}"
        self._session = wire.until(lambda: wire.call(self._url, "GET", path).json(), is_new)["session"]
        # It is written down before its node has heard so: what comes by itself in between finds nobody.
        wire.until(self._log.read_text, lambda log: f"session {self._session}" in log)

    def kill(self) -> None:
        """As a crash, or a cut of the power."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        processes.stop(self._process)

    @property
    def ran(self) -> list[str]:
        """What its program was run for: id, name, key and payload, a line each."""
        return self._ran.read_text().splitlines() if self._ran.exists() else []

    def refusals(self, code: str) -> int:
        return self._log.read_text().count(f"code={code}")

    def await_refusals(self, code: str, count: int) -> None:
        wire.until(lambda: self.refusals(code), lambda found: found >= count)
