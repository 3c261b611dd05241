"""The lab itself: which containers there are, in which order they come and go, and what commands do to them."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

from . import Failure, images
from .compose import Service
from .container import Container, signal_number
from .network import Network, bits
from .processes import Children


class Supervisor:
    """Lives in namespaces of its own as their first process: when it ends, the kernel ends all that is in them."""

    def __init__(self, name, folder, roots, project, found, published):
        """`found` has the image of each service that can be started here, `published` its listening sockets with the
        ports behind them, which somebody outside has opened.
        """
        self.name, self.folder, self.roots, self.project = name, folder, roots, project.name
        self.services = {name: project.services[name] for name in project.order() if name in found}
        self._images, self.containers, self._events = found, {}, (folder / "events.log").open("a", buffering=1)
        self._published, self._forwarders, self.listeners = published, {}, set()
        self._changed, self._scaling = asyncio.Event(), asyncio.Lock()
        self.up = asyncio.get_running_loop().create_future()
        self.children, self.network = Children(), Network(name, folder / "network")

    # What containers use

    def say(self, line):
        line = f"{datetime.now():%H:%M:%S.%f}"[:-3] + f" {line}"
        self._events.write(line + "\n")
        for listener in self.listeners:
            listener(line)
        with contextlib.suppress(BrokenPipeError):
            print(line, flush=True)

    def changed(self):
        self._changed.set()
        self._changed = asyncio.Event()

    def change(self):
        return self._changed.wait()

    def addresses(self, name):
        """Of a container or of all containers of a service."""
        return [container.address for container in self.containers.values() if name in (container.name, container.service.name)]

    # Coming up

    async def start_all(self, counts):
        """Starts all services as they depend on each other; returns when all of them are healthy."""
        for name, count in counts.items():
            self._service(name).scale = count
        async with asyncio.TaskGroup() as group:
            for service in self.services.values():
                group.create_task(self._start_service(service))

    async def _start_service(self, service):
        for other, (condition, _) in service.depends_on.items():
            if other in self.services:
                await self._until_met(service.name, other, condition)
        await self._start_numbers(service, range(1, service.scale + 1))

    async def _until_met(self, name, other, condition):
        while True:
            containers = self.of(other)
            if len(containers) == self.services[other].scale:
                if condition == "service_completed_successfully":
                    if all(container.ended == 0 for container in containers):
                        return
                    if wrong := [c.name for c in containers if c.state == "exited" and c.ended]:
                        raise Failure(f"{name} cannot start: {wrong[0]} failed")
                elif all(container.is_healthy if condition == "service_healthy" else container.started_at for container in containers):
                    return
                elif condition == "service_healthy":
                    self._refuse_broken(containers)
            await self.change()

    def _refuse_broken(self, containers):
        for container in containers:
            if container.health and container.health.status == "unhealthy":
                raise Failure(f"{container.name} is unhealthy{_end_of(container.log)}")
            if container.state == "exited" and container.is_wanted:
                raise Failure(f"{container.name} has ended{_end_of(container.log)}")

    async def _start_numbers(self, service, numbers):
        new = [Container(self, service, self._images[service.name], number, f"{service.name}-{number}") for number in numbers]
        for container in new:
            self.containers[container.name] = container
        self._cuts_follow()
        await asyncio.gather(*(container.start() for container in new))
        if new and new[0].number == 1 and service.name in self._published:
            self._publish(new[0], self._published[service.name])
        await self._until_healthy(new)

    def _publish(self, container, ports):
        """As Docker's proxy: connections to this machine's ports are carried to the first container of the service."""
        if old := self._forwarders.get(container.service.name):
            old.send(signal.SIGKILL)
        arguments = [f"{listener.fileno()}:{container.address}:{target}" for listener, target in ports]

        def body():
            for listener, _ in ports:
                listener.set_inheritable(True)
            os.execv(sys.executable, [sys.executable, "-B", str(Path(__file__).with_name("forward.py")), *arguments])

        self._forwarders[container.service.name] = self.children.spawn(body)

    async def _until_healthy(self, containers):
        """Of those with a health check; one that somebody stops meanwhile is not waited for."""
        waiting = [container for container in containers if container.healthcheck]
        while waiting := [container for container in waiting if container.is_wanted and not container.is_healthy]:
            self._refuse_broken(waiting)
            await self.change()

    # Finding

    def _service(self, name):
        if name not in self.services:
            raise Failure(f"there is no service {name}; there are: {', '.join(self.services)}")
        return self.services[name]

    def of(self, service):
        return sorted((c for c in self.containers.values() if c.service.name == service), key=lambda c: c.number)

    def find(self, name):
        """The container of that name, or all containers of a service."""
        if name in self.containers:
            return [self.containers[name]]
        if found := self.of(name):
            return found
        raise Failure(f"there is no {name}; there are: {', '.join(self.containers)}")

    def one(self, name):
        found = self.find(name)
        if len(found) > 1:
            raise Failure(f"{name} has {len(found)} containers: name one of them, such as {found[0].name}")
        return found[0]

    # Commands

    async def scale(self, name, count):
        async with self._scaling:
            service, present = self._service(name), self.of(name)
            numbers = {container.number for container in present}
            service.scale = count
            wanted = [number for number in range(1, max([count, *numbers]) + 1) if number not in numbers][:max(0, count - len(present))]
            await self._start_numbers(service, wanted)
            await self._remove(present[count:])

    async def _remove(self, containers, grace=None):
        async def remove(container):
            await container.discard(grace)
            del self.containers[container.name]

        await asyncio.gather(*(remove(container) for container in containers))
        self._cuts_follow()

    async def restart(self, name):
        """All at once."""
        found = self.find(name)
        await self._each(found, lambda container: container.stop())
        await self._each(found, lambda container: container.start())
        await self._until_healthy(found)

    async def roll(self, name):
        """One after the other: stopped with its grace, started, healthy, and only then the next."""
        began, found = time.monotonic(), self.of(self._service(name).name)
        for container in found:
            await container.stop()
            await container.start()
            await self._until_healthy([container])
        self.say(f"{name} rolled, {len(found)} of {len(found)}, in {time.monotonic() - began:.1f} s")

    async def start(self, name):
        found = self.find(name)
        await self._each(found, lambda container: container.start())
        await self._until_healthy(found)

    async def stop(self, name, grace=None):
        await self._each(self.find(name), lambda container: container.stop(grace))

    async def _each(self, containers, action):
        await asyncio.gather(*(action(container) for container in containers))

    async def kill(self, name, number):
        for container in self.find(name):
            container.kill(signal_number(number))

    async def crash(self, name):
        for container in self.find(name):
            container.crash()

    async def cut(self, name, how, other=None):
        if other:
            self.find(other)
        for container in self.find(name):
            container.cuts[other] = how
            self._apply(container)
            self.say(f"{container.name} is cut off{' from ' + other if other else ''} ({how})")

    async def heal(self, name, other=None):
        for container in self.find(name):
            if other:
                container.cuts.pop(other, None)
            else:
                container.cuts.clear()
            self._apply(container)
            self.say(f"{container.name} is healed{' towards ' + other if other else ''}")

    def _apply(self, container):
        if container.is_running:
            container.apply_cuts()

    def _cuts_follow(self):
        """A service that a container is cut off from has other addresses now."""
        for container in self.containers.values():
            if any(container.cuts):
                self._apply(container)

    async def rate(self, name, rate):
        if rate != "off":
            bits(rate)
        for container in self.find(name):
            container.limit(None if rate == "off" else rate)
            self.say(f"{container.name} has {'no limit' if rate == 'off' else rate} in each direction")

    async def host(self, name, command, environment):
        """A container without a service, on the programs of this machine: for clients, load and receivers."""
        async with self._scaling:
            if name in self.containers or name in self.services:
                raise Failure(f"{name} is there already")
            service = Service(name, "this machine", command=command, ulimits={"nofile": (65536, 65536)})
            container = Container(self, service, images.machine(environment), 1, name)
            self.containers[name] = container
            self._cuts_follow()
            await container.start()

    async def remove(self, name):
        found = self.find(name)
        if found[0].service.name in self.services:
            raise Failure(f"{name} belongs to a service: scale it")
        await self._remove(found)

    # Ending

    async def end(self, grace=None):
        """Everything is stopped, each service before those that it depends on."""
        hosts = [c for c in self.containers.values() if c.service.name not in self.services]
        await self._each(hosts, lambda container: container.stop(0))
        for service in reversed(list(self.services)):
            await self._each(self.of(service), lambda container: container.stop(grace))


def _end_of(log):
    lines = log.read_text(errors="replace").splitlines()[-10:] if log.exists() else []
    return "".join(f"\n    {line}" for line in lines)
