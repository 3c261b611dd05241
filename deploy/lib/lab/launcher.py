"""Starts a lab: a process of this machine that watches, and below it the lab in namespaces of its own."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

from . import Failure, compose, control, images, kernel, processes
from .supervisor import Supervisor


def launch(name, folder, file, profiles, counts, publish, grace):
    """Runs a lab until a signal or `down` ends it; returns the exit status."""
    project = compose.read(file, dict(os.environ), profiles)
    found, notes = _images(project, counts)
    listener = control.listen(name)
    published = _listen_outside(project, found) if publish else {}
    _make_folder(folder)
    for line in [*project.notes, *notes]:
        print(f"lab {name}: {line}", flush=True)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, descriptor <= 2)  # whatever the caller has open is not for the lab

    watched = os.getpid()
    handled = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    kernel.unshare(kernel.NEWPID)
    process = os.fork()
    if process == 0:
        _be_lab(watched, handled, name, folder, project, found, published, counts, listener, grace)
    listener.close()
    for ports in published.values():
        for port, _ in ports:
            port.close()
    return _watch(process, handled)


def _watch(process, handled):
    """Hands signals on. When this process dies, however it does, the kernel ends the lab."""
    for number in handled:
        signal.signal(number, lambda *_: os.kill(process, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        print(f"the lab was ended by {signal.Signals(-code).name}; nothing of it is left", file=sys.stderr)
        return 1
    return code


def _images(project, counts):
    found, notes = {}, []
    for name, service in project.services.items():
        try:
            found[name] = images.find(service)
        except images.NoProgram as reason:
            notes.append(f"{name} is left out: {reason}")
    if not found:
        raise Failure("nothing of this file can be started here: " + "; ".join(notes))
    for service in project.services.values():
        if service.name in found and service.ports and counts.get(service.name, service.scale) > 1:
            notes.append(f"{service.name}: only the ports of its first container are published")
        for limit, (soft, _) in processes.allowed(service.ulimits).items():
            notes.append(f"{service.name}: this machine allows {soft} as {limit} limit, not {service.ulimits[limit][0]}")
    return found, notes


def _listen_outside(project, found):
    published = {}
    for name in found:
        for port in project.services[name].ports:
            listener = socket.socket(socket.AF_INET6 if ":" in port.address else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((port.address, port.published))
            except OSError as error:
                raise Failure(f"{name} cannot have {port.address}:{port.published}: {error.strerror}; "
                              "the file says how to choose another port, --no-publish needs none") from error
            listener.listen(1024)
            published.setdefault(name, []).append((listener, port.target))
    return published


def _make_folder(folder):
    """Empty, with the traces of the run before gone; only what a run has made is emptied."""
    marker = folder / ".switchboard"
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise Failure(f"{folder} holds something else")
    for path in sorted(folder.rglob("*"), reverse=True) if folder.exists() else []:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    for part in ("logs", "volumes", "roots"):
        (folder / part).mkdir(parents=True)
    marker.touch()


def _be_lab(watched, handled, name, folder, *rest):
    try:
        kernel.die_with_parent(signal.SIGKILL)
        if not Path(f"/proc/{watched}").exists():
            os._exit(1)  # it died before the kernel was asked
        os.setsid()
        kernel.unshare(kernel.NEWNS | kernel.NEWNET | kernel.NEWUTS | kernel.NEWIPC)
        kernel.mount(None, "/", flags=kernel.REC | kernel.PRIVATE)
        roots = folder / "roots"
        kernel.mount(name, roots, "tmpfs", kernel.NOSUID, "mode=755")
        kernel.mount(None, roots, flags=kernel.UNBINDABLE)  # containers see this machine, but not each other
        socket.sethostname(f"lab-{name}")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
        asyncio.run(_end_with(_live(name, folder, roots, *rest)))
    except (Failure, OSError) as error:
        print(f"lab {name}: {error}", file=sys.stderr, flush=True)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


async def _end_with(living):
    """Nothing has to be taken down one by one: the kernel ends whatever is left in the lab's namespaces."""
    status = await living
    sys.stdout.flush()
    os._exit(status)


async def _live(name, folder, roots, project, found, published, counts, listener, grace):
    loop = asyncio.get_running_loop()
    ending = loop.create_future()
    lab = Supervisor(name, folder, roots, project, found, published)

    def end(seconds):
        if ending.done():
            os._exit(130)  # told twice: at once
        ending.set_result(seconds)

    async def down(seconds):
        if not ending.done():
            ending.set_result(seconds)
        await loop.create_future()  # the answer is that the lab is gone

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, end, grace)
    serving = asyncio.create_task(control.Server(lab, listener, down).run())  # noqa: F841 (a task without a name is collected)
    coming_up = asyncio.create_task(lab.start_all(counts))
    await asyncio.wait([coming_up, ending], return_when=asyncio.FIRST_COMPLETED)
    if coming_up.done():
        try:
            coming_up.result()
        except BaseExceptionGroup as group:
            lab.say(_first(group))
            return 1
        except Failure as error:
            lab.say(str(error))
            return 1
        _tell(lab, published)
        lab.up.set_result(None)
    seconds = await ending
    coming_up.cancel()
    lab.say("ending")
    await lab.end(seconds)
    lab.say("ended")
    return 0


def _first(group):
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else f"{error}" or repr(error)


def _tell(lab, published):
    lab.say(f"lab {lab.name} is up: {', '.join(container.name for container in lab.containers.values())}")
    for service, ports in published.items():
        for listener, target in ports:
            address, port = listener.getsockname()[:2]
            lab.say(f"{service}, port {target}, is at {address}:{port}")
