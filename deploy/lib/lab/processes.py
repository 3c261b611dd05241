"""Processes of the lab: born in the namespaces where they belong, awaited, and none of them forgotten."""

import asyncio
import os
import pwd
import grp
import resource
import signal

from . import kernel

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Child:
    """A process that was started; `exited` becomes its wait status."""

    def __init__(self, number):
        self.number = number
        self.exited = asyncio.get_running_loop().create_future()

    @property
    def is_running(self):
        return not self.exited.done()

    def send(self, number):
        if self.is_running:
            os.kill(self.number, number)

    def send_to_all(self, number):
        """To the session that the process has made, if any of it is left."""
        try:
            os.killpg(self.number, number)
        except ProcessLookupError:
            self.send(number)


class Children:
    """Starts processes and collects them. The lab is the first process of its namespace, so it inherits all orphans."""

    def __init__(self):
        self._running = {}
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._collect)

    def spawn(self, body, namespace=None):
        """Runs `body` in a new process and ends it there; `namespace` is a PID namespace, or "new" for one of its own."""
        everything = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
        if namespace == "new":
            kernel.unshare(kernel.NEWPID)
        elif namespace is not None:
            kernel.setns(namespace, kernel.NEWPID)
        # A signal between the fork and the exec would be answered by the handlers of the lab.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
        try:
            number = os.fork()
            if number == 0:
                _be(body, everything, before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if namespace is not None:
                kernel.setns(self._own, kernel.NEWPID)
        child = self._running[number] = Child(number)
        return child

    def _collect(self):
        while True:
            try:
                number, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if number == 0:
                return
            child = self._running.pop(number, None)
            if child and not child.exited.done():
                child.exited.set_result(status)


def _be(body, signals, mask):
    status = 127
    try:
        signal.set_wakeup_fd(-1)
        for number in signals:
            if signal.getsignal(number) not in (signal.SIG_DFL, None):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        body()
    except BaseException as error:
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(status)


def told(status):
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"status {code}" if code >= 0 else signal.Signals(-code).name


def allowed(limits):
    """Those of these limits that this process may not give, as the most that it may; raises its own where it may."""
    lower = {}
    for name, (soft, hard) in limits.items():
        kind = getattr(resource, f"RLIMIT_{name.upper()}")
        most = resource.getrlimit(kind)[1]
        if most != resource.RLIM_INFINITY and (hard > most or hard == -1):
            try:
                resource.setrlimit(kind, (resource.getrlimit(kind)[0], hard))
            except (ValueError, OSError):
                lower[name] = (most if soft == -1 else min(soft, most), most)
    return lower


class Program:
    """What a process is to become, and as whom. Users are those of the container that it is in by then."""

    def __init__(self, arguments, environment, user="root", folder="/", limits=None):
        self.arguments, self.user, self.folder, self.limits = arguments, user, folder, limits or {}
        self.environment = {"PATH": _DEFAULT_PATH, **environment}

    def become(self):
        for name, (soft, hard) in self.limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (soft, hard))
        kernel.drop_capabilities()
        user, group, home = _account(self.user)
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
        os.chdir(self.folder)
        os.execvpe(self.arguments[0], self.arguments, {"HOME": home, **self.environment})


def _account(name):
    name, _, group = name.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        number, main, home = entry.pw_uid, entry.pw_gid, entry.pw_dir
    except KeyError:
        if not name.isdigit():
            raise
        number, main, home = int(name), 0, "/"
    if group:
        main = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    return number, main, home


def redirect(output):
    """Standard input from nowhere, output to a descriptor. All others close at the exec, by Python's default."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, descriptor)


def stay_as_init(link):
    """As the init that Docker adds on request: returns in a child, while this process hands signals on to it, collects
    orphans, and ends as it ends.
    """
    forwarded = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    link.close()
    for number in forwarded:
        signal.signal(number, lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def enter(process, names):
    """This process goes into namespaces of another; of a PID namespace only children are in it."""
    descriptors = [(name, os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)) for name in names]
    for name, descriptor in descriptors:
        kernel.setns(descriptor, kernel.NAMESPACES[name])
        os.close(descriptor)
