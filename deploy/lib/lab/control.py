"""How commands reach a lab: an abstract Unix socket with its name, which is gone when the lab is."""

import asyncio
import json
import os
import select
import signal
import socket
import struct
from pathlib import Path

from . import Failure

_PREFIX = "switchboard-lab/"
_PATIENCE = 5.0  # with a lab that is to end and says nothing


def listen(name):
    """Takes the name of a lab; a Failure if there is such a lab already."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind("\0" + _PREFIX + name)
    except OSError as error:
        raise Failure(f"the lab {name} is running already: another name is given with --name") from error
    listener.listen(64)
    return listener


def running():
    """The names of all labs of this machine."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    paths = {line.split("@", 1)[1] for line in lines if "@" in line}
    return sorted(path.removeprefix(_PREFIX) for path in paths if path.startswith(_PREFIX))


def _credentials(link):
    """Process, user and group of whoever listens, or has connected."""
    return struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))


class Server:
    """Does the commands of clients; each connection has one."""

    def __init__(self, supervisor, listener, end):
        """`end(grace)` is what to do for `down`."""
        self._supervisor, self._listener, self._end = supervisor, listener, end

    async def run(self):
        server = await asyncio.start_unix_server(self._serve, sock=self._listener)
        await server.serve_forever()

    async def _serve(self, reader, writer):
        def tell(**line):
            if not writer.is_closing():
                writer.write(json.dumps(line).encode() + b"\n")

        def listener(line):
            tell(say=line)

        try:
            # The names of abstract sockets have no owner: only who has started the lab, and root, may use it.
            if _credentials(writer.get_extra_info("socket"))[1] not in (0, os.geteuid()):
                raise Failure("this lab is somebody else's")
            request = json.loads(await reader.readline() or b"{}")
            command = request.pop("do", "")
            if command in ("scale", "restart", "roll", "start", "stop", "kill", "crash", "cut", "heal", "rate", "host", "remove", "down"):
                self._supervisor.listeners.add(listener)
            tell(answer=await self._do(command, request))
        except (Failure, OSError) as error:
            tell(error=str(error))
        finally:
            self._supervisor.listeners.discard(listener)
            writer.close()

    async def _do(self, command, request):
        supervisor = self._supervisor
        match command:
            case "ps":
                return [container.shown() for container in supervisor.containers.values()]
            case "wait":
                return await asyncio.shield(supervisor.up)
            case "entrance":
                return supervisor.one(request["name"]).entrance()
            case "logs":
                return [container.shown()["log"] for container in supervisor.find(request["name"])]
            case "down":
                return await self._end(request["grace"])
            case "scale" | "restart" | "roll" | "start" | "stop" | "kill" | "crash" | "cut" | "heal" | "rate" | "host" | "remove":
                return await getattr(supervisor, command)(**request)
        raise Failure(f"there is no command {command}")


class Client:
    """The other end, in the program that the user has called."""

    def __init__(self, name):
        self._link = socket.socket(socket.AF_UNIX)
        try:
            self._link.connect("\0" + _PREFIX + name)
        except OSError as error:
            others = running()
            raise Failure(f"there is no lab {name}" + (f"; there are: {', '.join(others)}" if others else "")) from error
        self.process = _credentials(self._link)[0]

    def ask(self, do, say=print, **request):
        """The answer; lines that are said meanwhile go to `say`."""
        self._link.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
        for text in self._link.makefile("r"):
            line = json.loads(text)
            if "say" in line:
                say(line["say"])
            elif "error" in line:
                raise Failure(line["error"])
            else:
                return line["answer"]
        raise Failure("the lab has ended")

    def ask_for_end(self, grace, say=print):
        """False if the lab does not answer; otherwise returns when the connection has ended with it."""
        self._link.sendall(json.dumps({"do": "down", "grace": grace}).encode() + b"\n")
        self._link.settimeout(_PATIENCE)
        try:
            self._link.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        self._link.settimeout(None)
        for text in self._link.makefile("r"):
            say(json.loads(text)["say"])
        return True

    def await_end(self, seconds):
        """Whether the lab's process is gone by then; for good, with all that it started."""
        try:
            descriptor = os.pidfd_open(self.process)
        except ProcessLookupError:
            return True
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(None if seconds is None else seconds * 1000))
        finally:
            os.close(descriptor)

    def kill(self):
        os.kill(self.process, signal.SIGKILL)
