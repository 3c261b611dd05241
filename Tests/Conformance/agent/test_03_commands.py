"""Commands: once for each id, one result that is repeated until the node has it."""

import asyncio

from agents import now, stage

from rules import rule


@rule("A command is answered by one `result` with its id, an integer status and what the handler gave")
async def test_echo(command):
    async with stage(command) as here:
        agent, link = await here.online()
        for number, data in enumerate(({"a": [1, None]}, "text", 5, None, [])):
            await link.command(f"c{number}", "echo", data)
            assert await link.result(f"c{number}") == {
                "type": "result", "id": f"c{number}", "status": 200, "data": data}
        await link.send(type="command", id="b", name="echo", timeout=30, base64="AAEC/w==")
        frame = await link.result("b")
        assert (frame["status"], frame["base64"]) == (200, "AAEC/w==") and "data" not in frame
        await agent.event("command", id="b", name="echo")


@rule("Pieces of `output` come in order, before the one `result`; nothing after it")
async def test_output(command):
    async with stage(command) as here:
        _, link = await here.online()
        await link.command("c", "slow")
        for piece in (1, 2, 3):
            assert await link.frame() == {"type": "output", "id": "c", "data": piece}
        assert (await link.result("c"))["status"] == 200
        await link.nothing()


@rule("An unknown command is answered with status 404 and an `error`")
async def test_unknown(command):
    async with stage(command) as here:
        _, link = await here.online()
        await link.command("c", "no-such-command", 1)
        frame = await link.result("c")
        assert (frame["status"], frame["data"]) == (404, {"error": "unknown command"})


@rule("A handler that throws is answered with status 500 and an `error` that says why; the agent lives on")
async def test_fail(command):
    async with stage(command) as here:
        _, link = await here.online()
        await link.command("c", "fail", 1)
        frame = await link.result("c")
        assert frame["status"] == 500 and "failed as told" in frame["data"]["error"]
        await link.alive()


@rule("Eight commands run at the same time, beside pushes and heartbeats")
async def test_at_once(command):
    async with stage(command) as here:
        agent, link = await here.online()
        begin = now()
        for number in range(7):
            await link.command(f"slow{number}", "slow", {"interval": 0.5})
        await link.command("quick", "echo", 1)
        await link.send(type="ping")
        await link.mail("push", 1)
        await link.send(type="push", id="waited", channel=here.channel, ack=True, data=1)
        frames = []
        while len([frame for frame in frames if frame["type"] == "result"]) < 8:
            frames.append(await link.frame())
        assert now() - begin < 4, "one after the other they take more than 10 s"
        kinds = [frame["type"] for frame in frames]
        first_output = next(index for index, frame in enumerate(frames) if frame.get("data") == 3)
        assert kinds.index("result") < first_output and kinds.index("ack") < first_output
        assert {"type": "ack", "id": "waited"} in frames
        assert any(frame["type"] == "pong" for frame in link.seen)


