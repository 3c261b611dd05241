"""switchboard doctor against real surroundings, good ones and bad ones."""

import contextlib
import json
import os
import re
import resource
import subprocess
import time

import pytest
from support import ROOT, Nginx, Program, eventually, free_port, listens, system_nginx

GOOD_REDIS = [ROOT / "deploy/redis.conf"]
BAD_REDIS = ["--save", "", "--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]


def open_files(limit):
    """Run in the child before it becomes the program."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def doctor(switchboard, folder, *arguments, files=2000):
    """Exit status, findings by check, and all that was printed. 2000 files are enough for 1000 connections."""
    command = [switchboard, "doctor", "--json", "--max-connections", "1000", *map(str, arguments)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, preexec_fn=open_files(files))
    answer = json.loads(result.stdout)
    findings = {}
    for finding in answer["checks"]:
        assert finding["state"] in ("ok", "unknown", "problem")
        assert "advice" in finding or finding["state"] != "problem"
        findings.setdefault(finding["check"], []).append(finding)
    assert answer["ok"] == (result.returncode == 0) == (not problems(findings))
    return result.returncode, findings


def sound(*arguments):
    """The findings if nothing is wrong."""
    status, findings = doctor(*arguments)
    return findings if status == 0 else None


def problems(findings):
    return {check for check, list_ in findings.items() if any(finding["state"] == "problem" for finding in list_)}


@contextlib.contextmanager
def redis(folder, *options):
    port = free_port()
    folder = folder / f"redis-{port}"
    folder.mkdir()
    with Program(folder, "redis", "redis-server", *options, "--bind", "127.0.0.1", "--port", port, "--dir", folder) as program:
        eventually(lambda: program.check_runs() and listens(port), what="Redis listens")
        yield port


def ask_redis(port, *words):
    return subprocess.run(["redis-cli", "-p", str(port), *words], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def node(switchboard, folder, *options):
    port = free_port()
    folder = folder / f"node-{port}"
    folder.mkdir()
    with Program(folder, "node", switchboard, "serve", "--port", port, *options) as program:
        eventually(lambda: program.check_runs() and listens(port), what="the node listens")
        yield port


# --- this machine and Redis


def test_a_single_node_has_nothing_to_complain_about(switchboard, tmp_path):
    status, findings = doctor(switchboard, tmp_path)
    assert status == 0 and set(findings) == {"descriptors", "redis"}


def test_too_few_descriptors(switchboard, tmp_path):
    status, findings = doctor(switchboard, tmp_path, files=1100)
    assert status == 1 and problems(findings) == {"descriptors"}
    assert "raise the limit to 1256" in findings["descriptors"][0]["advice"]


def test_the_redis_that_is_shipped_is_fine(switchboard, tmp_path):
    with redis(tmp_path, *GOOD_REDIS) as port, node(switchboard, tmp_path, "--redis", f"redis://127.0.0.1:{port}") as _:
        eventually(lambda: ask_redis(port, "HLEN", "{sb:nodes}:info").strip() == "1", what="the node is known")
        # On a busy machine a node may be held up between a look at its clock and Redis'; the next beat is 3 s away.
        findings = eventually(lambda: sound(switchboard, tmp_path, "--redis", f"redis://127.0.0.1:{port}"), seconds=30)
        assert {"redis.version", "redis.role", "redis.persistence", "redis.eviction", "redis.pubsubBuffer", "redis.clock",
                "nodes.clock"} <= set(findings)


def test_a_redis_with_bad_settings(switchboard, tmp_path):
    with redis(tmp_path, *BAD_REDIS) as port:
        # A node whose clock is a minute late: its lease ends by the clock of Redis, its description tells its own.
        now = int(time.time() * 1000)
        ask_redis(port, "ZADD", "sb:nodes", str(now + 10_000), "late")
        ask_redis(port, "HSET", "{sb:nodes}:info", "late", json.dumps({"id": "late", "clock": now - 60_000}))
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis://127.0.0.1:{port}")
        assert status == 1
        assert problems(findings) == {"redis.persistence", "redis.eviction", "redis.pubsubBuffer", "nodes.clock"}
        assert "appendonly yes" in findings["redis.persistence"][0]["advice"]
        assert "noeviction" in findings["redis.eviction"][0]["advice"]
        assert "256mb 64mb" in findings["redis.pubsubBuffer"][0]["advice"]
        assert "late: 60" in findings["nodes.clock"][0]["found"]
        # What it says to change is what it takes.
        for name, value in (("appendonly", "yes"), ("maxmemory-policy", "noeviction"),
                            ("client-output-buffer-limit", "pubsub 256mb 64mb 60")):
            ask_redis(port, "CONFIG", "SET", name, value)
        ask_redis(port, "DEL", "sb:nodes")
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis://127.0.0.1:{port}")
        assert status == 0, problems(findings)


def test_a_user_who_may_not_read_settings(switchboard, tmp_path):
    with redis(tmp_path, *GOOD_REDIS) as port:
        ask_redis(port, "ACL", "SETUSER", "node", "on", ">pw", "~*", "&*", "+@all", "-config")
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis://node:pw@127.0.0.1:{port}")
        assert status == 0 and findings["redis.pubsubBuffer"][0]["state"] == "unknown"
        assert "256mb" in findings["redis.pubsubBuffer"][0]["advice"]
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis://node:wrong@127.0.0.1:{port}")
        assert status == 1 and problems(findings) == {"redis"}
        assert "password" in findings["redis"][0]["found"] and "wrong" not in findings["redis"][0]["found"].split("WRONGPASS")[0]


def test_a_replica_is_not_the_place_to_write(switchboard, tmp_path):
    with redis(tmp_path, *GOOD_REDIS) as master, redis(tmp_path, *GOOD_REDIS, "--replicaof", "127.0.0.1", master) as port:
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis://127.0.0.1:{port}")
        assert status == 1 and problems(findings) == {"redis.role"}


def test_replicas_that_are_missing(switchboard, tmp_path):
    with redis(tmp_path, *GOOD_REDIS) as port:
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis://127.0.0.1:{port}", "--min-replicas", "1")
        assert status == 1 and problems(findings) == {"redis.replicas"}


def test_sentinels_lead_to_the_master(switchboard, tmp_path):
    with redis(tmp_path, *BAD_REDIS) as master, contextlib.ExitStack() as stack:
        port = free_port()
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\n")
        sentinel = stack.enter_context(Program(tmp_path, "sentinel", "redis-server", configuration, "--sentinel"))
        eventually(lambda: sentinel.check_runs() and listens(port), what="the Sentinel listens")
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis+sentinel://127.0.0.1:{port}/main")
        assert status == 1 and problems(findings) == {"redis.persistence", "redis.eviction", "redis.pubsubBuffer"}
        assert str(master) in findings["redis.role"][0]["found"]
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis+sentinel://127.0.0.1:{port}/other")
        assert status == 1 and problems(findings) == {"redis"}


def test_every_master_of_a_cluster(switchboard, tmp_path):
    cluster = ["--cluster-enabled", "yes"]
    options = [[*GOOD_REDIS, *cluster], [*GOOD_REDIS, *cluster], [*BAD_REDIS, *cluster]]
    with contextlib.ExitStack() as stack:
        # The bus of the cluster would else listen 10 000 ports higher, which there may not be.
        ports = [stack.enter_context(redis(tmp_path, *each, "--cluster-port", free_port())) for each in options]
        subprocess.run(["redis-cli", "--cluster", "create", *(f"127.0.0.1:{port}" for port in ports), "--cluster-yes"],
                       check=True, capture_output=True, timeout=60)
        eventually(lambda: all("cluster_state:ok" in ask_redis(port, "CLUSTER", "INFO") for port in ports), seconds=30)
        keeper = next(port for port in ports if "MOVED" not in ask_redis(port, "ZADD", "sb:nodes", str(10**14), "late"))
        ask_redis(keeper, "HSET", "{sb:nodes}:info", "late", json.dumps({"id": "late", "clock": 10**14 - 70_000}))
        status, findings = doctor(switchboard, tmp_path, "--redis", f"redis+cluster://127.0.0.1:{ports[0]}")
        assert status == 1
        assert problems(findings) == {"redis.persistence", "redis.eviction", "redis.pubsubBuffer", "nodes.clock"}
        for check in ("redis.version", "redis.persistence", "redis.clock"):
            assert len(findings[check]) == 3
        assert [str(ports[2]) in finding["found"] for finding in findings["redis.persistence"]
                if finding["state"] == "problem"] == [True]
        assert len(findings["nodes.clock"]) == 1 and "late: 60" in findings["nodes.clock"][0]["found"]


def test_no_redis_there(switchboard, tmp_path):
    status, findings = doctor(switchboard, tmp_path, "--redis", f"redis://:secret@127.0.0.1:{free_port()}")
    assert status == 1 and problems(findings) == {"redis"}
    assert "refused" in findings["redis"][0]["found"] and "secret" not in json.dumps(findings)


def test_wrong_settings_are_told_as_serve_tells_them(switchboard, tmp_path):
    result = subprocess.run([switchboard, "doctor", "--port", "x"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert result.returncode == 64 and result.stderr == "switchboard: --port: 'x' is wrong: give a port from 0 to 65535\n"


def test_lines_for_people(switchboard, tmp_path):
    command = [switchboard, "doctor", "--max-connections", "1000"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, preexec_fn=open_files(500))
    assert result.returncode == 1
    first, advice, second = result.stdout.splitlines()
    assert first.split()[:2] == ["PROBLEM", "descriptors"] and advice.split()[:2] == ["->", "raise"]
    assert second.split()[:2] == ["ok", "redis"]


# --- the compose file


def test_the_compose_file_that_is_shipped_is_fine(switchboard):
    status, findings = doctor(switchboard, ROOT)
    assert status == 0 and {"compose.stopGrace", "compose.descriptors"} <= set(findings)


def test_a_compose_file_that_kills_its_nodes(switchboard, tmp_path):
    text = (ROOT / "docker-compose.yml").read_text()
    assert "stop_grace_period: 75s" in text and "soft: 65536" in text
    (tmp_path / "docker-compose.yml").write_text(
        text.replace("stop_grace_period: 75s", "stop_grace_period: 50s").replace("soft: 65536", "soft: 1024"))
    status, findings = doctor(switchboard, tmp_path)
    assert status == 1 and problems(findings) == {"compose.stopGrace", "compose.descriptors"}
    assert "above 65s" in findings["compose.stopGrace"][0]["advice"]
    assert "50256" in findings["compose.descriptors"][0]["advice"]
    assert doctor(switchboard, tmp_path, "--compose", ROOT / "docker-compose.yml")[0] == 0
    assert problems(doctor(switchboard, tmp_path, "--compose", "missing.yaml")[1]) == {"compose"}


# --- the way from outside

QUICK = ["--heartbeat-interval", "2", "--heartbeat-timeout", "10"]
PROXY = """
daemon off; pid proxy.pid; {user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    map $http_x_forwarded_for $claimed {{ default $http_x_forwarded_for; "" $remote_addr; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{node};
            proxy_http_version 1.1;
            {lines}
        }}
    }}
}}
"""
UPGRADE = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
FORWARD = "proxy_set_header X-Forwarded-For $remote_addr;"


@contextlib.contextmanager
def proxy(folder, node_port, lines):
    port = free_port()
    folder = folder / f"nginx-{port}"
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(PROXY.format(port=port, node=node_port, lines=lines, user=user))
    with Program(folder, "nginx", system_nginx(), "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log") as nginx:
        eventually(lambda: nginx.check_runs() and listens(port), what="nginx listens")
        yield f"http://127.0.0.1:{port}"


def test_the_proxy_that_is_shipped_is_fine(switchboard, tmp_path):
    with node(switchboard, tmp_path, *QUICK) as port:
        with Nginx(tmp_path, system_nginx(), "--node", f"127.0.0.1:{port}") as nginx:
            status, findings = doctor(switchboard, tmp_path, "--url", f"http://127.0.0.1:{nginx.port}/")
            assert status == 0, problems(findings)
            assert {"proxy.ready", "proxy.upgrade", "proxy.address", "proxy.silence"} <= set(findings)
            assert findings["proxy.address"][0]["found"] == "the node sees 127.0.0.1 as this client's address"


def test_no_proxy_at_all(switchboard, tmp_path):
    with node(switchboard, tmp_path, *QUICK) as port:
        for url in (f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"):
            status, findings = doctor(switchboard, tmp_path, "--url", url)
            assert status == 0 and "no proxy in between" in findings["proxy.address"][0]["found"]


def test_a_proxy_that_cuts_before_the_heartbeat(switchboard, tmp_path):
    with node(switchboard, tmp_path, "--heartbeat-interval", "10", "--heartbeat-timeout", "1") as port:
        with proxy(tmp_path, port, UPGRADE + FORWARD + "proxy_read_timeout 2s;") as url:
            status, findings = doctor(switchboard, tmp_path, "--url", url)
            assert status == 1 and problems(findings) == {"proxy.silence"}
            found = findings["proxy.silence"][0]
            silence = float(re.match(r"after ([\d.]+) s of silence the connection was cut", found["found"]).group(1))
            assert 1 < silence < 9
            # 10 s, 10 % of spread, and 1 s for the answer.
            assert "above 12 s (nginx: proxy_read_timeout" in found["advice"]


def test_a_proxy_that_passes_no_upgrade(switchboard, tmp_path):
    with node(switchboard, tmp_path, *QUICK) as port, proxy(tmp_path, port, FORWARD) as url:
        status, findings = doctor(switchboard, tmp_path, "--url", url)
        assert status == 1 and problems(findings) == {"proxy.upgrade"}
        assert "proxy_set_header Upgrade" in findings["proxy.upgrade"][0]["advice"]


@pytest.mark.parametrize("lines, trusted", [(UPGRADE, "127.0.0.0/8"), (UPGRADE + FORWARD, "192.0.2.0/24")])
def test_a_proxy_that_hides_the_clients(switchboard, tmp_path, lines, trusted):
    """It does not tell the client's address, or the node does not believe it."""
    with node(switchboard, tmp_path, *QUICK, "--trusted-proxies", trusted) as port, proxy(tmp_path, port, lines) as url:
        status, findings = doctor(switchboard, tmp_path, "--url", url)
        assert status == 1 and problems(findings) == {"proxy.address"}
        assert "trustedProxies" in findings["proxy.address"][0]["advice"]


def test_a_proxy_that_believes_its_clients(switchboard, tmp_path):
    """The node trusts the proxy's address only, and the proxy passes on what the client claims."""
    lines = UPGRADE + "proxy_bind 127.0.0.9; proxy_set_header X-Forwarded-For $claimed;"
    trusted = ["--trusted-proxies", "127.0.0.9"]
    with node(switchboard, tmp_path, *QUICK, *trusted) as port, proxy(tmp_path, port, lines) as url:
        status, findings = doctor(switchboard, tmp_path, "--url", url, *trusted)
        assert status == 1 and problems(findings) == {"proxy.address"}
        assert "believes" in findings["proxy.address"][0]["found"]


def test_nobody_there(switchboard, tmp_path):
    status, findings = doctor(switchboard, tmp_path, "--url", f"http://127.0.0.1:{free_port()}")
    assert status == 1 and problems(findings) == {"proxy.ready", "proxy.upgrade"}
    result = subprocess.run([switchboard, "doctor", "--url", "nonsense"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert result.returncode == 1 and result.stderr.startswith("switchboard: 'nonsense' is not a URL")
