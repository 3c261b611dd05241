"""Nodes that ask who somebody is, with keys and tokens for the tests."""

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import processes
import tokens
import wire

SCOPES = ("push", "read", "admin")


def make_key(file: pathlib.Path, name: str, scope: str, *options: str) -> str:
    """Puts a new key into the file, as a person would."""
    command = [processes.executable(), "key", "create", name, "--scope", scope, "--file", file, *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def revoke(file: pathlib.Path, name: str) -> None:
    subprocess.run([processes.executable(), "key", "revoke", name, "--file", file], check=True, capture_output=True)


@functools.cache
def signers() -> dict[str, tokens.Signer]:
    """One of each kind. To make them takes longer than to start a node."""
    return {name: tokens.Signer(name, f"kid-{name}") for name in tokens.ALGORITHMS}


class Guarded:
    """A node with a key for each scope, and a signer of each kind whose tokens it takes."""

    def __init__(self, folder: pathlib.Path):
        self.key_file = folder / "keys"
        self.set_file = folder / "jwks.json"
        self.keys = {scope: make_key(self.key_file, f"the-{scope}-key", scope) for scope in SCOPES}
        self.signers = signers()
        self.set_file.write_text(tokens.key_set(*self.signers.values()))
        self.node: processes.Node | None = None

    @property
    def options(self) -> list[str]:
        return ["--key-file", str(self.key_file), "--token-keys", str(self.set_file), "--log-level", "debug"]

    @property
    def url(self) -> str:
        return self.node.url

    @property
    def log(self) -> str:
        return self.node.log.read_text()

    def token(self, scope: str | None, algorithm: str = "ES256", **more) -> str:
        return self.signers[algorithm].token({"sub": f"backend-{scope}", "scope": scope}, **more)

    def hang_up(self, says: str = "keys were read again") -> None:
        """SIGHUP, and waits for what the node says of it."""
        before = self.log.count(says)
        self.node.process.send_signal(signal.SIGHUP)
        await_that(lambda: self.log.count(says) > before, f"the node says {says!r}")

    def call(self, credentials: str | None, method="GET", path="/v1/stats", body=None, headers=None, **options):
        return wire.call(self.url, method, path, body, bearer(credentials) | (headers or {}), **options)


def bearer(credentials: str | None) -> dict:
    return {} if credentials is None else {"Authorization": f"Bearer {credentials}"}


def await_that(condition, what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to pass that {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def node(*options: str, **environment: str):
    """A guarded node of its own."""
    with tempfile.TemporaryDirectory(prefix="switchboard-auth-") as directory:
        guarded = Guarded(pathlib.Path(directory))
        with processes.running_node(*guarded.options, *options, **environment) as running:
            guarded.node = running
            yield guarded
            if running.process.poll() is not None:
                raise RuntimeError(f"the node ended by itself:\n{guarded.log[-2000:]}")
            assert_no_secrets(guarded, guarded.log)


def assert_no_secrets(guarded: Guarded, text: str) -> None:
    """Neither keys nor secrets nor whole tokens, nor what can be made from them."""
    for scope, key in guarded.keys.items():
        assert key not in text and key[8:] not in text, f"the key of {scope} can be read"
    assert guarded.signers["HS256"].secret.decode() not in text
    # Two parts of a token: every one begins with the same characters.
    assert "eyJ" not in text, "a token can be read"


def free_environment() -> dict:
    return {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}
