import itertools
import pathlib
import subprocess

import pytest

import processes
import resp
import terminals


@pytest.fixture
def redis():
    with processes.redis() as redis:
        yield redis


@pytest.fixture
def keys(tmp_path):
    """Makes keys by the command, and gives the private and the public file."""

    def make(id: str, *options: str) -> tuple[pathlib.Path, pathlib.Path]:
        words = [processes.executable(), "signing-key", "create", id, "--directory", str(tmp_path), *options]
        subprocess.run(words, check=True, capture_output=True, timeout=30)
        return tmp_path / f"{id}.key", tmp_path / f"{id}.pub"

    return make


@pytest.fixture
def terminal(tmp_path):
    """Starts terminals, and ends them behind the test."""
    started = []
    numbers = itertools.count(1)

    def start(url: str, *public: pathlib.Path, id: str | None = None) -> terminals.Terminal:
        started.append(terminals.Terminal(tmp_path, url, id or f"kiosk-{next(numbers)}", [*public]))
        return started[-1]

    yield start
    for terminal in started:
        terminal.stop()


@pytest.fixture
def attacker(redis):
    """Somebody who has taken over Redis: publishes what he likes, and hears everything."""
    link, ear = resp.Redis(redis.url), resp.Eavesdropper(redis.url)
    link.ear = ear
    yield link
    ear.close()
    link.close()
