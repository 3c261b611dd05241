"""A container's health, by Docker's rules: what counts as a failure, and when the next probe is due."""

import asyncio
import os
import signal
import time

from . import processes

_KEPT_OUTPUT = 4096


class Health:
    """Without I/O: told of probes, it says how the container is."""

    def __init__(self, check, started):
        self.check, self.started, self.status, self.failures = check, started, "starting", 0

    def delay(self, now):
        """Seconds from the end of a probe, or from the start of the container, to the next one."""
        left = self.check.start_period - (now - self.started)
        if left <= 0:
            return self.check.interval
        return min(left, self.check.start_interval if self.status == "starting" else self.check.interval)

    def probed(self, succeeded, began):
        """Whether that changed the status."""
        before = self.status
        if succeeded:
            self.failures, self.status = 0, "healthy"
        elif not (self.status == "starting" and began - self.started < self.check.start_period):
            self.failures += 1
            if self.failures >= self.check.retries:
                self.status = "unhealthy"
        return self.status != before


class Monitor:
    """Probes a running container until it is cancelled."""

    def __init__(self, health, spawn, changed):
        """`spawn(arguments, output)` starts the probe; `changed(said)` is called when the status is another one."""
        self._health, self._spawn, self._changed = health, spawn, changed

    async def run(self):
        while True:
            await asyncio.sleep(self._health.delay(time.monotonic()))
            began = time.monotonic()
            succeeded, said = await self._probe()
            if self._health.probed(succeeded, began):
                self._changed(said)

    async def _probe(self):
        kind, *arguments = self._health.check.test
        if kind == "CMD-SHELL":
            arguments = ["/bin/sh", "-c", *arguments]
        output = os.memfd_create("probe")
        try:
            child = self._spawn(arguments, output)
            try:
                status = await asyncio.wait_for(asyncio.shield(child.exited), self._health.check.timeout)
                prefix = "" if status == 0 else f"{processes.told(status)}: "
            except TimeoutError:
                prefix, status = f"no answer in {self._health.check.timeout:g} s ", -1
            finally:
                child.send_to_all(signal.SIGKILL)
            return status == 0, prefix + os.pread(output, _KEPT_OUTPUT, 0).decode(errors="replace").strip()
        finally:
            os.close(output)
