"""deploy/setup on machines that lack something; apt-get and sudo are played by scripts that write down their arguments."""

import os
import shutil
import subprocess
import time

import pytest
from support import ROOT


@pytest.fixture
def machine(tmp_path):
    """A PATH with nothing but bash and what the script itself uses."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for tool in ("bash", "dirname", "env", "test"):
        (bin_folder / tool).symlink_to(shutil.which(tool))

    def play(name, script=""):
        path = bin_folder / name
        path.write_text(f"#!/bin/bash\necho {name} \"$@\" >> {tmp_path}/calls\n{script}\n")
        path.chmod(0o755)

    def calls():
        return (tmp_path / "calls").read_text().splitlines()

    def setup(*arguments):
        return subprocess.run([ROOT / "deploy/setup", *arguments], env={"PATH": str(bin_folder)}, capture_output=True, text=True)

    setup.play, setup.calls = play, calls
    return setup


def test_nothing_missing_is_silent_and_quick():
    start = time.monotonic()
    result = subprocess.run([ROOT / "deploy/setup", "--test"], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert time.monotonic() - start < 1


def test_installs_what_is_missing_and_nothing_else(machine):
    machine.play("apt-get")
    machine.play("sudo", '"$@"')
    machine.play("redis-server")
    result = machine()
    assert result.returncode == 0, result.stderr
    assert result.stdout == "deploy/setup: installing curl\n"
    calls = [call for call in machine.calls() if call.startswith("apt-get")]
    assert calls == ["apt-get update -qq", "apt-get install -qq -y --no-install-recommends curl"]
    assert any(call.startswith("sudo") for call in machine.calls()) == (os.geteuid() != 0)


def test_says_what_is_missing_where_there_is_no_apt(machine):
    result = machine()
    assert result.returncode == 1
    assert "curl redis-server" in result.stderr and "there is no apt-get here" in result.stderr


def test_a_failing_install_fails(machine):
    machine.play("apt-get", '[[ $1 != install ]]')
    machine.play("sudo", '"$@"')
    assert machine().returncode != 0


def test_unknown_arguments_are_refused():
    result = subprocess.run([ROOT / "deploy/setup", "--everything"], capture_output=True, text=True)
    assert result.returncode == 2 and "usage" in result.stderr
