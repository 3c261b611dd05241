"""The image: its Dockerfile followed on a clean folder, and its health check."""

import subprocess
import sys

import pytest
from support import ROOT, Backend, Program, eventually, free_port, healthcheck, listens

sys.path.insert(0, str(ROOT / "deploy/lib"))
from dockerfile import ignored, read_rules, read_stages  # noqa: E402


def check(*arguments):
    return subprocess.run([ROOT / "deploy/check-dockerfile", *arguments], capture_output=True, text=True, cwd="/")


def test_the_dockerfile_can_be_followed(switchboard):
    result = check("--binary", switchboard)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the sources of all targets are in the context" in result.stdout
    assert "libhiredis0.14" in result.stdout
    assert "libjs-chart.js libjs-xterm node-xterm" in result.stdout, "what the console shows charts and terminals with"


@pytest.mark.parametrize("wrong, message", [
    ("COPY Sauces ./", "COPY Sauces: not in what .dockerignore lets through"),
    ("COPY docker-compose.yml ./", "COPY docker-compose.yml: not in what .dockerignore lets through"),
    ("COPY --from=nowhere / /", "unknown stage nowhere"),
    ("RUN apt-get update && apt-get install -y libhiredis99", "no such Debian package: libhiredis99"),
    ("RUN swift build -c release", "Could not find Package.swift"),
])
def test_a_step_that_docker_would_fail_at_is_found(tmp_path, wrong, message):
    path = tmp_path / "Dockerfile"
    path.write_text(f"FROM debian:bookworm-slim AS only\nWORKDIR /build\n{wrong}\n")
    result = check("--dockerfile", path)
    assert result.returncode == 1 and message in result.stderr


def test_the_build_is_followed_into_the_last_stage(tmp_path):
    """With --build, by a program that is built in no time."""
    path = tmp_path / "Dockerfile"
    path.write_text(
        "FROM debian:bookworm-slim AS build\nWORKDIR /build\nCOPY . .\nRUN mkdir image && cp /bin/true image/switchboard\n"
        "FROM debian:bookworm-slim\nCOPY --from=build /build/image/ /usr/local/bin/\n"
    )
    result = check("--dockerfile", path, "--build")
    assert result.returncode == 0 and "libc6: libc.so.6" in result.stdout, result.stderr
    path.write_text(path.read_text().replace("image/switchboard", "image/telephone"))
    result = check("--dockerfile", path, "--build")
    assert result.returncode == 1 and "holds no /usr/local/bin/switchboard" in result.stderr


def test_a_missing_library_is_found(switchboard, tmp_path):
    path = tmp_path / "Dockerfile"
    path.write_text("FROM debian:bookworm-slim\nRUN apt-get install -y ca-certificates\nRUN x --static-swift-stdlib\n")
    result = check("--dockerfile", path, "--binary", switchboard)
    assert result.returncode == 1 and "needs libhiredis.so.0.14 of libhiredis0.14" in result.stderr


def test_instructions_are_read_as_docker_reads_them():
    one, two = read_stages("ARG V=1\nFROM a AS b\n# no\nRUN x \\\n  # no\n  && y\nFROM c\nCOPY --from=b --chown=1 /p /q /r/\n")
    assert (one.image, one.name, [i.text for i in one.instructions]) == ("a", "b", ["x && y"])
    copy = two.instructions[0]
    assert copy.options == {"from": "b", "chown": "1"} and copy.arguments == ["/p", "/q", "/r/"] and copy.line == 8


@pytest.mark.parametrize("path, out", [
    ("README.md", True), ("a/b/README.md", True), ("docs/a", True), ("docs2/a", False), ("deploy/up", True),
    ("deploy/keep", False), ("a/docs/b", False), ("x.build/a", False), (".build-2/a", True),
])
def test_dockerignore(path, out):
    rules = read_rules("# comment\n**/*.md\ndocs\n/deploy/*\n!deploy/keep\n.build*\n")
    assert ignored(rules, path) is out


def test_the_health_check_sees_a_ready_node(switchboard, tmp_path):
    port = free_port()
    with Program(tmp_path, "node", switchboard, "serve", "--host", "127.0.0.1", "--port", port) as node:
        eventually(lambda: node.check_runs() and healthcheck(port).returncode == 0, what="the node is healthy")


def test_the_health_check_sees_a_node_that_is_not_ready(switchboard, tmp_path):
    port = free_port()
    redis = f"redis://127.0.0.1:{free_port()}"
    with Program(tmp_path, "node", switchboard, "serve", "--host", "127.0.0.1", "--port", port, "--redis", redis) as node:
        eventually(lambda: node.check_runs() and listens(port), what="the node listens")
        result = healthcheck(port)
        assert result.returncode == 1 and "readyz answers 503" in result.stdout


def test_the_health_check_fails_without_a_node_and_asks_for_readyz():
    assert healthcheck(free_port()).returncode == 1
    with Backend("127.0.0.1", 0) as node:
        assert healthcheck(node.port).returncode == 0
        assert node.requests[0][1] == "/readyz"
