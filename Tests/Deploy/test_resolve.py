"""Compose's way to find nodes: nginx follows the addresses that a DNS server gives for one name."""

import getpass
import signal

import pytest
from support import Backend, Nginx, Program, eventually, free_port, upgrade


class NameServer(Program):
    """dnsmasq that answers for `node` with the addresses in a hosts file."""

    def __init__(self, folder):
        self.port = free_port()
        self.hosts = folder / "hosts"
        self.hosts.touch()
        super().__init__(
            folder, "dnsmasq", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            f"--addn-hosts={self.hosts}", f"--port={self.port}", "--listen-address=127.0.0.1", "--bind-interfaces",
            "--local=/node/", "--local-ttl=1", f"--pid-file={folder}/dnsmasq.pid", f"--user={getpass.getuser()}", "--log-facility=-",
        )
        eventually(lambda: self.check_runs() and "started" in self.log.read_text(), what="dnsmasq is up")

    def answer(self, addresses):
        self.hosts.write_text("".join(f"{address} node\n" for address in addresses))
        self.process.send_signal(signal.SIGHUP)


@pytest.fixture
def cluster(new_nginx, tmp_path):
    """Three nodes on one port, as the containers of a service, and nginx in front of a name that means none of them yet."""
    port = free_port("127.0.0.2")
    nodes = [Backend(f"127.0.0.{last}", port) for last in (2, 3, 4)]
    with nodes[0], nodes[1], nodes[2], NameServer(tmp_path) as names:
        arguments = ["--resolver", f"127.0.0.1:{names.port}", "--node", f"node:{port}"]
        with Nginx(tmp_path, new_nginx, *arguments) as nginx:
            yield names, nginx


def answering(nginx):
    """The nodes that twelve requests reach."""
    answers = [nginx.ask() for _ in range(12)]
    return {body.decode() if status == 200 else status for status, _, body in answers}


def reaches(names, nginx, addresses):
    names.answer(addresses)
    # Both: every node in the answer gets traffic, and no other does.
    eventually(lambda: answering(nginx) == set(addresses), 15, f"traffic reaches exactly {addresses}")


def test_nodes_come_and_go(cluster):
    names, nginx = cluster
    assert answering(nginx) == {502}
    reaches(names, nginx, ["127.0.0.2"])
    reaches(names, nginx, ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    reaches(names, nginx, ["127.0.0.3", "127.0.0.4"])
    reaches(names, nginx, ["127.0.0.4"])


def test_upgrades_follow_too(cluster):
    names, nginx = cluster
    reaches(names, nginx, ["127.0.0.2"])
    eventually(lambda: upgrade(nginx.port) == 101, what="an upgrade reaches the first node")
    reaches(names, nginx, ["127.0.0.3"])
    eventually(lambda: upgrade(nginx.port) == 101, what="an upgrade reaches the second node")


def test_nodes_stay_while_the_name_server_is_away(cluster):
    names, nginx = cluster
    reaches(names, nginx, ["127.0.0.2", "127.0.0.3"])
    names.process.terminate()
    names.process.wait(10)
    error_log = nginx.folder / "error.log"
    eventually(lambda: "node could not be resolved" in error_log.read_text(), 15, "nginx misses the name server")
    assert answering(nginx) == {"127.0.0.2", "127.0.0.3"}
