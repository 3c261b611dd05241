"""The real program's settings: where they come from, what is said of wrong ones, and that the documentation agrees."""

import json
import os
import re
import subprocess

import pytest
import yaml
from support import ROOT, Program, eventually, free_port, listens


def serve(switchboard, *arguments, environment=None, folder=None):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}
    return subprocess.run([switchboard, "serve", *arguments], env=variables | (environment or {}), cwd=folder,
                          capture_output=True, text=True, timeout=30)


def printed(result):
    assert result.returncode == 0, result.stderr
    return yaml.safe_load(result.stdout)


def documented():
    """Name, default and meaning of each row of the documentation's table."""
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", (ROOT / "docs/configuration.md").read_text(), re.M)
    assert len(rows) > 30
    return rows


def flag(name):
    return "--" + re.sub(r"([a-z])([A-Z])", r"\1-\2", name).lower()


def test_the_help_lists_every_setting_with_its_default(switchboard):
    text = " ".join(serve(switchboard, "--help").stdout.split())
    for name, default, meaning in documented():
        assert f"{meaning} (default: {default.strip('`')})" in text, name
        assert f" {flag(name)}" in text, name


def test_what_is_printed_is_what_is_documented(switchboard):
    lines = serve(switchboard, "--print-config").stdout.splitlines()
    names = [re.match(r"(?:# )?(\w+):", line).group(1) for line in lines]
    assert names == [name for name, _, _ in documented()]
    assert all(line.endswith("# default") for line in lines)


def test_flags_over_environment_over_file(switchboard, tmp_path):
    file = tmp_path / "node.yaml"
    file.write_text("port: 1\nloops: 1\nmailboxLimit: 1\ntrustedProxies: [10.0.0.0/8]\n")
    result = serve(switchboard, "--print-config", "--port", "3", "--config", file,
                   environment={"SWITCHBOARD_PORT": "2", "SWITCHBOARD_LOOPS": "2"})
    settings = printed(result)
    assert (settings["port"], settings["loops"], settings["mailboxLimit"]) == (3, 2, 1)
    assert settings["trustedProxies"] == ["10.0.0.0/8"]
    for line in ("port: 3 .*# --port", "loops: 2 .*# SWITCHBOARD_LOOPS", f"mailboxLimit: 1 .*# {file}"):
        assert re.search(line, result.stdout), line
    # What was printed is a file with the same settings.
    file.write_text(result.stdout)
    assert printed(serve(switchboard, "--print-config", "--config", file)) == settings
    (tmp_path / "node.json").write_text(json.dumps(settings))
    assert printed(serve(switchboard, "--print-config", environment={"SWITCHBOARD_CONFIG": "node.json"}, folder=tmp_path)) == settings


WRONG = {
    "flag": (["--port", "80a"], {}, None, "--port: '80a' is wrong: give a port from 0 to 65535"),
    "variable": ([], {"SWITCHBOARD_BODY_LIMIT": "big"}, None, "SWITCHBOARD_BODY_LIMIT: 'big' is wrong: give a size"),
    "value in YAML": ([], {}, "drainLimit: soon\n", "FILE: drainLimit: 'soon' is wrong: give a time from 0s to 24h"),
    "key of YAML": ([], {}, "drian: 5\ndrainLimit: 5\n", "FILE: 'drian' is no setting"),
    "no YAML": ([], {}, "port: [1\n", "FILE: it is not YAML: "),
    "no file": (["--config", "missing.yaml"], {}, None, "--config: cannot read 'missing.yaml': No such file"),
    "contradiction": (["--host", "0.0.0.0"], {}, None, "host: 0.0.0.0 is reachable by other machines"),
    "companion": (["--routing", "shared"], {}, None, "routing does nothing without redis"),
    "Redis URL": (["--redis", "http://:secret@h"], {}, None, "--redis is wrong: unknown scheme 'http'"),
    "empty flag": (["--port", ""], {}, None, "--port: '' is wrong: give a port"),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_line_says_what_is_wrong(switchboard, tmp_path, case):
    arguments, environment, text, message = WRONG[case]
    if text is not None:
        (tmp_path / "node.yaml").write_text(text)
        arguments = [*arguments, "--config", "node.yaml"]
    result = serve(switchboard, *arguments, environment=environment, folder=tmp_path)
    assert result.returncode == 64 and result.stdout == ""
    assert result.stderr.startswith("switchboard: " + message.replace("FILE", "node.yaml"))
    assert result.stderr.count("\n") == 1 and "secret" not in result.stderr


def test_an_unknown_flag_is_refused_with_the_nearest(switchboard):
    result = serve(switchboard, "--outbuond-limit", "1")
    assert result.returncode == 64
    assert "Did you mean '--outbound-limit'?" in result.stderr.splitlines()[0]


def test_an_unknown_variable_is_a_line_in_the_log(switchboard, tmp_path):
    port = free_port()
    environment = os.environ | {"SWITCHBOARD_PORT": str(port), "SWITCHBOARD_MAILBOXLIMIT": "5"}
    with Program(tmp_path, "node", switchboard, "serve", env=environment) as node:
        eventually(lambda: node.check_runs() and listens(port), what="the node listens")
        lines = [line for line in node.log.read_text().splitlines() if "SWITCHBOARD_MAILBOXLIMIT" in line]
        assert len(lines) == 1 and "did you mean SWITCHBOARD_MAILBOX_LIMIT?" in lines[0]


def test_no_secret_is_printed(switchboard):
    result = serve(switchboard, "--print-config", environment={"SWITCHBOARD_REDIS": "redis://operator:hush@h:7/1"})
    assert re.search(r"^# redis: redis://h:7/1 +# SWITCHBOARD_REDIS$", result.stdout, re.M)
    assert not re.search("hush|operator", result.stdout + result.stderr)


def test_the_settings_that_are_shipped_are_taken(switchboard):
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    command, *arguments = compose["services"]["node"]["command"]
    assert command == "serve"
    environment = compose["services"]["node"]["environment"]
    settings = printed(serve(switchboard, *arguments, "--print-config", environment=environment))
    assert settings["host"] == "0.0.0.0" and settings["allowAnonymous"] is True
    assert settings["trustedProxies"] == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
