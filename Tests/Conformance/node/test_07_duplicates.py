"""The same clientId twice, and too often."""

import asyncio
import re

import pytest
from clients import Refused, framed, raw, upgrade
from field import name

from rules import rule


@rule("The newest session wins, cluster-wide: the older is closed with 4003, the reason names the newer's node and address")
@pytest.mark.parametrize("mode", ["raw", "framed"])
@pytest.mark.parametrize("where", ["same node", "other node"])
async def test_newest_wins(field, mode, where):
    client = name("twin")
    connect = raw if mode == "raw" else framed
    async with connect(field.a, client) as older:
        await field.push({"client": client}, 1)
        await older.message()
        async with framed(field.a if where == "same node" else field.b, client) as newer:
            reason = await older.closed(4003)
            assert f"node={newer.hello['node']}" in reason
            assert re.search(r"\b127\.0\.0\.1:\d+", reason), reason
            assert (await field.push({"client": client}, 2))["delivered"] == 1
            await newer.push(2)
            assert (await field.client(client))["session"] == newer.hello["session"]


@rule("Unacked mail of the older session goes to the newer one")
async def test_mail_follows(field):
    client = name("twin")
    async with framed(field.a, client, hello={}) as older:
        await field.durable({"client": client}, 1)
        await older.push(1)
        async with framed(field.b, client, hello={}) as newer:
            await older.closed(4003)
            await newer.push(1)


@rule("`duplicates=reject` refuses the newer with 409 before the upgrade; the older stays")
async def test_reject(field):
    async with field.with_flags("--duplicates", "reject") as own:
        async with framed(own.a, "only") as older:
            await own.eventually("only", state="online")
            for url in (own.a, own.b):
                with pytest.raises(Refused) as refused:
                    await upgrade(url, "clientId=only")
                assert refused.value.status == 409
                assert refused.value.problem["status"] == 409 and refused.value.problem["code"]
            await older.alive()
        await own.eventually("only", state="offline")
        async with framed(own.b, "only") as again:
            await again.alive()


@rule("Fifteen connects of one clientId within a minute cool it down for 5 min: 4100 (or a refusal) with the wait")
async def test_cool_down(field):
    client = name("fighter")
    for turn in range(14):
        async with framed((field.a, field.b)[turn % 2], client):
            pass
    waits = []
    for turn in range(3):
        try:
            socket = await upgrade((field.a, field.b)[turn % 2], f"clientId={client}")
        except Refused as refused:
            waits.append(float(refused.headers["Retry-After"]))
            continue
        try:
            async with asyncio.timeout(0.6):
                await socket.wait_closed()
        except TimeoutError:
            # The fifteenth itself may still be let in.
            assert turn == 0, f"connect {15 + turn} was let in"
            await socket.close()
            continue
        assert socket.close_code == 4100
        waits.append(float(re.search(r"after=([0-9.]+)", socket.close_reason)[1]))
    assert len(waits) >= 2 and all(240 < wait <= 300 for wait in waits), waits
    async with framed(field.b, name("peaceful")) as other:
        await other.alive()
