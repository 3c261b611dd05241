"""The first view: one address, live, led by keys."""

import contextlib

def test_the_console_has_one_address(page, cluster):
    page.open(f"{cluster.url}/console")
    page.find("#tiles")
    assert page.url.endswith("/console/")


def test_numbers_move_when_clients_come_and_pushes_go(cluster, page, name, picture):
    def tile(which: str) -> float:
        text = page.find(f"#tile-{which} .value").text
        return float("".join(part for part in text if part.isdigit() or part == ".") or 0)

    page.go()
    page.find("#live-state", "live")
    page.wait(lambda: page.find("#tile-nodes .value").text.startswith("3"), "three nodes show")
    before = tile("clients")
    with contextlib.ExitStack() as stack:
        for number in range(3):
            stack.enter_context(cluster.agent(f"{name}-{number}", "--group", name, "--quiet"))
        page.wait(lambda: tile("clients") == before + 3, "three clients more")

        def pushes():
            for _ in range(20):
                cluster.ask("POST", "/v1/push", {"to": {"group": name}, "data": {"hello": 1}})
            return tile("deliveries") > 0

        page.wait(pushes, "deliveries are counted")
        picture(page, "overview")
    page.wait(lambda: tile("clients") == before, "they are gone")


def test_keys_lead_everywhere(page):
    page.go()
    page.type("gc")
    page.find("h1", "Clients")
    page.type("/")
    page.wait(lambda: page.run("return document.activeElement.id") == "search", "the search has the focus")
    page.run("document.activeElement.blur();")
    page.type("?")
    page.find("#help")


def test_the_theme_is_chosen_and_kept(page):
    page.go()
    before = page.run("return document.documentElement.dataset.theme")
    page.find("#theme").click()
    after = page.run("return document.documentElement.dataset.theme")
    assert {before, after} == {"light", "dark"}
    page.go("clients")
    assert page.run("return document.documentElement.dataset.theme") == after
