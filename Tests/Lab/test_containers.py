"""Containers of small compose files: each key of the file that the lab follows is seen from inside or from a neighbour."""

import time

from support import ROOT, eventually

# Redis' image for its shell: there is nothing smaller that the lab has a program for.
SHELL = "image: redis\n    entrypoint: [sh, -c]\n    stop_grace_period: 1s"


def test_what_a_container_is_given(lab, tmp_path):
    (tmp_path / "settings.env").write_text("FROM_FILE=file\nBOTH=file\n")
    (tmp_path / "given").mkdir()
    (tmp_path / "given/text").write_text("mounted")
    one = lab("given", f"""
services:
  one:
    {SHELL}
    command: ["echo printed; exec sleep 100"]
    env_file: settings.env
    environment: {{BOTH: file says, WHO: "${{WHO:-nobody}}", DOLLAR: $$1}}
    working_dir: /tmp
    user: "4321:1234"
    hostname: somebody
    tmpfs: "/scratch:size=1m"
    ulimits: {{nofile: {{soft: 111, hard: 222}}, core: 0}}
    sysctls: {{net.core.somaxconn: 77}}
    extra_hosts: ["elsewhere:198.51.100.1"]
    volumes: ["./given:/given:ro", "kept:/kept"]
    configs: [{{source: greeting, target: /etc/app/greeting.txt}}]
  sealed:
    {SHELL}
    command: ["exec sleep 100"]
    user: root
    read_only: true
    tmpfs: [/scratch]
configs: {{greeting: {{content: "hello $WHO"}}}}
volumes: {{kept: }}
""", WHO="tester").is_up()

    def sees(command):
        result = one.inside("one-1", "sh", "-c", command)
        return (result.stdout + result.stderr).strip()

    assert one.log("one-1") == "printed\n"
    assert sees("echo $FROM_FILE/$BOTH/$WHO/$DOLLAR") == "file/file says/tester/$1"
    assert sees("pwd; id -u; id -g; hostname") == "/tmp\n4321\n1234\nsomebody"
    assert sees("ulimit -Sn; ulimit -Hn; ulimit -c") == "111\n222\n0"
    assert sees("cat /proc/sys/net/core/somaxconn") == "77"
    assert sees("cat /given/text /etc/app/greeting.txt") == "mountedhello tester"
    assert "ead-only" in sees("echo x > /given/text") and (tmp_path / "given/text").read_text() == "mounted"
    assert "tmpfs" in sees("grep ' /scratch ' /proc/mounts")
    assert "elsewhere" in sees("getent hosts 198.51.100.1")
    assert one.inside("sealed-1", "touch", "/etc/x").returncode == 1
    assert one.inside("sealed-1", "touch", "/scratch/x").returncode == 0
    # Nothing else of this machine can be changed, even by root.
    for path in ("/usr/x", "/root/x", "/usr/local/bin/x", f"{ROOT}/x"):
        assert one.run("exec", "--user", "root", "one-1", "touch", path).returncode != 0
    assert one.run("exec", "--user", "root", "one-1", "ip", "link", "set", "eth0", "down").returncode != 0
    assert set(sees("ps -e -o comm=; true").split()) == {"sleep", "sh", "ps"}


def test_a_volume_outlives_its_container_and_a_container_a_restart(lab):
    one = lab("kept", f"""
services:
  one:
    {SHELL}
    command: ["date +%N >> /volume/a; date +%N >> /etc/a; exec sleep 100"]
    user: root
    volumes: ["kept:/volume"]
volumes: {{kept: }}
""").is_up()
    count = ("exec", "one-1", "sh", "-c", "wc -l < /volume/a; wc -l < /etc/a")
    one.call("restart", "one")
    eventually(lambda: one.run(*count).stdout == "2\n2\n", what="both files have two lines")
    one.call("scale", "one=0")
    one.call("scale", "one=1")
    eventually(lambda: one.run(*count).stdout == "3\n1\n", what="the volume has three lines, the new container one")


def test_stopping(lab):
    one = lab("stopping", f"""
services:
  polite:
    {SHELL}
    command: ["trap 'echo asked; exit 7' USR1; while :; do sleep 0.1; done"]
    stop_signal: SIGUSR1
    stop_grace_period: 20s
  deaf:
    {SHELL}
    command: ["trap '' TERM; while :; do sleep 0.1; done"]
  first:
    image: redis
    entrypoint: [sleep, "100"]
    stop_grace_period: 1s
  child:
    image: redis
    entrypoint: [sleep, "100"]
    stop_grace_period: 60s
    init: true
""").is_up()
    start = time.monotonic()
    one.call("stop", "polite")
    assert time.monotonic() - start < 10 and one.log("polite-1") == "asked\n"
    assert one.containers()["polite-1"]["ended"] == "status 7"
    assert "did not end in 1 s" in one.call("stop", "deaf-1")
    assert one.containers()["deaf-1"]["ended"] == "SIGKILL"
    # The first process of a container gets only the signals that it asks for; below an init it is one as any other.
    for name, ended in (("first", "SIGKILL"), ("child", "status 143")):
        one.call("stop", name)
        assert one.containers()[f"{name}-1"]["ended"] == ended
    one.call("start", "polite-1")
    assert one.containers()["polite-1"]["state"] == "running"


