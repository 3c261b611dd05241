"""What the lab reads out of a compose file, compared with Compose itself where that is installed."""

import json
import os
import shutil
import subprocess

import pytest
from lab import Failure, compose, images, values
from lab.health import Health
from support import ROOT

FILE = ROOT / "docker-compose.yml"


@pytest.mark.parametrize("text, result", [
    ("a$$b", "a$b"), ("$A-${A}", "one-one"), ("${NONE:-two}", "two"), ("${EMPTY:-two}", "two"), ("${EMPTY-two}", ""),
    ("${NONE:-${A}/x}", "one/x"), ("${NONE:-${B:-deep}}}", "deep}"), ("${A:+other}", "other"), ("${NONE:+other}", ""),
    ("${EMPTY+other}", "other"),
    ("${A:?missing}", "one"), ("$NONE.", "."), ('"$$@"', '"$@"'),
])
def test_variables(text, result):
    assert values.interpolate(text, {"A": "one", "EMPTY": ""}) == result


@pytest.mark.parametrize("text, message", [
    ("${NONE:?say it}", "NONE has to be set: say it"), ("${EMPTY:?say it}", "say it"), ("$1", "written $$"), ("${A", "not closed"),
    ("${A!x}", "invalid"),
])
def test_wrong_variables(text, message):
    with pytest.raises(Failure, match=message.replace("$", r"\$")):
        values.interpolate(text, {"A": "one", "EMPTY": ""})


@pytest.mark.parametrize("text, seconds", [("75s", 75), ("1m30s", 90), ("300ms", 0.3), ("1h", 3600), ("1.5s", 1.5)])
def test_durations(text, seconds):
    assert values.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["75", "", "5 s", "1d", "s"])
def test_wrong_durations(text):
    with pytest.raises(Failure):
        values.duration(text)


def test_ports():
    assert values.port("127.0.0.1:8080:80") == values.Port("127.0.0.1", 8080, 80)
    assert values.port("8080:80/tcp") == values.Port("0.0.0.0", 8080, 80)
    assert values.port("127.0.0.1::80") == values.Port("127.0.0.1", 0, 80)
    assert values.port(80) == values.Port("0.0.0.0", 0, 80)
    assert values.port({"target": 80, "published": "81", "host_ip": "::1"}) == values.Port("::1", 81, 80)
    assert values.port("[::1]:81:80") == values.Port("::1", 81, 80)
    for wrong in ("80/udp", "80-90:80-90", "x"):
        with pytest.raises(Failure):
            values.port(wrong)


def test_health_by_dockers_rules():
    check = compose.Healthcheck(["CMD", "true"], interval=5, retries=2, start_period=12, start_interval=1)
    health = Health(check, started=100)
    assert (health.delay(100), health.delay(111.5), health.delay(113)) == (1, 0.5, 5)
    # Failures of the start period do not count, later ones do; one success starts the count again.
    assert not health.probed(False, began=105) and health.failures == 0
    assert not health.probed(False, began=113) and health.status == "starting"
    assert health.probed(False, began=118) and health.status == "unhealthy"
    assert health.probed(True, began=123) and health.status == "healthy"
    assert not health.probed(False, began=128) and health.probed(False, began=133) and health.status == "unhealthy"


def read(tmp_path, text, *profiles, **environment):
    path = tmp_path / "compose.yml"
    path.write_text(text)
    return compose.read(path, environment, profiles)


@pytest.mark.parametrize("text, message", [
    ("services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}", "depend on each other: a -> b -> a"),
    ("services: {a: {image: x, depends_on: [b]}}", "a depends on b, which is no active service"),
    ("services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}", "a depends on b"),
    ("services: {a: {image: x, healthcheck: {test: [true]}}}", "begins with CMD"),
    ("services: {a: {image: x, healthcheck: {test: x, intervall: 3s}}}", "healthcheck has no intervall"),
    ("services: {a: {extends: {service: b}}}", "extends is unknown"),
    ("services: {a: {image: x, configs: [nothing]}}", "there is no nothing"),
    ("services: [a]", "has no services"), ("services: {a: [", "cannot read"),
])
def test_wrong_files(tmp_path, text, message):
    with pytest.raises(Failure, match=message):
        read(tmp_path, text)


def test_what_is_not_followed_is_named(tmp_path):
    project = read(tmp_path, "services: {a: {image: x, mem_limit: 1g, x-own: 1, labels: {a: b}, deploy: {resources: {}, replicas: 4}}}")
    assert project.notes == ["a: the lab does nothing about mem_limit", "a: the lab does nothing about deploy.resources"]
    assert project.services["a"].scale == 4


def test_our_own_file_is_followed_to_the_letter():
    project = compose.read(FILE, {}, ["*"])
    assert project.notes == []
    assert project.name == "switchboard" and {"redis", "node", "nginx"} <= set(project.services)


def test_the_image_of_a_node_is_what_its_dockerfile_says(monkeypatch):
    monkeypatch.setenv("SWITCHBOARD_BIN", "/bin/true")
    image = images.find(compose.read(FILE, {}).services["node"])
    assert image.entrypoint == ["switchboard"] and image.user == "switchboard" and image.command[0] == "serve"
    assert set(image.programs) == {"/usr/local/bin/switchboard", "/usr/local/bin/switchboard-healthcheck"}
    assert image.healthcheck.test == ["CMD", "switchboard-healthcheck", "8080"] and image.healthcheck.start_period == 10


def composes_view():
    """The file as Compose itself reads it; needs no engine."""
    command = ["docker", "compose"]
    if not shutil.which("docker") or subprocess.run([*command, "version"], capture_output=True).returncode != 0:
        pytest.skip("docker compose is not installed")
    answer = subprocess.run([*command, "--file", FILE, "--profile", "*", "config", "--format", "json"], capture_output=True, text=True,
                            check=True, env={"PATH": os.environ["PATH"]}).stdout
    # What it prints can be read by it again, so a $ is written twice.
    return json.loads(answer.replace("$$", "$"))


def test_compose_reads_the_same():
    theirs, ours = composes_view(), compose.read(FILE, {}, ["*"])
    assert theirs["name"] == ours.name and set(theirs["services"]) == set(ours.services)
    for name, service in ours.services.items():
        same(theirs["services"][name], service)


def same(theirs, ours):
    assert theirs["image"] == ours.image
    assert theirs.get("command") == ours.command and theirs.get("entrypoint") == ours.entrypoint
    assert (theirs.get("environment") or {}) == ours.environment
    conditions = {name: dependency["condition"] for name, dependency in theirs.get("depends_on", {}).items()}
    assert conditions == {name: condition for name, (condition, _) in ours.depends_on.items()}
    assert values.duration(theirs.get("stop_grace_period", "10s")) == ours.stop_grace_period
    assert theirs.get("ulimits", {}) == {name: {"soft": soft, "hard": hard} for name, (soft, hard) in ours.ulimits.items()}
    assert [values.port(port) for port in theirs.get("ports", [])] == ours.ports
    mounts = [values.volume(volume, ROOT) for volume in theirs.get("volumes", [])]
    assert mounts == [mount for mount in ours.mounts if mount.kind in ("bind", "volume")]
    assert theirs.get("restart", "no") == ours.restart
    check = theirs.get("healthcheck")
    assert (check is None) == (ours.healthcheck is None)
    if check:
        assert check["test"] == ours.healthcheck.test and check.get("retries", 3) == ours.healthcheck.retries
        for key in ("interval", "timeout", "start_period"):
            if key in check:
                assert values.duration(check[key]) == getattr(ours.healthcheck, key)
