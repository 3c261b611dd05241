"""deploy/observe: what is shipped for Prometheus and Grafana, tried with a real Prometheus that watches real nodes."""

import contextlib
import json
import re
import subprocess

import pytest
import yaml
from observing import (DASHBOARD, OBSERVE, Cluster, Prometheus, Traffic, concrete, dashboard_queries, get, metrics_of,
                       rules)
from support import ROOT, Program, eventually

DOCUMENT = (ROOT / "docs/operations.md").read_text()


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def watched(switchboard, tmp_path_factory):
    """Two nodes with clients and traffic, which Prometheus has watched for some seconds."""
    folder = tmp_path_factory.mktemp("observe")
    with contextlib.ExitStack() as stack:
        cluster = Cluster(stack, folder, switchboard, 2)
        names = ["k1", "k2"]
        for name, port in zip(names, cluster.ports):
            stack.enter_context(Program(
                folder, name, switchboard, "agent", "--id", name, "--url", f"ws://127.0.0.1:{port}/ws"))
        page = f"http://127.0.0.1:{cluster.ports[0]}/v1/clients?state=online"
        eventually(lambda: len(json.loads(get(page))["clients"]) == 2, what="both clients are online")
        stack.enter_context(Traffic(cluster, names))
        prometheus = Prometheus(stack, folder, cluster.ports)
        cluster.prometheus, cluster.folder = prometheus, folder
        # Rates need two scrapes, quantiles something between them.
        eventually(lambda: len(prometheus.query(
            "histogram_quantile(0.9, sum by (le) (rate(switchboard_ping_round_trip_seconds_bucket[10s]))) > 0")) == 1,
            60, "Prometheus has seen pings")
        yield cluster


def test_the_configuration_is_valid():
    promtool("check", "config", OBSERVE / "prometheus.yml")
    promtool("check", "rules", *(OBSERVE / "rules").glob("*.yml"))


def test_nodes_are_found_by_composes_names():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    job = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())["scrape_configs"][0]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) <= set(compose["services"]) and found["type"] == "A"
    assert f"--port={found['port']}" in compose["services"]["node"]["command"]


def test_the_profile_observe_is_apart():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert {name for name, service in services.items() if "profiles" in service} == {"prometheus", "grafana"}
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["observe"]
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
    mounts = dict(mount.split(":")[:2] for mount in services["grafana"]["volumes"] if mount.startswith("./"))
    provider = yaml.safe_load((OBSERVE / "grafana/provisioning/dashboards/switchboard.yml").read_text())["providers"][0]
    assert provider["options"]["path"] in mounts.values()
    source = yaml.safe_load((OBSERVE / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090" and source["type"] == "prometheus"


def test_every_alert_fires_when_it_should():
    output = promtool("test", "rules", OBSERVE / "tests/alerts.yml")
    assert "SUCCESS" in output
    cases = yaml.safe_load((OBSERVE / "tests/alerts.yml").read_text())["tests"]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    alerts = {name for name, _ in rules("alert")}
    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == alerts
    assert {check["alertname"] for check in checks if not check.get("exp_alerts")} == alerts


def test_prometheus_reads_openmetrics_of_every_node(watched):
    targets = watched.prometheus.targets()
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")] * 2
    port = watched.ports[0]
    assert len(watched.prometheus.query(f'switchboard_node_info{{instance="127.0.0.1:{port}",node="n1"}}')) == 1
    # What OpenMetrics alone tells: the unit.
    (unit,) = watched.prometheus.ask("metadata", metric="switchboard_delivery_latency_seconds").values()
    assert unit[0] == {"type": "histogram", "help": unit[0]["help"], "unit": "seconds"}


@pytest.mark.parametrize("query", dashboard_queries())
def test_no_query_of_the_dashboard_is_empty(watched, query):
    """Those for alerts and refusals have nothing to show while all is well; then at least their metrics are known."""
    known = {name + "_total" if facts[0]["type"] == "counter" and not name.endswith("_total") else name
             for name, facts in watched.prometheus.ask("metadata").items()}
    known = {"switchboard_node_info" if name == "switchboard_node" else name for name in known}
    assert metrics_of(query) <= known, metrics_of(query) - known
    if query.startswith("ALERTS"):
        watched.prometheus.query(concrete(query))
    else:
        # A series that has just appeared has no rate yet.
        eventually(lambda: watched.prometheus.query(concrete(query)), 30, f"{query} has a result")


@pytest.mark.parametrize("name", [name for name, _ in rules("record")])
def test_every_recording_rule_has_a_result(watched, name):
    eventually(lambda: watched.prometheus.query(name), 30, f"{name} has a result")


def test_no_alert_fires_while_all_is_well(watched):
    groups = watched.prometheus.ask("rules", type="alert")["groups"]
    states = {rule["name"]: (rule["state"], rule["health"]) for group in groups for rule in group["rules"]}
    assert len(states) == len(rules("alert"))
    assert {state for state in states.values()} == {("inactive", "ok")}, states


def test_what_the_metrics_say_is_true(watched):
    query = watched.prometheus.query
    assert [float(series["value"][1]) for series in query("sum(switchboard_connections)")] == [2]
    latency = "histogram_quantile(0.5, sum by (le) (rate(switchboard_delivery_latency_seconds_bucket[10s])))"
    assert 0 < float(query(latency)[0]["value"][1]) < 5
    assert all(0 < float(series["value"][1]) < 5 for series in query("switchboard_bus_lag_seconds"))
    assert all(0 <= float(series["value"][1]) < 20 for series in query("switchboard_bus_canary_age_seconds"))


def test_documentation_dashboard_and_rules_name_what_a_node_tells(watched):
    told = set(re.findall(r"^# TYPE (\S+)", get(f"http://127.0.0.1:{watched.ports[0]}/metrics"), re.M))
    documented = set(re.findall(r"^\| `((?:switchboard|process)_[a-z_]+)", DOCUMENT, re.M))
    assert documented == told
    recorded = {name for name, _ in rules("record")}
    used = [query for _, query in rules("alert") + rules("record")] + dashboard_queries()
    named = set().union(*map(metrics_of, used))
    assert named - recorded <= told, named - recorded - told
    # Whatever is told is worth a look.
    assert told - named <= {"switchboard_metrics_refused_series_total", "process_virtual_memory_bytes"}


def test_every_alert_is_documented():
    assert {name for name, _ in rules("alert")} == set(re.findall(r"^\| `(Switchboard[A-Za-z]+)`", DOCUMENT, re.M))


def test_the_log_is_one_object_a_line_with_the_nodes_name(watched):
    lines = [line for line in (watched.folder / "node1.log").read_text().splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    assert events and all(event["node"] == "n1" and event["message"] and event["level"] for event in events)


def test_the_dashboard_is_sound():
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["title"] and all(target["legendFormat"] for target in panel["targets"])
    cells = [(x, y) for panel in panels for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
             for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])]
    assert len(cells) == len(set(cells)), "panels overlap"
