"""The way in: the upgrade, both hellos, resume."""

from agents import stage

from rules import rule


@rule("The agent offers `switchboard.v1`, names its client and groups in the URL, and says `hello=1` there")
async def test_upgrade(command):
    async with stage(command) as here:
        _, link = await here.online()
        assert link.socket.subprotocol == "switchboard.v1"
        query = link.attempt.query
        assert (query["clientId"], query["group"], query["hello"]) == ([here.client], [here.group], ["1"])


@rule("The agent's first frame is its `hello`, before the node said anything; nothing else comes before the node's hello")
async def test_hello_first(command):
    async with stage(command) as here:
        agent = await here.start()
        await agent.tell(do="send", id="early", data=1)
        link = await here.node.link()
        hello = await link.frame()
        assert hello["type"] == "hello" and hello.get("clientId", here.client) == here.client
        await link.nothing()
        assert not agent.all("connected"), "connected is what the node's hello says"
        await _answer(link, hello)
        await agent.event("connected", clientId=here.client)
        assert (await link.next("message"))["id"] == "early"


async def _answer(link, hello: dict) -> None:
    await link.send(
        type="hello", clientId=link.attempt.query["clientId"][0], session="s", epoch=1, node="fake",
        heartbeat={"interval": 25, "timeout": 10}, reconnect={"min": 0.05, "max": 0.4}, recovered=True,
        channels={name: {"recovered": True, "offset": "E:0-0"} for name in hello.get("resume", {})})


@rule("`resume` names the channels whose histories matter; with an empty offset while there is none")
async def test_resume_at_first(command):
    async with stage(command) as here:
        _, link = await here.online()
        assert link.hello["resume"][here.channel] == ""
        assert set(link.hello["resume"]) <= {"all", here.channel}


@rule("The offset that the node's hello names is where the agent resumes, if nothing came since")
async def test_resume_from_hello(command):
    async with stage(command) as here:
        _, link = await here.online()
        link = await link.away()
        assert link.hello["resume"][here.channel] == "E:0-0"


@rule("`resume` names the newest offset of each channel, group and all apart; the mailbox is not in it")
async def test_resume_newest(command):
    async with stage(command) as here:
        agent, link = await here.online()
        for number in range(1, 4):
            await link.send(type="push", id=f"g{number}", channel=here.channel, offset=f"E:{number}-0", data=number)
        await link.send(type="push", id="a1", channel="all", offset="E:77-0", data="all")
        await link.send(type="push", id="t1", channel=here.channel, data="transient")
        await link.acked(await link.mail("m1", "mail"))
        await agent.event("handled", id="m1")
        link = await link.away()
        assert link.hello["resume"][here.channel] == "E:3-0"
        assert link.hello["resume"].get("all", "E:77-0") == "E:77-0"
        assert "client" not in link.hello["resume"]


@rule("`recovered: false` for a channel is told to the program as missed pushes; it goes on from the offset named there")
async def test_missed(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.send(type="push", id="g1", channel=here.channel, offset="E:1-0", data=1)
        await agent.event("handled", id="g1")
        link = await link.away(channels={here.channel: {"recovered": False, "offset": "F:9-0"}})
        await agent.event("missed", channel=here.channel)
        link = await link.away()
        assert link.hello["resume"][here.channel] == "F:9-0"
        await agent.settled(link)
        assert len(agent.all("missed")) == 1


@rule("`recovered: false` without an offset is told as missed pushes; it goes on from the offset that it has")
async def test_missed_without_an_offset(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.send(type="push", id="g1", channel=here.channel, offset="E:1-0", data=1)
        await agent.event("handled", id="g1")
        link = await link.away(channels={here.channel: {"recovered": False, "offset": ""}})
        await agent.event("missed", channel=here.channel)
        link = await link.away()
        assert link.hello["resume"][here.channel] == "E:1-0"


@rule("A `hello` that comes while connected tells of pushes that were missed, like the first one")
async def test_missed_while_connected(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.send(type="push", id="g1", channel=here.channel, offset="E:1-0", data=1)
        await agent.event("handled", id="g1")
        await link.tell({here.channel: {"recovered": False, "offset": "F:9-0"}})
        await agent.event("missed", channel=here.channel)
        await agent.settled(link)
        assert len(agent.all("connected")) == 1
        link = await link.away()
        assert link.hello["resume"][here.channel] == "F:9-0"


@rule("`recovered: true` is no reason to tell the program of missed pushes; what was missed is handled like any push")
async def test_recovered(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.send(type="push", id="g1", channel=here.channel, offset="E:1-0", data=1)
        await agent.event("handled", id="g1")
        link = await link.away(channels={here.channel: {"recovered": True, "offset": "E:3-0"}})
        for number in (2, 3):
            await link.send(type="push", id=f"g{number}", channel=here.channel, offset=f"E:{number}-0", data=number)
        await agent.event("handled", id="g3")
        await agent.settled(link)
        assert [event["data"] for event in agent.all("push")] == [1, 2, 3]
        assert not agent.all("missed")
        link = await link.away()
        assert link.hello["resume"][here.channel] == "E:3-0"


@rule("What was missed up to the offset in hello, but not yet received when the link broke, is asked for again")
async def test_resume_is_not_ahead(command):
    async with stage(command) as here:
        agent, link = await here.online()
        await link.send(type="push", id="g1", channel=here.channel, offset="E:1-0", data=1)
        await agent.event("handled", id="g1")
        link = await link.away(channels={here.channel: {"recovered": True, "offset": "E:9-0"}})
        # The link breaks before any of what was missed has come.
        link = await link.away()
        assert link.hello["resume"][here.channel] == "E:1-0"
        await link.send(type="push", id="g2", channel=here.channel, offset="E:2-0", data=2)
        await agent.event("handled", id="g2")
        link = await link.away()
        assert link.hello["resume"][here.channel] == "E:2-0"
