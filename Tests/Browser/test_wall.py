"""The monitoring wall: who is red comes first, at once, and goes back by itself."""

import contextlib
import re

import cluster as clusters

MONITORED = ["--monitor", "--health-interval", "1", "--quiet"]


def tile(page, client: str) -> str:
    return f'.client-tile[data-client="{client}"]'


def condition(page, client: str, wanted: str, seconds: float = 15) -> None:
    page.find(f'{tile(page, client)}[data-condition="{wanted}"]', seconds=seconds)


def order(page) -> list[str]:
    return page.run("return [...document.querySelectorAll('.client-tile')].map((tile) => tile.dataset.client);")


def test_an_alert_shows_at_once_and_clears(cluster, page, name, picture):
    calm, warm = f"a-{name}", f"b-{name}"
    with contextlib.ExitStack() as stack:
        stack.enter_context(cluster.agent(calm, *MONITORED))
        stack.enter_context(cluster.agent(warm, *MONITORED, "--health-field", "temperature=95"))
        page.go("wall")
        page.find("#search").write(name)
        condition(page, calm, "ok")
        condition(page, warm, "amber")
        assert "warm" in page.find(f"{tile(page, warm)} .why").text
        # The worst first.
        assert order(page) == [warm, calm]
        with cluster.agent(name, *MONITORED, "--health-field", "door=open"):
            condition(page, name, "red")
            assert order(page) == [name, warm, calm]
            # Of all clients, those of other tests among them.
            assert re.match(r"[1-9]\d* red, [1-9]\d* amber, ", page.find("#summary").text)
            assert name in page.find("#alerts").text
            picture(page, "wall")
            page.find("#level").choose("red")
            page.gone(tile(page, calm))
            assert order(page) == [name]
            page.find("#level").choose("all")
            page.find("#sort").choose("name")
            page.wait(lambda: order(page) == [calm, warm, name], "they are sorted by name")
        with cluster.agent(name, *MONITORED, "--health-field", "door=closed"):
            condition(page, name, "ok")
        condition(page, name, "offline")


def test_what_a_tile_tells(cluster, page, name):
    with cluster.agent(name, *MONITORED):
        page.go("wall")
        page.find("#search").write(name)
        page.wait(lambda: "%" in page.find(f"{tile(page, name)} dd").text, "the processor's share shows")
        page.wait(
            lambda: len(page.run(f"return document.querySelector('{tile(page, name)} polyline').getAttribute('points')").split()) > 1,
            "there is a line of two values",
            seconds=20,
        )
        page.find(f"{tile(page, name)} a").click()
        page.find("h1", name)
        # As people read it, not as it was sent.
        shown = page.find("#health", "uptime").text
        assert re.search(r"memory\s+\d+ % of \d+ [MG]B\b", shown), shown
        assert re.search(r"disk\s+\d+ % of [\d.]+ [GT]B\b", shown), shown


def test_a_client_without_health_shows_when_asked_for(cluster, page, name):
    with cluster.agent(name, "--health-interval", "0", "--quiet"):
        page.go("wall")
        page.find("#search").write(name)
        page.find("#more-hidden", "No client is like this")
        page.find("#everybody").click()
        condition(page, name, "none")
    clusters.eventually(lambda: cluster.client(name)["state"] != "online", "it is gone")
