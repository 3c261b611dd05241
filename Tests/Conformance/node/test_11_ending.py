"""How a node ends sessions."""

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

import processes
import pytest
from clients import framed, raw
from field import name

from rules import rule


@rule("`DELETE /v1/clients/{id}` closes with 4004 and the reason, on whichever node, in both modes")
@pytest.mark.parametrize("mode", ["raw", "framed"])
async def test_closed_by_operator(field, mode):
    client = name("closed")
    async with (raw if mode == "raw" else framed)(field.b, client) as connection:
        await field.eventually(client, state="online")
        answer = await field.ask("DELETE", f"/v1/clients/{client}?reason=out%20of%20order")
        assert answer.status in (200, 204), answer.body[:300]
        assert "out of order" in await connection.closed(4004)
        await field.eventually(client, state="offline", closeCode=4004)


@rule("A lost connection is `suspect` within the resume window, and online again after a reconnect")
async def test_suspect(field):
    client = name("lost")
    async with framed(field.b, client) as connection:
        await field.eventually(client, state="online")
        await connection.vanish()
    await field.eventually(client, state="suspect")
    async with framed(field.a, client):
        await field.eventually(client, state="online")


@rule("`PUT` and `DELETE` of a membership act at once, on whichever node")
async def test_membership_by_operator(field):
    client, group = name("member"), name("g")
    async with framed(field.b, client) as connection:
        await field.eventually(client, state="online")
        assert (await field.ask("PUT", f"/v1/clients/{client}/groups/{group}")).status in (200, 204)
        assert (await field.push({"group": group}, 1))["delivered"] == 1
        await connection.push(1)
        assert (await field.ask("DELETE", f"/v1/clients/{client}/groups/{group}")).status in (200, 204)
        assert (await field.push({"group": group}, 2))["matched"] == 0


@rule("A node that stops sends each framed client `goaway` with its own `reconnectAfter`, and closes all with 4200 by then")
async def test_draining(field):
    options = ("--drain-rate", "2", "--drain-delay", "0.5")
    async with stopping(field, *options) as (url, stop), contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(framed(url, name("leaving"))) for _ in range(6)]
        other = await stack.enter_async_context(raw(url, name("leaving")))
        stop()

        async def leave(client):
            frame = await client.next("goaway", 20)
            assert frame["reason"]
            told = time.monotonic()
            # Until then it is served, and can finish what it does.
            reason = await client.closed(4200)
            assert time.monotonic() - told > frame["reconnectAfter"] - 0.3
            assert float(re.search(r"after=([0-9.]+)", reason)[1]) == 0, "the node has spread its clients already"
            return frame["reconnectAfter"]

        given = await asyncio.gather(*map(leave, clients))
        assert len(set(given)) > 1 and min(given) >= 0, f"each client is given its own delay: {given}"
        await other.closed(4200)


@contextlib.asynccontextmanager
async def stopping(field, *flags: str):
    """One more node of the cluster, and how to stop it."""
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    shared = ["--redis", field.redis.url, "--prefix", field.prefix] if field.redis else []
    command = [processes.executable(), "serve", "--port", str(port), "--log-level", "error", *shared, *flags]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            async with asyncio.timeout(20):
                while not await asyncio.to_thread(_is_ready, url):
                    await asyncio.sleep(0.03)
            yield url, lambda: process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await asyncio.to_thread(process.wait) == 0, "it ends orderly"
        finally:
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=2) as answer:
            return json.load(answer)["status"] == "ready"
    except OSError:
        return False
