"""A few real WebSocket clients that stay connected while the API is tried, so that answers count somebody."""

import asyncio
import contextlib
import json
import threading

import websockets

CLIENTS = [f"fleet-{number}" for number in range(6)]
TO_BE_CLOSED = [f"closed-{number}" for number in range(5)]
GROUPS = ["fleet:even", "fleet:odd"]


class Fleet:
    """Connected clients, half of them framed, in two groups; they count what they get."""

    def __init__(self, url: str):
        self._url = url.replace("http", "ws", 1)
        self._stopping = asyncio.Event()
        self.received = dict.fromkeys(CLIENTS + TO_BE_CLOSED, 0)
        self.closed = 0
        self._connected = 0
        self.ready = threading.Event()

    async def _stay(self, number: int) -> None:
        name, group = CLIENTS[number], GROUPS[number % 2]
        address = f"{self._url}/ws?clientId={name}&group={group}&label.role=fleet&label.number={number}"
        protocols = [websockets.Subprotocol("switchboard.v1")] if number % 2 else None
        async with websockets.connect(address, subprotocols=protocols, ping_interval=None, max_size=None) as socket:
            if protocols:
                await socket.recv()
                await socket.send('{"type":"health","data":{"load":0.5}}')
            self._arrived()
            async for message in socket:
                if not protocols:
                    self.received[name] += 1
                    continue
                frame = json.loads(message)
                match frame["type"]:
                    case "ping":
                        await socket.send('{"type":"pong"}')
                    case "push":
                        self.received[name] += 1
                        if frame.get("ack"):
                            await socket.send(json.dumps({"type": "ack", "id": frame["id"]}))
                        elif frame["channel"] == "client" and "offset" in frame:
                            await socket.send(json.dumps({"type": "ack", "offset": frame["offset"]}))
                    case "command":
                        answer = {"type": "result", "id": frame["id"], "status": 200, "data": frame.get("data")}
                        await socket.send(json.dumps(answer))

    async def _be_closed(self, name: str) -> None:
        """Connected until somebody closes it, as an operator does."""
        async with websockets.connect(f"{self._url}/ws?clientId={name}", ping_interval=None, max_size=None) as socket:
            self._arrived()
            try:
                async for _ in socket:
                    self.received[name] += 1
            except websockets.ConnectionClosed as end:
                if end.rcvd is None or end.rcvd.code != 4004:
                    raise
                self.closed += 1
        # Gone, but not missing: only a task that ends by itself is a client that was lost.
        await asyncio.Future()

    def _arrived(self) -> None:
        self._connected += 1
        if self._connected == len(CLIENTS) + len(TO_BE_CLOSED):
            self.ready.set()

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._stay(number)) for number in range(len(CLIENTS))]
        tasks += [asyncio.create_task(self._be_closed(name)) for name in TO_BE_CLOSED]
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (stop, *tasks):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for name, result in zip(CLIENTS + TO_BE_CLOSED, results):
            if not isinstance(result, asyncio.CancelledError):
                raise RuntimeError(f"{name} did not stay connected: {result!r}")

    def stop(self) -> None:
        self._stopping.set()


@contextlib.contextmanager
def connected(url: str):
    """Yields the fleet once all are connected. Raises at the end when one of them was lost on the way."""
    failure: list[BaseException] = []
    loop = asyncio.new_event_loop()
    fleet = Fleet(url)

    def run() -> None:
        try:
            loop.run_until_complete(fleet.run())
        except BaseException as error:
            failure.append(error)
            fleet.ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if not fleet.ready.wait(15):
        failure.append(TimeoutError("the fleet could not connect"))
    try:
        if not failure:
            yield fleet
    finally:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(fleet.stop)
        thread.join(10)
    if failure:
        raise failure[0]
