"""One container: its process with its namespaces, started, probed, restarted and stopped as Docker would."""

import asyncio
import os
import shutil
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from . import Failure, health, kernel, processes
from .root import Root

_FIRST_DELAY, _LONGEST_DELAY, _SETTLED = 0.1, 60.0, 10.0


class Container:
    """`lab` gives it children, network, say and changed; see Supervisor."""

    def __init__(self, lab, service, image, number, name):
        self.lab, self.service, self.image, self.number, self.name = lab, service, image, number, name
        self.address = lab.network.new_address()
        self.hostname = service.hostname or name
        self.state, self.ended, self.restarts, self.health = "created", None, 0, None
        self.started_at = self.host_process = None
        self.cuts, self.rate_limit = {}, None  # other side's name or None -> "drop" or "reject"
        self.log = lab.folder / "logs" / f"{name}.log"
        self._root = Root(lab.roots / name, image, service.mounts, lab.folder / "volumes")
        self._root.path.mkdir()
        self._root.prepare(self.hostname, self.address, service.extra_hosts)
        self._child = self._keeping = self._monitor = None
        self._wanted, self._turn = asyncio.Event(), asyncio.Lock()
        command = service.command if service.command is not None else image.command if service.entrypoint is None else []
        arguments = [*(service.entrypoint if service.entrypoint is not None else image.entrypoint), *command]
        if not arguments:
            raise Failure(f"{name}: neither the image nor the file has a command")
        self.program = self._program(arguments)

    def _program(self, arguments):
        environment = {"HOSTNAME": self.hostname, **self.image.environment, **self.service.environment}
        limits = self.service.ulimits | processes.allowed(self.service.ulimits)
        return processes.Program(arguments, environment, self.service.user or self.image.user,
                                 self.service.working_dir or self.image.working_dir, limits)

    @property
    def healthcheck(self):
        """The file's before the image's; none if its test is empty."""
        check = self.service.healthcheck or self.image.healthcheck
        return check if check and check.test else None

    @property
    def is_wanted(self):
        """Nobody has stopped or killed it."""
        return self._wanted.is_set()

    @property
    def is_running(self):
        return self.state == "running"

    @property
    def is_healthy(self):
        """Without a health check, running is all that can be known."""
        return self.is_running and (self.health is None or self.health.status == "healthy")

    def names(self):
        """Under which the others find it."""
        names = [self.service.name, *self.service.aliases, f"{self.lab.project}-{self.name}", self.name, self.hostname]
        return list(dict.fromkeys(names))

    # Starting

    async def start(self):
        async with self._turn:
            if self._keeping and not self._wanted.is_set():
                await self._keeping
            if self._keeping is None or self._keeping.done():
                self._wanted.set()
                await self._begin()
                self._keeping = asyncio.create_task(self._keep())

    async def _begin(self):
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            child = self.lab.children.spawn(lambda: self._be(theirs, log), "new")
        finally:
            os.close(log)
            theirs.close()
        try:
            await self._prepare(child, ours)
        except BaseException:
            child.send(signal.SIGKILL)
            await child.exited
            self.lab.network.detach(self.name, self.address)
            raise
        finally:
            ours.close()
        self._child, self.started_at, self.state, self.ended = child, time.monotonic(), "running", None
        self.lab.network.answer(self.address, self.names())
        self.lab.say(f"{self.name} started: {self.address}, process {self.host_process}")
        if self.healthcheck:
            self.health = health.Health(self.healthcheck, self.started_at)
            self._monitor = asyncio.create_task(health.Monitor(self.health, self._probe, self._health_changed).run())
        self.lab.changed()

    async def _prepare(self, child, link):
        loop = asyncio.get_running_loop()
        self.host_process = int(await loop.sock_recv(link, 100) or 0)
        if self.host_process == 0:
            raise Failure(f"{self.name} cannot be started: no namespaces")
        self.lab.network.attach(self.name, self.address, child.number, self.host_process)
        self.apply_cuts()
        if self.rate_limit:
            self.lab.network.rate(self.address, self.host_process, self.rate_limit)
        await loop.sock_sendall(link, b"go")
        if said := await loop.sock_recv(link, 4096):
            raise Failure(f"{self.name} cannot be started: {said.decode()}")

    def _be(self, link, log):
        """In the new process. The link closes with the exec, which tells that all went well."""
        try:
            os.setsid()
            kernel.unshare(kernel.NEWNS | kernel.NEWNET | kernel.NEWUTS | kernel.NEWIPC)
            link.send(os.readlink("/proc/self").encode())
            if not link.recv(100):
                return
            sysctls = {"net.ipv6.conf.eth0.disable_ipv6": "1", "net.ipv4.ip_unprivileged_port_start": "0", **self.service.sysctls}
            for name, value in sysctls.items():
                with suppress(FileNotFoundError):
                    Path("/proc/sys", name.replace(".", "/")).write_text(value)
            socket.sethostname(self.hostname)
            processes.redirect(log)
            self._root.enter(self.service.read_only)
            if self.service.init:
                processes.stay_as_init(link)
            self.program.become()
        except Exception as error:
            link.send(str(error).encode()[:4000])

    # Staying

    async def _keep(self):
        delay = _FIRST_DELAY
        while True:
            ran = await self._ending()
            delay = _FIRST_DELAY if ran >= _SETTLED else delay
            if self.state == "exited":
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._unwanted(), delay)
                self.state = "exited"
                return
            delay = min(2 * delay, _LONGEST_DELAY)
            self.restarts += 1
            try:
                await self._begin()
            except (Failure, OSError) as error:
                self.lab.say(str(error))
                self.state = "exited"
                self.lab.changed()
                return
            if not self._wanted.is_set():
                self._child.send(signal.SIGKILL)  # stopped while it was being started

    async def _ending(self):
        status = await self._child.exited
        if self._monitor:
            self._monitor.cancel()
        ran = time.monotonic() - self.started_at
        self.ended, self.health = status, None
        self.state = "restarting" if self._may_restart() else "exited"
        self.lab.network.answer(self.address, None)
        self.lab.network.detach(self.name, self.address)
        self.lab.say(f"{self.name} ended with {processes.told(status)} after {ran:.1f} s")
        self.lab.changed()
        return ran

    async def _unwanted(self):
        while self._wanted.is_set():
            await self.lab.change()

    def _may_restart(self):
        policy, _, most = self.service.restart.partition(":")
        if not self._wanted.is_set():
            return False
        if policy == "on-failure":
            return self.ended != 0 and (not most or self.restarts < int(most))
        return policy in ("always", "unless-stopped")

    def _probe(self, arguments, output):
        def body():
            os.setsid()
            processes.enter(self.host_process, ["net", "uts", "ipc", "mnt"])
            processes.redirect(output)
            self._program(arguments).become()

        namespace = os.open(f"/proc/{self.host_process}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self.lab.children.spawn(body, namespace)
        finally:
            os.close(namespace)

    def _health_changed(self, said):
        took = time.monotonic() - self.started_at
        self.lab.say(f"{self.name} is {self.health.status}, {took:.1f} s after its start" + (f": {said}" if said else ""))
        self.lab.changed()

    # Ending

    async def stop(self, grace=None):
        """As `docker stop`: its signal, and SIGKILL when the grace is over. It stays stopped."""
        async with self._turn:
            self._wanted.clear()
            self.lab.changed()
            if self.is_running:
                grace = self.service.stop_grace_period if grace is None else grace
                if grace > 0:
                    self._child.send(signal_number(self.service.stop_signal or self.image.stop_signal))
                    await asyncio.wait([self._child.exited], timeout=grace)
                if self._child.is_running:
                    if grace > 0:
                        self.lab.say(f"{self.name} did not end in {grace:g} s: SIGKILL")
                    self._child.send(signal.SIGKILL)
            if self._keeping:
                await self._keeping

    def kill(self, number):
        """As `docker kill`: whatever ends it this way stays down."""
        if not self.is_running:
            raise Failure(f"{self.name} is not running")
        if number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT):
            self._wanted.clear()
        self.lab.say(f"{self.name} gets {signal.Signals(number).name}")
        self._child.send(number)

    def crash(self):
        """As if its program had crashed: the restart policy applies."""
        if not self.is_running:
            raise Failure(f"{self.name} is not running")
        self.lab.say(f"{self.name} crashes")
        self._child.send(signal.SIGKILL)

    async def discard(self, grace):
        await self.stop(grace)
        shutil.rmtree(self._root.path)

    # Faults

    def apply_cuts(self):
        cuts = [(how, self.lab.addresses(other) if other else None) for other, how in self.cuts.items()]
        self.lab.network.cut(self.host_process, cuts)

    def limit(self, rate):
        self.rate_limit = rate
        if self.is_running:
            self.lab.network.rate(self.address, self.host_process, rate)

    def shown(self):
        """For `ps`."""
        return {
            "name": self.name, "service": self.service.name, "number": self.number, "state": self.state,
            "health": self.health.status if self.health else None, "address": self.address,
            "process": self.host_process if self.is_running else None, "restarts": self.restarts,
            "ended": processes.told(self.ended) if self.ended is not None else None,
            "seconds": round(time.monotonic() - self.started_at, 1) if self.is_running else None,
            "cuts": [f"{how} from {other}" if other else how for other, how in self.cuts.items()], "rate": self.rate_limit,
            "log": str(self.log), "image": self.service.image,
        }

    def entrance(self):
        """What a program needs to know to be started in it."""
        if not self.is_running:
            raise Failure(f"{self.name} is not running")
        return {"process": self.host_process, "environment": self.program.environment, "user": self.program.user,
                "folder": self.program.folder, "limits": self.program.limits}


def signal_number(text):
    """Of SIGTERM, TERM or 15."""
    text = text.lstrip("-").upper()
    try:
        return signal.Signals(int(text)) if text.isdigit() else signal.Signals["SIG" + text.removeprefix("SIG")]
    except (ValueError, KeyError) as error:
        raise Failure(f"there is no signal {text}") from error
