"""The nodes under test: one on its own, or two with a Redis of their own."""

import asyncio
import contextlib
import os
import itertools
import json
from dataclasses import dataclass, field

import processes
import wire

_numbers = itertools.count(1)


def name(prefix: str) -> str:
    """A client or group that no other test uses."""
    return f"{prefix}-{os.getpid()}-{next(_numbers)}"


@dataclass
class Field:
    """`a` and `b` are two nodes of one cluster, or the same one: clients connect to one, backends ask the other."""

    urls: list[str]
    redis: processes.Redis | None = None
    flags: tuple[str, ...] = ()
    prefix: str = "sb"
    broken: list[str] = field(default_factory=list)

    @property
    def a(self) -> str:
        return self.urls[0]

    @property
    def b(self) -> str:
        return self.urls[-1]

    @contextlib.asynccontextmanager
    async def with_flags(self, *flags: str, same_redis_names: bool = False):
        """A cluster of its own with these flags of `switchboard serve`; its names in Redis are its own, too."""
        prefix = self.prefix if same_redis_names else name("sb")
        stack = contextlib.ExitStack()
        try:
            yield await asyncio.to_thread(start, stack, self.redis, prefix, flags)
        finally:
            await asyncio.to_thread(stack.close)

    # What backends do.

    async def ask(self, method: str, path: str, body=None, headers: dict | None = None, *, url: str | None = None):
        """One request to node `a`, or to `url`."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (headers or {}) if body is not None else headers
        return await asyncio.to_thread(_call, url or self.a, method, path, body, headers)

    async def push(self, to: dict, data, *, wait: float | None = None, status: int = 200, **options) -> dict:
        headers = {"Prefer": f"wait={wait}"} if wait is not None else None
        answer = await self.ask("POST", "/v1/push", {"to": to, "data": data} | options, headers)
        assert answer.status == status, (answer.status, answer.body[:500])
        return answer.json()

    async def durable(self, to: dict, data, **options) -> dict:
        """A durable push. 200 or 202: that the client is not there is nothing wrong."""
        if "client" in to:
            options = {"offline": "queue"} | options
        answer = await self.ask("POST", "/v1/push", {"to": to, "data": data, "durable": True} | options)
        assert answer.status in (200, 202), (answer.status, answer.body[:500])
        return answer.json()

    async def command(self, client: str, command: str, data=None, *, headers: dict | None = None, **options):
        body = {"name": command, "data": data} | options
        return await self.ask("POST", f"/v1/clients/{client}/commands", body, headers)

    async def client(self, client: str) -> dict:
        answer = await self.ask("GET", f"/v1/clients/{client}")
        assert answer.status in (200, 404), (answer.status, answer.body[:500])
        return answer.json() if answer.status == 200 else {"state": None}

    async def eventually(self, client: str, *present: str, **wanted) -> dict:
        """Waits until presence shows the client like this, with these members: it follows the connection, a moment later."""
        seen = {}
        try:
            async with asyncio.timeout(10):
                while True:
                    seen = await self.client(client)
                    if all(key in seen for key in present) and all(seen.get(key) == value for key, value in wanted.items()):
                        return seen
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"{client} is shown as {seen}, not with {present} and {wanted}") from None


def _call(url: str, method: str, path: str, body: bytes | None, headers: dict | None) -> wire.Answer:
    with wire.Connection(url) as connection:
        # A waited push or a command may take longer than anything else does.
        connection._socket.settimeout(60)
        return connection.request(method, path, body, headers)


def start(stack: contextlib.ExitStack, redis: processes.Redis | None, prefix: str, flags: tuple[str, ...]) -> Field:
    """Starts the nodes: two when there is a Redis."""
    shared = ("--redis", redis.url, "--prefix", prefix) if redis else ()
    urls = [stack.enter_context(processes.node(*shared, *flags)) for _ in range(2 if redis else 1)]
    return Field(urls, redis, flags, prefix)
