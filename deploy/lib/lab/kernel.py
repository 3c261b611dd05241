"""System calls that Python 3.11 has no names for: namespaces, mounts, what a process may do."""

import ctypes
import os

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000
NAMESPACES = {"mnt": NEWNS, "uts": NEWUTS, "ipc": NEWIPC, "pid": NEWPID, "net": NEWNET}
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, UNBINDABLE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 17, 1 << 18

_SYS_MOUNT_SETATTR = 442  # the same on all architectures
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY, _MNT_DETACH = -100, 0x8000, 1, 2
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
# What Docker leaves to root in a container: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
# net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
_KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments):
    result = function(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        what = next((a.decode() for a in arguments[1::-1] if isinstance(a, bytes)), function.__name__)
        raise OSError(number, os.strerror(number), what)
    return result


def unshare(flags):
    _call(_libc.unshare, flags)


def setns(descriptor, flag):
    """Of a PID namespace: the next child is born there. Of any other: this process is in it from now on."""
    _call(_libc.setns, descriptor, flag)


def mount(source, target, kind=None, flags=0, data=None):
    texts = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    _call(_libc.mount, *texts, ctypes.c_ulong(flags), data.encode() if data else None)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def make_read_only(path):
    """A mount and all mounts below it."""
    attributes = _MountAttributes(set=_MOUNT_ATTR_RDONLY)
    _call(_libc.syscall, ctypes.c_long(_SYS_MOUNT_SETATTR), _AT_FDCWD, os.fsencode(path), _AT_RECURSIVE,
          ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes)))


def change_root(path):
    """`path`, a mount, becomes /, and nothing of the old / can be reached any more."""
    os.chdir(path)
    # With both the same, the old root comes to lie on top of the new one and can be taken off.
    _call(_libc.pivot_root, b".", b".")
    _call(_libc.umount2, b".", _MNT_DETACH)
    os.chdir("/")


def die_with_parent(signal):
    _call(_libc.prctl, _PR_SET_PDEATHSIG, ctypes.c_ulong(signal), 0, 0, 0)


def drop_capabilities():
    """After the next exec, root can do no more than it can in a container of Docker."""
    last = int(open("/proc/sys/kernel/cap_last_cap").read())
    for capability in set(range(last + 1)) - _KEPT_CAPABILITIES:
        _call(_libc.prctl, _PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
