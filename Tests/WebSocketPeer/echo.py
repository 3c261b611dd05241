"""Sends back every message that comes on stdin, by the library websockets and its permessage-deflate.

usage: echo.py client OFFER     OFFER as in the table below; prints the offer, reads the answer
       echo.py server SETTINGS  reads the offer, prints the answer
After these two lines both directions carry frames.
"""

import json
import sys

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Opcode
from websockets.headers import build_extension, parse_extension
from websockets.protocol import Protocol, Side


def client(settings):
    factory = ClientPerMessageDeflateFactory(**settings)
    print(build_extension([(factory.name, factory.get_request_params())]), flush=True)
    [(name, params)] = parse_extension(sys.stdin.buffer.readline().decode().strip())
    assert name == factory.name, name
    return Side.CLIENT, factory.process_response_params(params, [])


def server(settings):
    factory = ServerPerMessageDeflateFactory(**settings)
    [(name, params)] = parse_extension(sys.stdin.buffer.readline().decode().strip())
    assert name == factory.name, name
    params, extension = factory.process_request_params(params, [])
    print(build_extension([(factory.name, params)]), flush=True)
    return Side.SERVER, extension


side, extension = {"client": client, "server": server}[sys.argv[1]](json.loads(sys.argv[2]))
peer = Protocol(side, max_size=1 << 24)
peer.extensions = [extension]
opcode, parts, count = None, [], 0
while data := sys.stdin.buffer.read1(65536):
    peer.receive_data(data)
    for frame in peer.events_received():
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            continue
        opcode = opcode if frame.opcode is Opcode.CONT else frame.opcode
        parts.append(bytes(frame.data))
        if not frame.fin:
            continue
        message, parts, count = b"".join(parts), [], count + 1
        send = peer.send_text if opcode is Opcode.TEXT else peer.send_binary
        if count % 3 or not message:
            send(message)
        else:
            # In three fragments.
            third = len(message) // 3
            send(message[:third], fin=False)
            peer.send_continuation(message[third : 2 * third], fin=False)
            peer.send_continuation(message[2 * third :], fin=True)
    for data in peer.data_to_send():
        sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
