"""The node under test is started by passes.py; on its own (`pytest`) each run starts one."""

import concurrent.futures
import os
import uuid

import pytest

import agents
import processes
import wire


@pytest.fixture(scope="session")
def url():
    if given := os.environ.get("SWITCHBOARD_URL"):
        yield given
    else:
        with processes.node() as started:
            yield started


@pytest.fixture
def connect(url):
    """Connects clients under ids of this test alone, and closes them behind it."""
    connected: list[wire.Client] = []

    def connect(name: str = "client", **options) -> wire.Client:
        connected.append(wire.connect(url, f"{name}-{uuid.uuid4().hex[:12]}", **options))
        return connected[-1]

    yield connect
    for client in connected:
        client.close()


@pytest.fixture
def agent(connect):
    """Connects framed clients that do what the test says."""

    def agent(name: str = "agent", **options) -> agents.Agent:
        return agents.Agent(connect(name, framed=True, **options))

    return agent


@pytest.fixture
def background():
    """Runs something beside the test; gives a future. What has not ended with the test fails it."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        started = []

        def background(function, *arguments, **options) -> concurrent.futures.Future:
            started.append(pool.submit(function, *arguments, **options))
            return started[-1]

        yield background
        _, running = concurrent.futures.wait(started, 15)
        assert not running


@pytest.fixture(params=["length", "chunked"])
def chunked(request) -> bool:
    """A push with a Content-Length is answered below the HTTP framework, a chunked one within it: both must agree."""
    return request.param == "chunked"