@rule("A command whose id is running is not started again; its one result answers both")
async def test_repeated_while_running(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.command("c", "slow", {"interval": 0.3})
        await agent.event("command", id="c")
        await link.command("c", "slow", {"interval": 0.3})
        assert [(await link.next("output"))["data"] for _ in range(3)] == [1, 2, 3]
        await link.result("c")
        await link.nothing()
        await agent.settled(link)
        assert len(agent.all("command")) == 1


@rule("A command whose id was run is answered with the stored result, without running it again; also on the next connection")
async def test_repeated_later(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.command("c", "echo", {"n": 1})
        first = await link.result("c")
        await link.command("c", "echo", {"n": 2})
        assert await link.result("c") == first
        link = await link.away()
        await link.command("c", "echo", {"n": 3})
        assert await link.result("c") == first
        await link.command("f", "fail")
        failed = await link.result("f")
        await link.command("f", "fail")
        assert await link.result("f") == failed
        await agent.settled(link)
        assert len(agent.all("command", id="c")) == len(agent.all("command", id="f")) == 1


@rule("A result that was not acked is sent again after every reconnect, and no more once its ack came")
async def test_resent(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.command("c", "echo", 7)
        first = await link.result("c", ack=False)
        for _ in range(2):
            link = await link.away()
            assert await link.result("c", ack=False) == first
        await link.nothing()
        await link.send(type="ack", ref="c")
        await link.alive()
        link = await link.away()
        await link.nothing()
        await agent.settled(link)
        assert len(agent.all("command", id="c")) == 1


@rule("A command that is still running when its link breaks goes on; its result is sent on the next link")
async def test_runs_on(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.command("c", "slow", {"interval": 0.4})
        assert (await link.next("output"))["data"] == 1
        link = await link.away()
        frame = await link.frame()
        while frame["type"] == "output":
            frame = await link.frame()
        assert (frame["type"], frame["id"], frame["status"]) == ("result", "c", 200)
        await link.send(type="ack", ref="c")
        await agent.settled(link)
        assert len(agent.all("command")) == 1


@rule("A command that ends while there is no link keeps its result for the next one")
async def test_ends_without_link(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.command("c", "slow", {"interval": 0.2, "quiet": True})
        await agent.event("command", id="c")
        here.node.refusal = (503, {})
        await link.close(4200)
        # The command needs 0.6 s.
        await asyncio.sleep(1.2)
        here.node.refusal = None
        link = await here.node.online()
        assert (await link.result("c"))["status"] == 200
        await agent.settled(link)
        assert len(agent.all("command")) == 1


@rule("`cancel` reaches the handler: no more output, and the result, if any, has the status 499")
async def test_cancel(command):
    async with stage(command) as here:
        agent, link = await here.online()
        begin = now()
        await link.command("c", "slow", {"interval": 1})
        assert (await link.next("output"))["data"] == 1
        await link.send(type="cancel", id="c")
        await agent.event("cancelled", id="c")
        assert now() - begin < 3
        try:
            frame = await link.frame(1.5)
        except TimeoutError:
            pass
        else:
            assert (frame["type"], frame["id"], frame["status"]) == ("result", "c", 499)
            await link.send(type="ack", ref="c")
        await link.nothing(1.2)
        await link.alive()


@rule("`cancel` of a command that has ended, or that nobody knows, is passed over")
async def test_cancel_of_nothing(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.command("c", "echo", 1)
        await link.result("c")
        for command_id in ("c", "unknown"):
            await link.send(type="cancel", id=command_id)
        await agent.settled(link)
        assert not agent.all("cancelled")


@rule("Each command id runs at most once, however often and on however many links it comes")
async def test_storm(command):
    async with stage(command) as here:
        agent, link = await here.online()
        results: dict[str, set] = {}
        for _ in range(4):
            for number in range(6):
                for _ in range(3):
                    await link.command(f"c{number}", "echo", number)
            await asyncio.sleep(0.1)
            link = await link.away()
        await link.command("end", "echo", "end")
        frame = await link.next("result")
        while frame["id"] != "end":
            results.setdefault(frame["id"], set()).add(frame["data"])
            frame = await link.next("result")
        await agent.settled(link)
        runs = [event["id"] for event in agent.all("command") if event["id"] != "end"]
        assert sorted(runs) == sorted(set(runs)), f"run more than once: {runs}"
        assert all(values == {int(command_id[1:])} for command_id, values in results.items())


@rule("At least the last 1000 results are remembered")
async def test_thousand(command):
    async with stage(command) as here:
        agent, link = await here.online()
        for number in range(1000):
            await link.command(f"c{number}", "echo", number)
            await link.result(f"c{number}")
        await link.command("c0", "echo", "other")
        assert (await link.result("c0"))["data"] == 0
        await agent.settled(link)
        assert len(agent.all("command")) == 1000