def test_conditions_and_restarts(lab):
    one = lab("conditions", f"""
services:
  third:
    {SHELL}
    command: ["exec sleep 100"]
    depends_on: {{second: {{condition: service_completed_successfully}}, first: {{condition: service_healthy}}}}
  first:
    {SHELL}
    command: ["sleep 1; touch /tmp/ready; exec sleep 100"]
    healthcheck: {{test: "test -e /tmp/ready", interval: 300ms, start_period: 3s, start_interval: 200ms, retries: 1}}
  second:
    {SHELL}
    command: ["test -e /tmp/once || {{ touch /tmp/once; exit 3; }}"]
    restart: on-failure
  ever:
    {SHELL}
    command: ["exit 1"]
    restart: on-failure:2
""").is_up()
    text = one.text()
    assert text.index("first-1 is healthy") < text.index("third-1 started")
    assert text.index("second-1 ended with status 3") < text.index("second-1 ended with status 0") < text.index("third-1 started")
    eventually(lambda: one.text().count("ever-1 ended with status 1") == 3, what="it is started three times")
    shown = one.containers()
    assert (shown["second-1"]["restarts"], shown["ever-1"]["restarts"]) == (1, 2)


def test_a_service_that_never_gets_healthy_is_told_with_what_it_said(lab):
    one = lab("sick", f"""
services:
  sick:
    {SHELL}
    command: ["echo something is wrong; exec sleep 100"]
    healthcheck: {{test: ["CMD", "sh", "-c", "echo no; exit 4"], interval: 100ms, retries: 2}}
  waiting:
    {SHELL}
    command: ["exec sleep 100"]
    depends_on: {{sick: {{condition: service_healthy}}}}
""")
    assert one.process.wait(20) == 1
    assert "sick-1 is unhealthy" in one.text() and "status 4: no" in one.text() and "something is wrong" in one.text()
    assert "waiting-1 started" not in one.text()


def test_profiles_and_images_without_a_program(lab):
    text = f"""
services:
  always:
    {SHELL}
    command: ["exec sleep 100"]
  sometimes:
    {SHELL}
    command: ["exec sleep 100"]
    profiles: [extra]
  dashboard:
    image: grafana/grafana:12.0.0
    profiles: [extra]
    depends_on: [sometimes]
"""
    plain = lab("plain", text).is_up()
    assert sorted(plain.containers()) == ["always-1"]
    assert "dashboard" not in plain.text()
    extra = lab("extra", text, "--profile", "extra").is_up()
    assert sorted(extra.containers()) == ["always-1", "sometimes-1"]
    assert "dashboard is left out: no program of this machine stands for the image grafana/grafana:12.0.0" in extra.text()


def test_faults_between_hosts(lab):
    one = lab("faults", f"""
services:
  one:
    {SHELL}
    command: ["exec sleep 100"]
    scale: 2
""").is_up()
    one.call("host", "client")
    one.call("host", "server", "python3", "-m", "http.server", "8000", "--directory", str(ROOT))

    def fetch(*arguments):
        command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", *arguments, "http://server:8000/LICENSE"]
        return one.inside("client", *command)

    eventually(lambda: fetch().stdout.startswith("200"), what="the server is up")
    one.call("cut", "server", "--from", "one")
    assert fetch().stdout.startswith("200")
    one.call("cut", "client", "--reject", "--from", "server")
    assert fetch("--connect-timeout", "5").returncode == 7, "refused, without waiting"
    one.call("heal", "client")
    one.call("cut", "server", "--drop")
    assert fetch("--connect-timeout", "1").returncode == 28, "no answer at all"
    one.call("heal", "server")
    assert fetch().stdout.startswith("200")
    size = (ROOT / "LICENSE").stat().st_size
    rate = size * 8 // 2000  # the file in about two seconds
    one.call("rate", "server", f"{rate}kbit")
    # Some of it passes at once: the bucket holds 16 KB.
    eventually(lambda: float(fetch().stdout.split()[1]) > 0.2 * max(0, size - 32_000) * 8 / 1000 / rate, what="it takes its time")
    one.call("rate", "server", "off")
    assert one.containers()["server"]["rate"] is None
    assert float(fetch().stdout.split()[1]) < 1
    one.call("remove", "client")
    assert "client" not in one.containers()


def test_wrong_commands_are_told(lab):
    one = lab("wrong", f"services: {{one: {{image: redis, entrypoint: [sleep, '100']}}}}").is_up()
    for arguments, message in (
        (("scale", "two=3"), "there is no service two; there are: one"),
        (("stop", "one-9"), "there is no one-9"),
        (("kill", "one", "-s", "NOSUCH"), "there is no signal NOSUCH"),
        (("rate", "one", "fast"), "'fast' is not a rate"),
        (("cut", "one", "--from", "nobody"), "there is no nobody"),
        (("remove", "one-1"), "belongs to a service"),
        (("--name", "other", "ps"), "there is no lab other; there are: "),
        (("up",), "running already"),
    ):
        result = one.run(*arguments)
        assert result.returncode == 1 and message in result.stderr, (arguments, result)
    assert one.inside("one-1", "nosuchprogram").returncode == 127
    assert one.inside("one-1", "sh", "-c", "exit 5").returncode == 5
