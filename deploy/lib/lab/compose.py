"""docker-compose.yml, as far as the lab follows it. What it does not know it names instead of passing it over."""

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from . import Failure, values

# Without a meaning for programs that are there already and for a network that ends at this machine.
_SILENT = {"build", "labels", "logging", "expose", "pull_policy", "platform", "tty", "stdin_open", "container_name",
           "annotations"}
_KNOWN = {
    "image", "command", "entrypoint", "environment", "env_file", "healthcheck", "depends_on", "ulimits", "stop_grace_period",
    "stop_signal", "tmpfs", "volumes", "configs", "secrets", "scale", "deploy", "profiles", "ports", "user", "working_dir",
    "hostname", "restart", "networks", "sysctls", "extra_hosts", "read_only", "init",
}
_HEALTH = {"test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"}
_CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


@dataclass
class Healthcheck:
    """A probe as Docker runs it; `test` is empty for none."""

    test: list
    interval: float = 30.0
    timeout: float = 30.0
    retries: int = 3
    start_period: float = 0.0
    start_interval: float = 5.0


@dataclass
class Service:
    name: str
    image: str
    build: tuple | None = None  # context, Dockerfile
    command: list | None = None
    entrypoint: list | None = None
    environment: dict = field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    depends_on: dict = field(default_factory=dict)  # name -> (condition, required)
    ulimits: dict = field(default_factory=dict)  # name -> (soft, hard)
    stop_grace_period: float = 10.0
    stop_signal: str | None = None
    mounts: list = field(default_factory=list)
    ports: list = field(default_factory=list)
    scale: int = 1
    profiles: list = field(default_factory=list)
    user: str | None = None
    working_dir: str | None = None
    hostname: str | None = None
    restart: str = "no"
    aliases: list = field(default_factory=list)
    sysctls: dict = field(default_factory=dict)
    extra_hosts: dict = field(default_factory=dict)
    read_only: bool = False
    init: bool = False


@dataclass
class Project:
    name: str
    services: dict
    notes: list  # lines about what the lab does differently

    def order(self):
        """The services, each after those that it depends on."""
        done = []

        def visit(name, path):
            if name in path:
                raise Failure(f"the services depend on each other: {' -> '.join([*path, name])}")
            if name not in done and name in self.services:
                for other in self.services[name].depends_on:
                    visit(other, [*path, name])
                done.append(name)

        for name in self.services:
            visit(name, [])
        return done


