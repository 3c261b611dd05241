"""The lab's network: a bridge, an address for each container, names as Docker's DNS answers them, and faults."""

import contextlib
import ipaddress
import os
import re
import signal
import subprocess
from pathlib import Path

from . import Failure, kernel, processes

# What Docker gives the first network of its own. Only the lab's network namespace knows it, so it cannot collide.
SUBNET = ipaddress.ip_network("172.18.0.0/16")
GATEWAY = SUBNET[1]
_BRIDGE = "lab"
_TTL = 600  # as Docker's


def tool(*command, text=None, process=None):
    """A command that is done in no time, in the network namespace of a process; its failure is ours."""
    before = (lambda: processes.enter(process, ["net"])) if process else None
    try:
        result = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True, preexec_fn=before)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is missing: deploy/setup --test installs it") from error
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


class Network:
    """All of it is in the network namespace of the calling process, and goes with it."""

    def __init__(self, lab, folder):
        self._lab, self._folder, self._last, self._names, self._servers = lab, Path(folder), 1, {}, {}
        self._folder.mkdir()
        self._hosts().touch()
        tool("ip", "-batch", "-", text=(
            f"link set lo up\nlink add {_BRIDGE} type bridge forward_delay 0\n"
            f"addr add {GATEWAY}/{SUBNET.prefixlen} dev {_BRIDGE}\nlink set {_BRIDGE} up\n"
        ))

    def _hosts(self):
        return self._folder / "hosts"

    def new_address(self):
        """Never the same twice: what remembers a container that is gone must not meet another one."""
        self._last += 1
        return str(SUBNET[self._last])

    def attach(self, name, address, process, host_process):
        """Gives the network namespace of a process (its number here and outside) an address and a name server."""
        port = self._port(address)
        # The hardware address stays with the address, so nobody's ARP table is wrong after a restart.
        hardware = "02:42:" + ":".join(f"{byte:02x}" for byte in ipaddress.ip_address(address).packed)
        tool("ip", "-batch", "-", text=(
            f"link add {port} type veth peer name eth0 address {hardware} netns {process}\n"
            f"link set {port} master {_BRIDGE} up\n"
        ))
        # No way out: nothing is beyond the lab.
        tool("ip", "-batch", "-", process=host_process, text=(
            f"link set lo up\naddr add {address}/{SUBNET.prefixlen} dev eth0\nlink set eth0 up\n"
        ))
        file = self._folder / f"{name}.pid"
        # Returns when it listens: it goes to the background by itself. It outlives cuts, as Docker's does.
        tool("dnsmasq", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", f"--addn-hosts={self._hosts()}", "--address=/#/",
             f"--local-ttl={_TTL}", "--listen-address=127.0.0.11", "--bind-interfaces", "--user=root", f"--pid-file={file}",
             process=host_process)
        self._servers[name] = int(file.read_text())

    def detach(self, name, address):
        if server := self._servers.pop(name, None):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
        # The kernel takes its time with a namespace; its end here has to be gone before there is a new one.
        subprocess.run(["ip", "link", "delete", self._port(address)], capture_output=True)

    def _port(self, address):
        return f"p{int(ipaddress.ip_address(address)) - int(SUBNET[0])}"

    def answer(self, address, names):
        """The names under which an address is found; none takes it out."""
        self._names[address] = names
        lines = [f"{address} {' '.join(names)}\n" for address, names in self._names.items() if names]
        changed = self._hosts().with_suffix(".new")
        changed.write_text("".join(lines))
        changed.rename(self._hosts())
        for server in self._servers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGHUP)

    def cut(self, host_process, cuts):
        """All cuts of one container at once: pairs of "drop" or "reject" and the other side's addresses, None for all."""
        rules = {"in": [], "out": []}
        for how, addresses in cuts:
            for chain, side in (("in", "saddr"), ("out", "daddr")):
                where = f"ip {side} {{ {', '.join(addresses)} }} " if addresses else ""
                if addresses is not None and not addresses:
                    continue
                if how == "drop":
                    rules[chain].append(f"{where}drop")
                else:
                    if chain == "out":
                        # What rejects what comes in goes out itself.
                        rules[chain] += ["tcp flags rst accept", "icmp type destination-unreachable accept"]
                    rules[chain] += [f"{where}meta l4proto tcp reject with tcp reset", f"{where}reject"]
        table = f"inet {_table(self._lab)}"
        text = f"table {table}\ndelete table {table}\n"
        if cuts:
            text += f"table {table} {{\n"
            for chain, hook, loopback in (("in", "input", "iif"), ("out", "output", "oif")):
                body = "\n".join([f"type filter hook {hook} priority 0", f"{loopback} lo accept", *rules[chain]])
                text += f"chain {chain} {{\n{body}\n}}\n"
            text += "}\n"
        tool("nft", "-f", "-", text=text, process=host_process)

    def rate(self, address, host_process, rate):
        """Both directions of one container; None for no limit."""
        for device, process in (("eth0", host_process), (self._port(address), None)):
            if rate is None:
                subprocess.run(["tc", "qdisc", "delete", "dev", device, "root"], capture_output=True,
                               preexec_fn=(lambda: processes.enter(process, ["net"])) if process else None)
            else:
                burst = max(16_000, bits(rate) // 8 // 100)
                tool("tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", rate, "burst", burst, "latency", "400ms",
                     process=process)


def _table(lab):
    return "lab_" + re.sub(r"\W", "_", lab)


def bits(rate):
    """Bits a second of 1mbit and the like, in the words of tc."""
    match = re.fullmatch(r"(\d+)([kmg]?)bit", rate.lower())
    if not match or int(match[1]) == 0:
        raise Failure(f"{rate!r} is not a rate such as 1mbit, 500kbit or off")
    return int(match[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[2]]
