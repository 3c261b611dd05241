"""GET /metrics: both formats as their own parsers and promtool read them, and numbers that are true."""

import json
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

import processes
import wire
from scrapes import label, rise, samples, scrape

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
# What the two main versions of Prometheus say.
PROMETHEUS = [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
]


def test_the_text_format_is_what_a_person_gets(url):
    answer = scrape(url)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    assert scrape(url, "*/*").headers["content-type"] == answer.headers["content-type"]


@pytest.mark.parametrize("accept", [OPENMETRICS, *PROMETHEUS])
def test_openmetrics_is_given_to_who_asks_for_it(url, accept):
    answer = scrape(url, accept)
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.body.endswith(b"\n# EOF\n")


def test_promtool_has_nothing_to_say(url):
    """It reads the text format only, and checks names, units and help texts as well."""
    checked = subprocess.run(["promtool", "check", "metrics"], input=scrape(url).body, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_promtool_would_say_something():
    checked = subprocess.run(["promtool", "check", "metrics"], input=b"# TYPE a counter\na 1\n", capture_output=True)
    assert checked.returncode != 0


def test_both_formats_say_the_same(url):
    """OpenMetrics' parser is strict: units, suffixes, order, the end."""
    text = {family.name: family for family in plain(scrape(url).body.decode())}
    other = {family.name: family for family in openmetrics(scrape(url, OPENMETRICS).body.decode())}
    infos = {"switchboard_node"}
    assert {name.removesuffix("_info") for name in text} == set(other)
    for name, family in other.items():
        twin = text[name + "_info" if name in infos else name]
        assert family.documentation == twin.documentation != ""
        assert family.type == ("info" if name in infos else twin.type) != "unknown"
        assert {(s.name, tuple(s.labels.items())) for s in family.samples} == {
            (s.name, tuple(s.labels.items())) for s in twin.samples}


def test_head_is_answered_without_the_metrics(url):
    answer = wire.call(url, "HEAD", "/metrics")
    assert (answer.status, answer.body) == (200, b"")


def test_pushes_are_counted_by_target_and_outcome(url, agent):
    client = agent()
    risen = rise(url, lambda: [
        wire.call(url, "POST", f"/v1/clients/{client.id}/push", b"x"),
        wire.call(url, "POST", "/v1/clients/nobody-at-all/push", b"x"),
        wire.call(url, "POST", f"/v1/clients/{client.id}-2/push?durable=true", b"xyz"),
        wire.call(url, "POST", "/v1/groups/nobody-at-all/push", b"x"),
    ])
    assert risen[label("switchboard_pushes_total", target="client", outcome="delivered")] == 1
    assert risen[label("switchboard_pushes_total", target="client", outcome="offline")] == 1
    assert risen[label("switchboard_pushes_total", target="client", outcome="queued")] == 1
    assert risen[label("switchboard_pushes_total", target="group", outcome="offline")] == 1
    assert risen[label("switchboard_deliveries_total", outcome="delivered")] == 1
    assert risen[label("switchboard_delivery_latency_seconds_count")] == 1
    assert 0 < risen[label("switchboard_delivery_latency_seconds_sum")] < 30
    assert risen[label("switchboard_mailbox_pushes_count")] == 1
    assert risen[label("switchboard_mailbox_pushes_sum")] == 1
    assert risen[label("switchboard_mailbox_bytes_sum")] == 3


def test_connections_are_counted_by_mode_and_close_code(url):
    def connect():
        client = wire.connect(url, "counted", framed=True)
        client.connection.send_frame(wire.TEXT, b"no JSON")
        client.connection.finish()
        client.connection.closed()

    risen = rise(url, connect)
    assert risen[label("switchboard_connections_accepted_total")] == 1
    assert risen[label("switchboard_connections_closed_total", code="4006")] == 1


def test_refusals_are_counted_by_reason(url):
    def refused():
        with wire.Connection(url) as connection:
            assert connection.upgrade("/ws?clientId=not%20valid").status == 400

    assert rise(url, refused)[label("switchboard_connections_refused_total", reason="invalid_client_id")] == 1


def test_commands_are_counted_by_outcome(url, agent, background):
    client = agent()

    def command():
        answer = background(wire.call, url, "POST", f"/v1/clients/{client.id}/commands", json.dumps({"name": "n"}).encode())
        client.result(client.next("command"), 1)
        assert answer.result().status == 200
        wire.call(url, "POST", "/v1/clients/nobody-at-all/commands", json.dumps({"name": "n"}).encode())

    risen = rise(url, command)
    assert risen[label("switchboard_commands_total", outcome="result")] == 1
    assert risen[label("switchboard_commands_total", outcome="offline")] == 1
    assert risen[label("switchboard_command_latency_seconds_count")] == 1


def test_no_input_makes_new_series(url, connect):
    """Neither clients nor groups, codes that clients make up nor anything in a request becomes a label."""
    def busy():
        for number in range(20):
            client = connect(f"many-{number}", query=f"&group=g{number}&label.l{number}=v")
            wire.call(url, "POST", f"/v1/groups/g{number}/push", b"x")
            client.connection.send_frame(wire.CLOSE, (3100 + number).to_bytes(2, "big"))
            client.connection.closed()

    before = len(samples(url))
    risen = rise(url, busy)
    assert risen[label("switchboard_connections_closed_total", code="other")] == 20
    assert len(samples(url)) == before < 600


@pytest.mark.own_node
def test_metrics_can_be_turned_off():
    with processes.node("--no-metrics") as url:
        assert wire.call(url, "GET", "/metrics").status == 404


@pytest.mark.own_node
def test_requests_beyond_the_rate_are_counted():
    with processes.node("--publish-rate", "1") as url:
        statuses = [wire.call(url, "POST", "/v1/broadcast", b"x").status for _ in range(10)]
        assert samples(url)[label("switchboard_pushes_throttled_total")] == statuses.count(429) > 0