def read(path, environment, profiles=()):
    """The active services of a file: those without a profile, and those of the given ones (`*` is all)."""
    path = Path(path).resolve()
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Failure(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        raise Failure(f"{path} has no services")
    if "include" in document:
        raise Failure(f"{path}: include is unknown here")
    reader = _Reader(path.parent, environment)
    document = reader.filled_in(document)
    profiles = {*profiles, *filter(None, environment.get("COMPOSE_PROFILES", "").split(","))}
    services = {}
    for name, entry in document["services"].items():
        service = reader.service(name, entry or {}, document)
        if not service.profiles or "*" in profiles or profiles & set(service.profiles):
            services[name] = service
    for service in services.values():
        for other, (_, required) in list(service.depends_on.items()):
            if other not in services:
                if required:
                    raise Failure(f"{service.name} depends on {other}, which is no active service")
                del service.depends_on[other]
    project = Project(document.get("name") or path.parent.name.lower(), services, reader.notes)
    project.order()
    return project


class _Reader:
    def __init__(self, folder, environment):
        self.folder, self.notes = folder, []
        self.environment = {**self._env_file(folder / ".env"), **environment} if (folder / ".env").exists() else environment

    def note(self, line):
        if line not in self.notes:
            self.notes.append(line)

    def filled_in(self, value):
        if isinstance(value, dict):
            return {key: self.filled_in(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled_in(item) for item in value]
        return values.interpolate(value, self.environment, self.note) if isinstance(value, str) else value

    def service(self, name, entry, document):
        if "extends" in entry:
            raise Failure(f"{name}: extends is unknown here")
        ignored = sorted(key for key in entry if key not in _SILENT | _KNOWN and not key.startswith("x-"))
        if ignored:
            self.note(f"{name}: the lab does nothing about {', '.join(ignored)}")
        deploy = entry.get("deploy") or {}
        if unused := sorted(set(deploy) - {"replicas"}):
            self.note(f"{name}: the lab does nothing about {', '.join('deploy.' + key for key in unused)}")
        service = Service(
            name, str(entry.get("image") or f"{document.get('name', '')}-{name}"), self._build(entry.get("build")),
            values.words(entry.get("command")), values.words(entry.get("entrypoint")), self._environment(entry),
            self._healthcheck(name, entry.get("healthcheck")), self._depends_on(name, entry.get("depends_on")),
            {key: self._limit(limit) for key, limit in (entry.get("ulimits") or {}).items()},
            scale=int(entry.get("scale", deploy.get("replicas", 1))), profiles=entry.get("profiles") or [],
            restart=str(entry.get("restart", "no")), read_only=bool(entry.get("read_only")), init=bool(entry.get("init")),
            sysctls=values.mapping(entry.get("sysctls")), extra_hosts=self._hosts(entry.get("extra_hosts")),
        )
        for key in ("stop_signal", "user", "working_dir", "hostname"):
            if key in entry:
                setattr(service, key, str(entry[key]))
        if "stop_grace_period" in entry:
            service.stop_grace_period = values.duration(entry["stop_grace_period"])
        service.ports = [values.port(port) for port in entry.get("ports") or []]
        service.aliases = self._aliases(name, entry.get("networks"))
        service.mounts = [values.volume(volume, self.folder) for volume in entry.get("volumes") or []]
        folders = entry.get("tmpfs") or []
        service.mounts += [values.tmpfs(text) for text in ([folders] if isinstance(folders, str) else folders)]
        for kind, place in (("configs", "/"), ("secrets", "/run/secrets/")):
            for item in entry.get(kind) or []:
                service.mounts.append(self._file(kind, place, item, document.get(kind) or {}))
        return service

    def _build(self, build):
        if build is None:
            return None
        build = {"context": build} if isinstance(build, str) else build
        context = self.folder / build.get("context", ".")
        return context, context / build.get("dockerfile", "Dockerfile")

    def _environment(self, entry):
        result = {}
        files = entry.get("env_file") or []
        for file in [files] if isinstance(files, (str, dict)) else files:
            path, required = (file["path"], file.get("required", True)) if isinstance(file, dict) else (file, True)
            if required or (self.folder / path).exists():
                result.update(self._env_file(self.folder / path))
        given = values.mapping(entry.get("environment"))
        # A name without a value takes that of whoever starts compose, if there is one.
        result.update({name: self.environment.get(name) if value is None else value for name, value in given.items()})
        return {name: value for name, value in result.items() if value is not None}

    def _env_file(self, path):
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise Failure(f"cannot read {path}: {error.strerror}") from error
        lines = (line.strip().removeprefix("export ") for line in lines)
        pairs = (line.partition("=") for line in lines if not line.startswith("#"))
        return {name.strip(): _unquoted(value.strip()) for name, equals, value in pairs if equals}

    def _healthcheck(self, name, entry):
        if entry is None:
            return None
        if wrong := set(entry) - _HEALTH:
            raise Failure(f"{name}: healthcheck has no {', '.join(sorted(wrong))}")
        test = entry.get("test")
        test = ["CMD-SHELL", test] if isinstance(test, str) else test
        if entry.get("disable") or test == ["NONE"]:
            return Healthcheck([])
        if not test or test[0] not in ("CMD", "CMD-SHELL"):
            raise Failure(f"{name}: a healthcheck's test begins with CMD, CMD-SHELL or NONE")
        check = Healthcheck([str(word) for word in test], retries=int(entry.get("retries") or 3))
        for key in ("interval", "timeout", "start_period", "start_interval"):
            if key in entry:
                setattr(check, key, values.duration(entry[key]))
        return check

    def _depends_on(self, name, entry):
        if isinstance(entry, list):
            return {other: ("service_started", True) for other in entry}
        result = {other: (how.get("condition", "service_started"), how.get("required", True)) for other, how in (entry or {}).items()}
        for other, (condition, _) in result.items():
            if condition not in _CONDITIONS:
                raise Failure(f"{name}: depends_on {other}: there is no condition {condition}")
        return result

    def _limit(self, value):
        both = (value["soft"], value["hard"]) if isinstance(value, dict) else (value, value)
        return int(both[0]), int(both[1])

    def _hosts(self, value):
        if isinstance(value, list):
            pairs = [item.replace("=", ":", 1).split(":", 1) for item in value]
            return {name: address.strip("[]") for name, address in pairs}
        return dict(value or {})

    def _aliases(self, name, networks):
        entries = networks.items() if isinstance(networks, dict) else ((network, None) for network in networks or [])
        aliases = []
        for network, options in entries:
            if network != "default":
                self.note(f"{name}: there is one network in the lab, {network} is the same as all others")
            aliases += (options or {}).get("aliases") or []
        return aliases

    def _file(self, kind, place, item, defined):
        item = {"source": item} if isinstance(item, str) else item
        source = item["source"]
        if source not in defined:
            raise Failure(f"{kind}: there is no {source}")
        entry, content = defined[source] or {}, None
        if "content" in entry:
            content = entry["content"].encode()
        elif "environment" in entry:
            content = self.environment.get(entry["environment"], "").encode()
        elif "file" in entry:
            try:
                content = (self.folder / entry["file"]).read_bytes()
            except OSError as error:
                raise Failure(f"{kind}: {source}: {error.strerror}: {entry['file']}") from error
        if content is None:
            raise Failure(f"{kind}: {source}: neither file, content nor environment")
        target = item.get("target") or source
        mode = item.get("mode", 0o444)
        return values.Mount("file", target if target.startswith("/") else place + target, content=content,
                            mode=int(mode, 8) if isinstance(mode, str) else mode)


def _unquoted(value):
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
