"""The file system of a container: this machine's programs, read-only, around folders of its own.

There are no image layers here. /usr and everything else of this machine is seen as it is and cannot be changed; /etc is
this machine's with changes; /var, /run, /tmp, /data and whatever the image or the file names belong to the container
and last until it is removed, over restarts.
"""

import os
import stat
from pathlib import Path

from . import Failure, kernel
from .images import ROOT

_OWN = {"dev", "etc", "proc", "run", "sys", "tmp", "var", "data", "mnt", "media", "srv", "boot", "lost+found"}
# Where programs and what they need lie: always this machine's.
_MACHINE = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt", "root", "home", "nix"}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_NOT_FROM_HERE = {"hosts", "hostname", "resolv.conf", "passwd", "group", "shadow", "gshadow", "nsswitch.conf", "mtab"}


class Root:
    """`path` is a folder of a tmpfs that only the lab sees."""

    def __init__(self, path, image, mounts, volumes):
        self.path, self.image, self.volumes = Path(path), image, Path(volumes)
        self.mounts = sorted(mounts, key=lambda mount: mount.target.count("/"))
        self.binds = []  # (source, target, read-only), in the order in which they are made

    def prepare(self, hostname, address, extra_hosts):
        """Makes everything that is the container's own; done once."""
        self._machine()
        self._etc(hostname, address, extra_hosts)
        for folder in ("dev", "proc", "sys", "run", "tmp", "data", "var/log", "var/cache", "var/lib", "var/tmp", "var/run"):
            self._folder(folder)
        for folder in ("tmp", "var/tmp"):
            (self.path / folder).chmod(0o1777)
        self._image()
        for mount in self.mounts:
            self._mount_point(mount)

    def _machine(self):
        targets = [*self.image.folders, *(mount.target for mount in self.mounts)]
        own = _OWN | {Path(target).parts[1] for target in targets} - _MACHINE
        for entry in sorted(Path("/").iterdir()):
            if entry.name in own:
                continue
            if entry.is_symlink():
                (self.path / entry.name).symlink_to(os.readlink(entry))
            elif entry.is_dir():
                (self.path / entry.name).mkdir()
                self.binds.append((entry, f"/{entry.name}", True))
        if self.image.is_machine and ROOT.parts[1] in own:
            self._folder(ROOT)
            self.binds.append((ROOT, str(ROOT), True))

    def _etc(self, hostname, address, extra_hosts):
        etc = self._folder("etc")
        self._folder(".etc")
        self.binds.append(("/etc", "/.etc", True))
        for entry in os.listdir("/etc"):
            if entry not in _NOT_FROM_HERE:
                (etc / entry).symlink_to(f"/.etc/{entry}")
        users, groups = _without(self.image.users, "/etc/passwd"), _without(self.image.users, "/etc/group")
        for name, number in self.image.users.items():
            users.append(f"{name}:x:{number}:{number}::/:/usr/sbin/nologin")
            groups.append(f"{name}:x:{number}:")
        hosts = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", f"{address} {hostname}"]
        hosts += [f"{number} {name}" for name, number in extra_hosts.items()]
        for name, lines in {
            "passwd": users, "group": groups, "hosts": hosts, "hostname": [hostname],
            "resolv.conf": ["nameserver 127.0.0.11", "options ndots:0"],
            "nsswitch.conf": ["passwd: files", "group: files", "hosts: files dns"],
        }.items():
            (etc / name).write_text("\n".join(lines) + "\n")

    def _image(self):
        self._folder(".bin")
        if not self.image.is_machine:
            # Over this machine's, which no image has.
            self.binds.append((self.path / ".bin", "/usr/local/bin", True))
        for folder, owner in self.image.folders.items():
            self._own(self._folder(folder), owner)
        for target, text in self.image.files.items():
            path = self._file(target)
            path.write_text(text)
            path.chmod(0o755)
        for target, source in self.image.programs.items():
            self._file(target)
            self.binds.append((source, target, True))
        for target, source in self.image.links.items():
            self._folder(Path(target).parent)
            (self.path / target.lstrip("/")).symlink_to(source)

    def _mount_point(self, mount):
        if any(mount.target.startswith(folder) for folder in self.image.not_done):
            raise Failure(f"{mount.target}: the lab does not do what the image does with this folder at its start")
        if mount.kind == "bind":
            if not os.path.exists(mount.source):
                raise Failure(f"{mount.source}, to be mounted at {mount.target}, does not exist")
            self._folder(mount.target) if os.path.isdir(mount.source) else self._file(mount.target)
            self.binds.append((mount.source, mount.target, mount.read_only))
        elif mount.kind == "volume":
            place = self._folder(mount.target)
            source = self.volumes / (mount.source or f"{self.path.name}{mount.target.replace('/', '-')}")
            if not source.exists():
                # As Docker does: a new volume has the owner of the image's folder.
                source.mkdir(parents=True)
                os.chown(source, place.stat().st_uid, place.stat().st_gid)
            self.binds.append((source, mount.target, mount.read_only))
        elif mount.kind == "file":
            path = self._file(mount.target)
            path.write_bytes(mount.content)
            path.chmod(mount.mode)
        else:
            self._folder(mount.target)

    def _folder(self, target):
        """A folder of the container's own; where this machine's lies, that is not seen any more."""
        path = self.path
        for part in Path(str(target).lstrip("/")).parts:
            path = path / part
            if path.is_symlink() and os.readlink(path).startswith("/.etc/"):
                path.unlink()
            try:
                path.mkdir(exist_ok=True)
            except OSError as error:
                raise Failure(f"cannot make {target} in a container: {error.strerror}") from error
        self._check_own(target)
        return path

    def _file(self, target):
        target = str(target)
        if target.startswith("/usr/local/bin/"):
            target = "/.bin/" + target.removeprefix("/usr/local/bin/")
        path = self._folder(Path(target).parent) / Path(target).name
        if path.is_symlink():
            path.unlink()
        path.touch()
        return path

    def _check_own(self, target):
        covered = {bind[1] for bind in self.binds if bind[1].count("/") == 1 and not str(bind[0]).startswith(str(self.path))}
        first = "/" + Path(str(target).lstrip("/")).parts[0]
        if first in covered and first != "/.etc":
            raise Failure(f"{target}: in a container of the lab {first} is this machine's, and nothing can be put there")

    def _own(self, path, owner):
        number = self.image.users.get(owner)
        if number is None:
            number = _number("/etc/passwd", owner)
        os.chown(path, number, number)

    def enter(self, read_only):
        """In the process that becomes the container's first, in a mount namespace of its own."""
        kernel.mount(None, "/", flags=kernel.REC | kernel.PRIVATE)
        root = str(self.path)
        kernel.mount(root, root, flags=kernel.BIND)
        for source, target, fixed in self.binds:
            if not os.path.exists(root + target):
                # In a volume that lies above the place which was made for it.
                os.makedirs(root + target) if os.path.isdir(source) else Path(root + target).touch()
            kernel.mount(source, root + target, flags=kernel.BIND | kernel.REC)
            if fixed:
                kernel.make_read_only(root + target)
        for mount in self.mounts:
            if mount.kind == "tmpfs":
                kernel.mount("tmpfs", root + mount.target, "tmpfs", kernel.NOSUID | kernel.NODEV, mount.options or None)
        self._devices(root)
        kernel.mount("proc", root + "/proc", "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
        kernel.mount("sysfs", root + "/sys", "sysfs", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC | kernel.RDONLY)
        kernel.change_root(root)
        if read_only:
            kernel.mount(None, "/", flags=kernel.REMOUNT | kernel.BIND | kernel.RDONLY)

    def _devices(self, root):
        dev = root + "/dev"
        kernel.mount("tmpfs", dev, "tmpfs", kernel.NOSUID, "mode=755,size=64m")
        for name in _DEVICES:
            Path(dev, name).touch()
            kernel.mount(f"/dev/{name}", f"{dev}/{name}", flags=kernel.BIND)
        for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
            os.symlink(f"/proc/self/fd{target}", f"{dev}/{name}")
        os.mkdir(f"{dev}/shm")
        os.chmod(f"{dev}/shm", 0o777 | stat.S_ISVTX)


def _without(names, file):
    """The lines of this machine's users or groups that an image's own do not replace."""
    lines = [line.split(":") for line in Path(file).read_text().splitlines() if line.count(":") >= 2]
    return [":".join(line) for line in lines if line[0] not in names and line[2] not in map(str, names.values())]


def _number(file, name):
    for line in Path(file).read_text().splitlines():
        if line.split(":")[0] == name:
            return int(line.split(":")[2])
    raise Failure(f"there is no user {name}")
