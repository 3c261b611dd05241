"""The agent under test as a process, after the profile in README.md."""

import asyncio
import contextlib
import itertools
import json
import os
import pathlib
import shlex
import tempfile

from fake_node import PROBE, SECONDS, FakeNode, Link

_numbers = itertools.count(1)


class AgentProcess:
    """A running agent; `events` holds all that it has printed."""

    def __init__(self, process):
        self.process = process
        self.events: list[dict] = []
        self._changed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                raise AssertionError(f"the agent printed what is no JSON: {line!r}") from None
            async with self._changed:
                self.events.append(event)
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()

    def all(self, kind: str, **members) -> list[dict]:
        """All such events so far, but those of probes."""
        return [event for event in self.events if _fits(event, kind, members) and not _is_probe(event)]

    async def settled(self, link: Link) -> None:
        """All that the agent has printed until now is in `events`: it comes on another way than its frames."""
        probe = await link.alive()
        try:
            async with asyncio.timeout(SECONDS), self._changed:
                await self._changed.wait_for(lambda: any(_is_probe(event, probe) for event in self.events))
        except TimeoutError:
            raise AssertionError("the agent prints no event for a command") from None

    async def event(self, kind: str, seconds: float = SECONDS, count: int = 1, **members) -> dict:
        """Waits until there were `count` such events; returns the last of them."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: len(self.all(kind, **members)) >= count or self._reader.done())
        except TimeoutError:
            pass
        found = self.all(kind, **members)
        assert len(found) >= count, f"no event {kind} {members} ({count}) but {str(self.events[-5:])[:600]}"
        return found[count - 1]

    async def tell(self, **words) -> None:
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        await self.process.stdin.drain()

    async def exited(self, seconds: float = SECONDS) -> int:
        async with asyncio.timeout(seconds):
            await self.process.wait()
            await self._reader
        return self.process.returncode

    async def kill(self) -> None:
        """kill -9."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


def _fits(event: dict, kind: str, members: dict) -> bool:
    return event.get("event") == kind and all(event.get(name) == value for name, value in members.items())


def _is_probe(event: dict, probe: str = PROBE) -> bool:
    return event.get("event") == "command" and event["id"].startswith(probe)


class Stage:
    """A fake node, and what the agent is told: its name, a group, a state file."""

    def __init__(self, command: str, node: FakeNode, folder: str):
        self.node = node
        self._command = command
        self._running: list[AgentProcess] = []
        number = next(_numbers)
        self.client, self.group = f"agent-{os.getpid()}-{number}", f"group-{number}"
        self.channel = f"group:{self.group}"
        self.state = pathlib.Path(folder) / f"state-{number}"

    async def start(self) -> AgentProcess:
        words = {"{url}": self.node.url, "{client}": self.client, "{group}": self.group, "{state}": str(self.state)}
        parts = []
        for part in shlex.split(self._command):
            for name, value in words.items():
                part = part.replace(name, value)
            parts.append(part)
        process = await asyncio.create_subprocess_exec(
            *parts, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24)
        self._running.append(AgentProcess(process))
        return self._running[-1]

    async def online(self, **hello) -> tuple[AgentProcess, Link]:
        """Starts the agent and lets it connect."""
        agent = await self.start()
        return agent, await self.node.online(**hello)

    async def restarted(self, agent: AgentProcess, **hello) -> tuple[AgentProcess, Link]:
        """The agent after kill -9, with the same state file."""
        await agent.kill()
        return await self.online(**hello)

    async def end(self) -> None:
        for agent in self._running:
            await agent.kill()


@contextlib.asynccontextmanager
async def stage(command: str):
    with tempfile.TemporaryDirectory(prefix="switchboard-agent-") as folder:
        async with FakeNode().running() as node:
            here = Stage(command, node, folder)
            try:
                yield here
            finally:
                await here.end()


def now() -> float:
    return asyncio.get_running_loop().time()
