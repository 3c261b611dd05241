"""A small agent that keeps every rule, after the profile in README.md; and, told so by --fault, breaks one of them.

It shows that the kit can be passed, and its faults show that the kit sees what is wrong. No model of an SDK: it bounds
nothing and forgets nothing.

usage: reference_agent.py URL CLIENT GROUP STATE [--fault NAME]
"""

import asyncio
import contextlib
import json
import os
import random
import re
import sys
import urllib.parse

import websockets

from faults import FAULTS

URL, CLIENT, GROUP, STATE = sys.argv[1:5]
FAULT = sys.argv[6] if len(sys.argv) > 6 else None
if FAULT is not None and FAULT not in FAULTS:
    raise SystemExit(f"there is no fault {FAULT}")


def broken(*names: str) -> bool:
    assert all(name in FAULTS for name in names), names
    return FAULT in names


def say(event: str, **members) -> None:
    print(json.dumps({"event": event} | members), flush=True)


def payload(frame: dict) -> dict:
    return {name: frame[name] for name in ("data", "base64") if name in frame}


class Memory:
    """What must survive kill -9: one line appended for each thing that happened."""

    def __init__(self, path: str):
        self.pushes: dict[str, None] = {}
        self.offsets: dict[str, str] = {}
        self.results: dict[str, dict] = {}
        self.unacked: dict[str, dict] = {}
        self.started: set[str] = set()
        text = b""
        if os.path.exists(path) and not broken("no-state"):
            with open(path, "rb") as file:
                text = file.read()
        for line in text.split(b"\n"):
            try:
                self._apply(**json.loads(line))
            except (ValueError, TypeError):
                if broken("torn-line-crashes") and line:
                    raise
        for command in sorted(self.started - set(self.results)):
            if broken("reruns-interrupted"):
                continue
            self._apply(result={"type": "result", "id": command, "status": 500, "data": {"error": "interrupted"}})
        self._file = open(path, "ab", buffering=0)
        self._file.write(b"\n")

    def note(self, **record) -> None:
        self._apply(**record)
        if broken("state-lags"):
            asyncio.get_running_loop().call_later(0.5, self._write, record)
        else:
            self._write(record)

    def _write(self, record: dict) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")

    def _apply(self, *, push=None, channel=None, offset=None, started=None, result=None, acked=None) -> None:
        if push is not None:
            self.pushes[push] = None
            if broken("forgets-ids") and len(self.pushes) > 100:
                del self.pushes[next(iter(self.pushes))]
        if channel is not None and not (broken("stale-resume") and self.offsets.get(channel, "E:0-0") != "E:0-0"):
            self.offsets[channel] = offset
        if started is not None:
            self.started.add(started)
        if result is not None:
            self.results[result["id"]] = self.unacked[result["id"]] = result
            if broken("forgets-results") and len(self.results) > 100:
                del self.results[next(iter(self.results))]
        if acked is not None and not broken("resends-for-ever"):
            self.unacked.pop(acked, None)


class BackOff:
    """Full jitter."""

    def __init__(self):
        self.minimum, self.maximum, self.failures = 1.0, 30.0, 0

    def delay(self, lifetime: float | None, at_least: float | None = None) -> float:
        if lifetime is not None and lifetime >= 60:
            self.failures = 0
        bound = min(self.maximum, self.minimum * 2 ** min(self.failures, 30))
        if broken("no-cap"):
            bound = self.minimum * 2 ** min(self.failures, 30)
        if broken("no-growth"):
            bound = self.minimum
        if lifetime is not None and self.failures == 0 and not broken("loss-at-once"):
            bound = max(5, bound)
        self.failures += 1
        jitter = bound * random.random()
        if broken("no-jitter") or broken("slow-start") and lifetime is None:
            jitter = bound * (3 if broken("slow-start") else 1)
        if broken("two-values"):
            jitter = bound * random.choice((0.01, 0.99))
        if at_least is not None and broken("hasty"):
            at_least = at_least * random.random()
        if at_least is not None and broken("asked-without-jitter"):
            return at_least
        return (at_least or 0) + jitter


class Stopped(Exception):
    """The agent ends for good."""


