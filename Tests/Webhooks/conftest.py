import pytest

import nodes
import processes
import receiver as receivers


@pytest.fixture
def receiver():
    with receivers.receiving() as receiver:
        yield receiver


@pytest.fixture
def redis():
    with processes.redis() as redis:
        yield redis


@pytest.fixture(params=["single node", "with Redis"])
def start(request, receiver):
    """Starts nodes that tell the receiver; in process, where there is only one, or with a Redis of their own."""
    with nodes.starting(receiver) as start:
        if request.param == "single node":
            yield start
        else:
            with processes.redis() as redis:
                start.options += ["--redis", redis.url]
                yield start
                start.stop()


@pytest.fixture
def cluster(redis, receiver):
    """Starts nodes with one Redis."""
    with nodes.starting(receiver, "--redis", redis.url) as start:
        yield start
