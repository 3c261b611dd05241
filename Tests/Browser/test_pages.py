"""What holds for every page: its first view is small and quick, and the documentation has a picture of it."""

import json

import pytest

import cluster as clusters
import pages

FIRST_VIEW_BYTES = 200 * 1024
INTERACTIVE_MS = 1000


def received(page) -> dict[str, int]:
    """Bytes on the wire by address, since the log was read last."""
    addresses, sizes = {}, {}
    for entry in page.log("performance"):
        event = json.loads(entry["message"])["message"]
        parameters = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            addresses[parameters["requestId"]] = parameters["request"]["url"]
        elif event["method"] == "Network.loadingFinished":
            sizes[parameters["requestId"]] = parameters["encodedDataLength"]
    return {addresses[request]: size for request, size in sizes.items() if request in addresses}


@pytest.mark.parametrize("path", pages.PAGES)
def test_the_first_view_is_small_and_quick(page, path, record_property):
    # What a page asks for a client or roll-out that is not there.
    page.expect_log("404")
    page.devtools("Network.enable")
    page.devtools("Network.setCacheDisabled", cacheDisabled=True)
    # A first visit starts the browser's own machinery as well.
    page.open("about:blank")
    page.log("performance")
    page.go(path)
    page.find("#live-state", "live")
    sizes = received(page)
    interactive = page.run("""const [entry] = performance.getEntriesByType('navigation');
        const views = performance.getEntriesByName('first-contentful-paint');
        return Math.max(entry.domInteractive, entry.domContentLoadedEventEnd, views[0]?.startTime ?? 0);""")
    report = {"bytes": sum(sizes.values()), "files": len(sizes), "interactive": interactive}
    record_property("first view", json.dumps(report))
    print(json.dumps(report), json.dumps(sizes, indent=1))
    assert len(sizes) > 5, sizes
    assert sum(sizes.values()) < FIRST_VIEW_BYTES, sizes
    assert interactive < INTERACTIVE_MS, report


@pytest.mark.parametrize("name", pages.NAMES)
def test_the_documentation_has_a_picture(name):
    assert (clusters.ROOT / f"docs/screenshots/{name}.png").stat().st_size > 0
