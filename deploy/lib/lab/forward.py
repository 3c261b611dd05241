"""Carries connections from listening sockets to addresses in the lab. Arguments: DESCRIPTOR:ADDRESS:PORT ..."""

import asyncio
import contextlib
import socket
import sys


async def carry(reader, writer):
    """One direction, to its end."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (ConnectionError, OSError):
        writer.close()


async def connect(reader, writer, address, port):
    try:
        inner_reader, inner_writer = await asyncio.open_connection(address, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))
    for end in (writer, inner_writer):
        end.close()
        with contextlib.suppress(OSError):
            await end.wait_closed()


async def forward(arguments):
    servers = []
    for argument in arguments:
        descriptor, address, port = argument.split(":")
        listener = socket.socket(fileno=int(descriptor))
        servers.append(await asyncio.start_server(
            lambda reader, writer, to=(address, int(port)): connect(reader, writer, *to), sock=listener))
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(forward(sys.argv[1:]))
