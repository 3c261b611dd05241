"""A cluster that Prometheus watches: Redis, nodes with clients and traffic, and Prometheus with the shipped rules."""

import contextlib
import json
import re
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request

import yaml
from support import ROOT, Program, eventually, free_port

OBSERVE = ROOT / "deploy/observe"
DASHBOARD = OBSERVE / "grafana/dashboards/switchboard.json"
# What is no metric in a query: functions, keywords, labels in `by (...)`, durations, strings.
WORDS = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
METRIC = re.compile(r"^(switchboard|process)[_:]")


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def metrics_of(query):
    """The metrics that a query names, without what a histogram's series add."""
    bare = re.sub(r'"[^"]*"', "", query)
    names = {word for word in WORDS.findall(bare) if METRIC.match(word)}
    return {re.sub(r"_(bucket|sum|count)$", "", name) if "_seconds_" in name or "mailbox_" in name else name for name in names}


def dashboard_queries():
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return queries + [note["expr"] for note in dashboard["annotations"]["list"]]


def rules(kind):
    """(name, expression) of all rules of one kind, `alert` or `record`."""
    found = []
    for path in sorted((OBSERVE / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            found += [(rule[kind], rule["expr"]) for rule in group["rules"] if kind in rule]
    return found


def concrete(query):
    """As Grafana sends it for all nodes and a short time."""
    return query.replace("$instance", ".*").replace("$__rate_interval", "10s")


class Cluster:
    """Nodes with Redis between them, and what a backend does to them."""

    def __init__(self, stack, folder, switchboard, count):
        port = free_port()
        redis = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        self.redis = stack.enter_context(Program(folder, "redis", *redis))
        self.ports = [free_port() for _ in range(count)]
        for number, node in enumerate(self.ports):
            command = [switchboard, "serve", "--port", node, "--redis", f"redis://127.0.0.1:{port}",
                       "--node-id", f"n{number + 1}", "--heartbeat-interval", "0.3", "--log-format", "json"]
            stack.enter_context(Program(folder, f"node{number + 1}", *command))
        for node in self.ports:
            eventually(lambda: self.is_ready(node), what="the nodes are ready")

    def is_ready(self, port):
        try:
            return json.loads(get(f"http://127.0.0.1:{port}/readyz"))["status"] == "ready"
        except (urllib.error.URLError, OSError):
            return False

    def post(self, path, body, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[0]}{path}", body, headers, method="POST")
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10).read()


class Traffic:
    """One client on each node, and pushes and commands to them until it ends."""

    def __init__(self, cluster, agents):
        self.cluster, self.agents = cluster, agents
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stopping.wait(0.05):
            for agent in self.agents:
                self.cluster.post(f"/v1/clients/{agent}/push", b"hello")
                self.cluster.post(f"/v1/clients/{agent}/commands", b'{"name":"n","timeout":1}')
            self.cluster.post("/v1/broadcast", b"hello")
            self.cluster.post("/v1/clients/away/push?durable=true&collapse=k", b"hello")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)


class Prometheus:
    """Debian's Prometheus with the shipped configuration, but for where it finds the nodes."""

    def __init__(self, stack, folder, ports):
        settings = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings["rule_files"] = [str(OBSERVE / "rules/*.yml")]
        job = next(job for job in settings["scrape_configs"] if job["job_name"] == "switchboard")
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
        settings["scrape_configs"] = [job]
        path = folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(settings))
        self.port = free_port()
        self.program = stack.enter_context(Program(
            folder, "prometheus", shutil.which("prometheus"), f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{self.port}"))
        eventually(self.is_ready, 30, "Prometheus is ready")

    def is_ready(self):
        self.program.check_runs()
        with contextlib.suppress(urllib.error.URLError, OSError):
            return get(f"http://127.0.0.1:{self.port}/-/ready")

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        return json.loads(get(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"))["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def targets(self):
        return self.ask("targets", state="active")["activeTargets"]
