"""Connects raw clients: `crowd.py ws://HOST:PORT NAME...`. Says so when all are there, and stays until it is ended."""

import asyncio
import contextlib
import sys

import websockets


async def _stay(url: str, names: list[str]) -> None:
    room = asyncio.Semaphore(100)

    async def connect(name: str):
        async with room:
            return await websockets.connect(f"{url}/ws?clientId={name}", ping_interval=None, compression=None, open_timeout=60)

    async def listen(socket) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for _ in socket:
                pass

    sockets = await asyncio.gather(*(connect(name) for name in names))
    print("connected", flush=True)
    await asyncio.gather(*(listen(socket) for socket in sockets))
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(_stay(sys.argv[1], sys.argv[2:]))
