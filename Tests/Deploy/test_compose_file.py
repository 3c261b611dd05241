"""docker-compose.yml: valid by the Compose Specification, and what Switchboard's promises need of it."""

import json
import os
import re
import subprocess
from pathlib import Path

import check_jsonschema
import jsonschema
import pytest
import yaml
from support import ROOT, Program, eventually, free_port, healthcheck


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def specification():
    # check-jsonschema ships the schema of github.com/compose-spec/compose-spec.
    folder = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


def seconds(duration):
    return sum(int(n) * {"s": 1, "m": 60, "h": 3600}[unit] for n, unit in re.findall(r"(\d+)([smh])", duration))


def test_follows_the_compose_specification(compose, specification):
    assert [error.message for error in specification.iter_errors(compose)] == []


def test_the_specification_refuses_a_misspelt_key(compose, specification):
    wrong = {**compose, "services": {**compose["services"], "node": {**compose["services"]["node"], "healthchek": {}}}}
    assert not specification.is_valid(wrong)


def test_a_node_may_drain_before_it_is_killed(compose):
    assert seconds(compose["services"]["node"]["stop_grace_period"]) > 60


def test_a_node_may_hold_its_connections(compose):
    limit = compose["services"]["node"]["ulimits"]["nofile"]
    assert min(limit["soft"], limit["hard"]) > 50_000


def test_a_node_is_healthy_when_ready(compose):
    test = compose["services"]["node"]["healthcheck"]["test"]
    assert test[:2] == ["CMD", "switchboard-healthcheck"]
    assert "/readyz" in (ROOT / "deploy/healthcheck").read_text()


def test_nodes_can_be_scaled(compose):
    node = compose["services"]["node"]
    assert "container_name" not in node and "ports" not in node


def test_every_host_file_that_is_mounted_is_shipped(compose):
    mounts = [m.split(":")[0] for s in compose["services"].values() for m in s.get("volumes", []) if m.startswith("./")]
    assert len(mounts) == 6
    assert all((ROOT / mount).exists() for mount in mounts)


def test_redis_keeps_an_append_only_file_on_a_volume(compose):
    redis = compose["services"]["redis"]
    settings = (ROOT / "deploy/redis.conf").read_text().splitlines()
    assert "appendonly yes" in settings and "appendfsync everysec" in settings
    assert any(line.startswith("client-output-buffer-limit pubsub ") for line in settings)
    assert redis["command"][1] == "/etc/switchboard/redis.conf"
    assert "redis:/data" in redis["volumes"] and "redis" in compose["volumes"]
    assert "ports" not in redis


def test_every_service_comes_back(compose):
    assert {service["restart"] for service in compose["services"].values()} == {"unless-stopped"}


def test_nginx_can_follow_names(compose):
    version = re.fullmatch(r"nginx:(\d+)\.(\d+)(?:\.(\d+))?(?:-alpine)?", compose["services"]["nginx"]["image"])
    assert tuple(int(part or 0) for part in version.groups()) >= (1, 27, 3)


def test_the_commands_of_redis_and_node_work_together(compose, switchboard, tmp_path):
    """As compose starts them, on loopback ports."""
    redis_port, port = free_port(), free_port()
    changed = {
        "/etc/switchboard/redis.conf": ROOT / "deploy/redis.conf", "/data": tmp_path,
        "--host=0.0.0.0": "--host=127.0.0.1", "--port=8080": f"--port={port}",
        "--redis=redis://redis:6379": f"--redis=redis://127.0.0.1:{redis_port}",
    }
    redis, node = ([changed.pop(word, word) for word in compose["services"][name]["command"]] for name in ("redis", "node"))
    redis += ["--bind", "127.0.0.1", "--port", redis_port]
    assert changed == {}
    with Program(tmp_path, "redis", *redis) as store, Program(tmp_path, "node", switchboard, *node) as server:
        eventually(lambda: store.check_runs() and server.check_runs() and healthcheck(port).returncode == 0, what="it is ready")
        assert (tmp_path / "appendonlydir").is_dir()


def test_keys_take_one_file_more(compose, specification, switchboard):
    more = yaml.safe_load((ROOT / "deploy/compose.keys.yml").read_text())
    assert [error.message for error in specification.iter_errors(more)] == []
    node, added = compose["services"]["node"], more["services"]["node"]
    folder = added["volumes"][0].split(":")[1]
    command = [switchboard, *node["command"], "--print-config"]
    environment = os.environ | node["environment"] | added["environment"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    settings = yaml.safe_load(printed)
    assert settings["allowAnonymous"] is False
    assert [settings["keyFile"], settings["tokenKeys"]] == [f"{folder}/keys", f"{folder}/jwks.json"]