class Agent:
    def __init__(self):
        self.memory = Memory(STATE)
        self.backoff = BackOff()
        self.groups = [GROUP]
        self.arrived = dict(self.memory.offsets)
        self.socket = None
        self.online = False
        self.inbox: asyncio.Queue = asyncio.Queue()
        self.waiting: set[str] = set()
        self.commands: dict[str, asyncio.Task] = {}
        self.outbox: dict[str, dict] = {}
        self.heartbeat = (25.0, 10.0)
        self.heard = 0.0
        self.leave_at: float | None = None
        self.is_stopping = False
        self.turns = asyncio.Semaphore(1 if broken("serial-commands") else 8)

    async def send(self, **frame) -> None:
        if self.online or frame["type"] == "hello":
            with contextlib.suppress(websockets.ConnectionClosed):
                await self.socket.send(json.dumps(frame))
                if broken("own-traffic-counts"):
                    self.heard = now()

    # connecting

    async def run(self) -> None:
        handler = asyncio.create_task(self.handle_pushes())
        words = asyncio.create_task(self.listen_to_stdin())
        try:
            while not self.is_stopping:
                delay = await self.connect_once()
                if self.is_stopping:
                    break
                await asyncio.sleep(delay)
        except Stopped as end:
            if not broken("stops-silently"):
                say("stopped", reason=str(end))
            sys.exit(0 if broken("exits-0") else 1)
        finally:
            handler.cancel()
            words.cancel()

    def target(self) -> str:
        query = [("clientId", CLIENT), *(("group", group) for group in self.groups), ("hello", "1")]
        if broken("nameless"):
            query = query[1:]
        return f"{URL}/ws?{urllib.parse.urlencode(query)}"

    async def connect_once(self) -> float:
        """One connection from its beginning to its end; returns how long to wait for the next."""
        if broken("two-at-a-time"):
            asyncio.get_running_loop().call_later(0.05, lambda: asyncio.create_task(_knock(self.target())))
        protocol = None if broken("no-subprotocol") else [websockets.Subprotocol("switchboard.v1")]
        try:
            self.socket = await websockets.connect(
                self.target(), subprotocols=protocol, ping_interval=None, compression=None, open_timeout=10,
                close_timeout=1, max_size=100_000 if broken("small") else 1 << 24)
        except websockets.InvalidStatus as refused:
            return self.refused(refused.response)
        except (OSError, TimeoutError, websockets.InvalidHandshake, websockets.ConnectionClosed) as error:
            delay = self.backoff.delay(None)
            say("failed", reason=str(error), retryIn=delay)
            return delay
        begin = now()
        self.leave_at = None
        watch = asyncio.create_task(self.watch())
        reader = asyncio.create_task(self.talk())
        try:
            await asyncio.wait([watch, reader], return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and isinstance(reader.exception(), KeyError) and broken("dies-of-nonsense"):
                raise Stopped("it does not understand")
        finally:
            was_online, self.online = self.online, False
            for task in (watch, reader):
                task.cancel()
            await asyncio.gather(watch, reader, return_exceptions=True)
        return self.ended(now() - begin if was_online else None)

    def refused(self, response) -> float:
        status = response.status_code
        if status in (401, 403) and not broken("stubborn") or status >= 404 and broken("gives-up"):
            raise Stopped(f"the node refused the connection: {status}")
        asked = None if broken("ignores-delays") else response.headers.get("Retry-After")
        delay = self.backoff.delay(None, float(asked) if asked else None)
        say("failed", reason=str(status), retryIn=delay)
        return delay

    def ended(self, lifetime: float | None) -> float:
        received = self.socket.close_code or 1006
        code, reason = received, self.socket.close_reason or ""
        if 4000 <= code <= 4099 and not broken("stubborn"):
            if broken("knows-no-range") and code in (4000, 4042, 4099):
                return self.backoff.delay(lifetime)
            say("disconnected", code=code, reason=reason)
            raise Stopped(f"closed for good: {code} {reason}")
        if code >= 1000 and code != 1006 and broken("gives-up") and not self.is_stopping:
            raise Stopped(f"closed: {code}")
        found = None if broken("ignores-delays") else re.search(r"after=([0-9.]+)", reason)
        asked = float(found[1]) if found else None
        is_fresh = self.backoff.failures == 0
        if code == 1006 and broken("dies-with-link"):
            raise Stopped("the link is gone")
        delay = self.backoff.delay(lifetime, asked)
        if broken("leaves-when-it-likes"):
            return 0.01
        left = None if self.leave_at is None else max(self.leave_at - now(), 0)
        if left is not None and not broken("ignores-goaway"):
            delay = max(left, asked or 0)
        elif 4200 <= code <= 4299 and asked is None and is_fresh and not broken("ignores-goaway"):
            delay = 1.5 if broken("late-4200") else 0
        say("disconnected", code=code, reason=reason, retryIn=delay)
        return delay

    async def watch(self) -> None:
        """Ends when the link is dead or it is time to go."""
        self.heard = now()
        opened = now()
        while True:
            await asyncio.sleep(0.03)
            silence = sum(self.heartbeat)
            if broken("impatient"):
                silence /= 2
            if self.online and now() - self.heard > silence and not broken("deaf"):
                self.socket.transport.abort()
                return
            if not self.online and now() - opened > 10 and not broken("waits-for-ever"):
                self.socket.transport.abort()
                return
            if self.leave_at is not None and now() >= self.leave_at and not broken("ignores-goaway"):
                await self.socket.close(1000)
                return

    async def talk(self) -> None:
        if not broken("late-hello"):
            await self.say_hello()
        if broken("talks-first"):
            self.online = True
            await self.send_waiting()
        if broken("no-websocket-pong"):
            send = self.socket.protocol.send_frame
            pong = websockets.frames.Opcode.PONG
            self.socket.protocol.send_frame = lambda frame: None if frame.opcode is pong else send(frame)
        try:
            async for message in self._messages():
                self.heard = now()
                try:
                    frame = json.loads(message)
                    kind = frame["type"]
                    await self.received(kind, frame)
                except (ValueError, KeyError, TypeError, IndexError):
                    if broken("dies-of-nonsense"):
                        raise KeyError from None
        except websockets.ConnectionClosed:
            pass

    async def _messages(self):
        if not broken("one-frame"):
            async for message in self.socket:
                yield message
        while broken("one-frame"):
            async for piece in self.socket.recv_streaming():
                yield piece

    async def say_hello(self) -> None:
        channels = ["all", *(f"group:{group}" for group in self.groups)]
        resume = {channel: self.arrived.get(channel, "") for channel in channels}
        hello = {"type": "hello", "clientId": CLIENT, "resume": {} if broken("no-resume") else resume}
        await self.send(**hello)

    # frames

    async def received(self, kind: str, frame: dict) -> None:
        match kind:
            case "hello" if not (self.online and broken("one-hello")):
                await self.greeted(frame)
            case "ping":
                if not broken("no-pong"):
                    await self.send(type="pong")
            case "goaway":
                self.leave_at = now() + frame["reconnectAfter"]
                say("goaway", reconnectAfter=frame["reconnectAfter"])
            case "push":
                await self.pushed(frame)
            case "command":
                await self.commanded(frame)
            case "cancel":
                if (task := self.commands.get(frame["id"])) and not broken("no-cancel"):
                    task.cancel()
                elif broken("cancel-of-nothing") and frame["id"] not in self.commands:
                    say("cancelled", id=frame["id"])
            case "ack":
                if self.outbox.pop(frame["ref"], None):
                    say("sent", id=frame["ref"])
                elif broken("ack-of-nothing-ends") and frame["ref"] not in self.memory.results:
                    await self.socket.close(1002)
                else:
                    self.memory.note(acked=frame["ref"])
            case "error":
                if broken("error-ends"):
                    await self.socket.close(1000)
                elif self.outbox.pop(frame.get("ref"), None) and not broken("silent-refusal"):
                    say("rejected", id=frame["ref"], code=frame["code"])
            case _:
                if broken("strict-types"):
                    await self.socket.close(1002)

    async def greeted(self, hello: dict) -> None:
        if broken("strict-members") and "future" in hello:
            raise Stopped("a member that is not known")
        if not broken("fixed-heartbeat"):
            self.heartbeat = (hello["heartbeat"]["interval"], hello["heartbeat"]["timeout"])
        if not broken("fixed-backoff"):
            self.backoff.minimum, self.backoff.maximum = hello["reconnect"]["min"], hello["reconnect"]["max"]
        if broken("late-hello"):
            await self.send(type="hello", clientId=CLIENT)
        for channel, state in hello.get("channels", {}).items():
            known = self.arrived.get(channel)
            if state["recovered"] and known is not None and not broken("resume-ahead", "always-missed"):
                continue
            offset = state["offset"] if broken("forgets-offsets") else state["offset"] or known or ""
            self.arrived[channel] = offset
            if broken("ignores-hello-offsets"):
                del self.arrived[channel]
            if known is not None and (not state["recovered"] or broken("always-missed")) and not broken("silent-hole"):
                self.inbox.put_nowait({"missed": channel, "offset": offset})
            else:
                self.memory.note(channel=channel, offset=offset)
        if self.online:
            return
        self.online = True
        say("connected", clientId=hello["clientId"], session=hello["session"])
        if not broken("result-once"):
            for result in list(self.memory.unacked.values()):
                await self.send(**result)
        if broken("message-once"):
            self.outbox.clear()
        await self.send_waiting()

    async def send_waiting(self) -> None:
        for frame in list(self.outbox.values()):
            await self.send(**frame)

    async def pushed(self, frame: dict) -> None:
        push, offset = frame["id"], frame.get("offset")
        if broken("early-ack") and offset and frame["channel"] == "client":
            await self.send(type="ack", offset=offset)
        if push in self.waiting and not broken("double-booked"):
            return
        frame["twice"] = push in self.waiting
        if offset and frame["channel"] != "client":
            self.arrived[frame["channel"]] = offset
            if broken("offset-on-arrival"):
                self.memory.note(channel=frame["channel"], offset=offset)
        self.waiting.add(push)
        if broken("blocking-handler"):
            await self.handle(frame)
        elif broken("disorder"):
            asyncio.create_task(self.handle(frame))
        else:
            self.inbox.put_nowait(frame)

    async def handle_pushes(self) -> None:
        while True:
            item = await self.inbox.get()
            if "missed" in item:
                say("missed", channel=item["missed"])
                self.memory.note(channel=item["missed"], offset=item["offset"])
            else:
                await self.handle(item)

    async def handle(self, frame: dict) -> None:
        push, offset, channel = frame["id"], frame.get("offset"), frame["channel"]
        is_new = push not in self.memory.pushes or broken("handles-repeats") or frame["twice"]
        if broken("marks-before-handling"):
            self.memory.note(push=push)
        if is_new:
            shown = payload(frame)
            if broken("text-only"):
                shown = {"data": str(frame.get("data", frame.get("base64")))}
            say("push", id=push, channel=channel, **shown)
            if isinstance(frame.get("data"), dict):
                await asyncio.sleep(frame["data"].get("sleep", 0))
            say("handled", id=push)
            is_history = offset is not None and channel != "client"
            self.memory.note(push=push, **({"channel": channel, "offset": offset} if is_history else {}))
        self.waiting.discard(push)
        if not is_new and broken("silent-repeats"):
            return
        if offset and (channel == "client" or broken("acks-history")) and not broken("no-acks"):
            await self.send(type="ack", offset=offset)
            if broken("falling-acks"):
                self.first_offset = getattr(self, "first_offset", offset)
                await self.send(type="ack", offset=self.first_offset)
        if frame.get("ack") and not broken("no-id-acks") or broken("acks-transient") and not offset:
            await self.send(type="ack", id=push)

    # commands

    async def commanded(self, frame: dict) -> None:
        command = frame["id"]
        if command in self.memory.results and not broken("runs-again"):
            await self.send(**self.memory.results[command])
        elif command not in self.commands or broken("starts-twice"):
            self.commands[command] = asyncio.create_task(self.run_command(frame))

    async def run_command(self, frame: dict) -> None:
        command, name, data = frame["id"], frame["name"], frame.get("data")
        try:
            async with self.turns:
                result = await self.perform(frame, command, name, data)
        except asyncio.CancelledError:
            say("cancelled", id=command)
            status = 200 if broken("cancel-succeeds") else 499
            result = {"status": status, "data": {"error": "cancelled"}}
        except Exception as error:
            if broken("handler-kills"):
                os._exit(1)
            result = {"status": 500, "data": {"error": "failed" if broken("vague-errors") else str(error)}}
        self.commands.pop(command, None)
        answer = {"type": "result", "id": command} | result
        self.memory.note(result=answer)
        if broken("result-lost-with-link") and not self.online:
            self.memory.unacked.pop(command)
        await self.send(**answer)
        if broken("answers-twice"):
            await self.send(**answer)

    async def perform(self, frame: dict, command: str, name: str, data) -> dict:
        if name not in ("echo", "slow", "fail"):
            return {"status": 500 if broken("unknown-500") else 404, "data": {"error": "unknown command"}}
        self.memory.note(started=command)
        say("command", id=command, name=name)
        if name == "echo":
            return {"status": 200} | payload(frame)
        if name == "fail":
            raise RuntimeError("failed as told")
        pieces = [3, 2, 1] if broken("output-disorder") else [1, 2, 3]
        for piece in pieces:
            if not (data or {}).get("quiet"):
                await self.send(type="output", id=command, data=piece)
            await asyncio.sleep((data or {}).get("interval", 0.1))
        return {"status": 200, "data": {"pieces": 3}}

    # what the program is told

    async def listen_to_stdin(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async for line in reader:
            words = json.loads(line)
            match words["do"]:
                case "send":
                    frame = {"type": "message", "id": words["id"], "data": words["data"]}
                    self.outbox[words["id"]] = frame
                    await self.send(**frame)
                    if broken("sent-at-once"):
                        say("sent", id=words["id"])
                case "join":
                    self.groups.append(words["group"])
                    await self.send(type="join", group=words["group"])
                    if broken("forgets-groups"):
                        self.groups.remove(words["group"])
                case "leave":
                    self.groups.remove(words["group"])
                    await self.send(type="leave", group=words["group"])
                case "stop":
                    self.is_stopping = True
                    if broken("stops-silently"):
                        os._exit(0)
                    await self.socket.close(1000)


async def _knock(target: str) -> None:
    with contextlib.suppress(OSError, websockets.WebSocketException):
        await (await websockets.connect(target, subprotocols=[websockets.Subprotocol("switchboard.v1")])).close()


def now() -> float:
    return asyncio.get_running_loop().time()


if __name__ == "__main__":
    asyncio.run(Agent().run())
