"""The console's files: each page and module with its type, policy, compression and tag; what is missing is said."""

import gzip
import json
import re

import pytest

import guarded
import processes
import wire
from problems import expect

PAGES = processes.SPECIFICATION.parent.parent / "Console/Pages"
FILES = sorted(path.name for path in PAGES.iterdir())
TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self' 'unsafe-inline'", "connect-src": "'self' ws: wss:",
    "img-src": "'self' data:", "font-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
}
LIBRARIES = {"chart.js": "libjs-chart.js", "xterm.js": "node-xterm", "xterm.css": "libjs-xterm"}


def address(name: str) -> str:
    """A page has no extension, and the overview no name."""
    return "/console/" + ("" if name == "overview.html" else name.removesuffix(".html"))


def get(url: str, path: str, **headers: str) -> wire.Answer:
    return wire.call(url, "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("name", FILES)
def test_every_file(url, name):
    source = (PAGES / name).read_bytes()
    plain = get(url, address(name))
    assert (plain.status, plain.body) == (200, source)
    assert "content-encoding" not in plain.headers
    packed = get(url, address(name), Accept_Encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == source
    assert plain.headers["etag"] != packed.headers["etag"], "two representations"
    for answer in (plain, packed):
        assert answer.headers["content-type"] == TYPES[re.search(r"\.\w+$", name)[0]]
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        directives = [part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")]
        assert dict(directives) == POLICY
        for known in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
            again = get(url, address(name), If_None_Match=known, Accept_Encoding="gzip")
            assert (again.status, again.body) == (304, b"")
    assert get(url, address(name), If_None_Match='"other"').body == source
    assert get(url, address(name), Accept_Encoding="gzip;q=0").body == source


def test_the_way_in(url):
    answer = get(url, "/console")
    assert (answer.status, answer.headers["location"]) == (307, "/console/")
    assert get(url, "/console/").body == (PAGES / "overview.html").read_bytes()


@pytest.mark.parametrize("path", ["/console/nothing", "/console/clients.html", "/console/clients/", "/console/lib/jquery.js",
                                  "/console/..%2fopenapi.yaml", "/console/lib/..%2fchart.js", "/console/lib/chart.js/"])
def test_what_is_not_there(url, path):
    expect(get(url, path), "not_found")


def test_pages_load_nothing_but_their_own():
    """Every file that a page names is there, and nothing stands in it that the policy forbids."""
    for name in FILES:
        text = (PAGES / name).read_text()
        if name.endswith(".html"):
            named = re.findall(r'(?:src|href)="([^"]*)"', text)
            assert {"console.css", "theme.js"} <= set(named) <= set(FILES), name
            assert "<h1" not in text and not re.search(r"<script>|\son\w+=", text), "the policy allows no inline script"
        if name.endswith(".js"):
            imported = re.findall(r'^(?:import|export)\b[^"]*from "\./([^"]+)";', text, re.MULTILINE)
            assert set(imported) <= set(FILES), name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write\(|\beval\(|new Function", text), name


def test_the_first_view_is_light(url):
    """The overview with all that it imports and the charts' library, as it goes over the wire."""
    waiting, sizes = ["overview.html"], {}
    while waiting:
        name = waiting.pop()
        if name in sizes or name not in FILES:
            continue
        sizes[name] = len(get(url, address(name), Accept_Encoding="gzip").body)
        text = (PAGES / name).read_text()
        waiting += re.findall(r'(?:src|href)="([^"]*)"', text) if name.endswith(".html") else re.findall(r'from "\./([^"]+)"', text)
    chart = get(url, "/console/lib/chart.js", Accept_Encoding="gzip")
    sizes["chart.js"] = len(chart.body)
    assert sum(sizes.values()) < 200_000, sizes


@pytest.mark.own_node
def test_files_need_no_key():
    with guarded.node() as node:
        assert get(node.url, "/console/").status == 200
        assert get(node.url, "/console/shell.js").status == 200
        assert get(node.url, "/v1/stats").status == 401


@pytest.mark.own_node
def test_libraries(tmp_path):
    folder = tmp_path / "javascript"
    (folder / "chart.js").mkdir(parents=True)
    (folder / "xterm").mkdir()
    with processes.node("--console-libraries", str(folder)) as url:
        for name, package in LIBRARIES.items():
            answer = get(url, f"/console/lib/{name}")
            expect(answer, "not_found")
            assert f"install the package {package}" in answer.json()["detail"]
        # Installed while the node runs.
        (folder / "chart.js/chart.min.js").write_text("window.Chart = class {};")
        (folder / "xterm/xterm.css").write_text(".xterm {}")
        (folder / "xterm/xterm.js").write_text('(function (f) { f(); })(function () { require("./public/Terminal"); });')
        modules = tmp_path / "nodejs/xterm/lib"
        (modules / "public").mkdir(parents=True)
        (modules / "public/Terminal.js").write_text('exports.Terminal = require("../Core").Core;')
        expect(get(url, "/console/lib/xterm.js"), "not_found")
        (modules / "Core.js").write_text("exports.Core = class {};")
        assert get(url, "/console/lib/chart.js").body == b"window.Chart = class {};"
        assert get(url, "/console/lib/xterm.css").headers["content-type"] == TYPES[".css"]
        script = get(url, "/console/lib/xterm.js", Accept_Encoding="gzip")
        assert b'"Core": function (require, exports, module)' in gzip.decompress(script.body)
        assert script.headers["content-security-policy"]


@pytest.mark.own_node
def test_the_console_can_be_off():
    with processes.node("--no-console") as url:
        for path in ("/console/", "/console/clients", "/console/lib/chart.js"):
            expect(get(url, path), "not_found")


def test_what_the_overview_shows_is_counted(url, agent):
    """Commands, latency and closes by code are in the stats of the node."""
    before = wire.call(url, "GET", "/v1/stats").json()["total"]
    someone = agent()
    answer = wire.call(url, "POST", f"/v1/clients/{someone.id}/push", b"1", {"Content-Type": "application/json"})
    assert answer.status == 200
    offline = wire.call(url, "POST", "/v1/clients/nobody-here/commands", json.dumps({"name": "x"}).encode())
    expect(offline, "client_offline")
    after = wire.call(url, "GET", "/v1/stats").json()["total"]
    assert after["commands"] >= before["commands"] + 1
    assert after["latencySamples"] >= before["latencySamples"] + 1
    assert after["latencyMicroseconds"] >= before["latencyMicroseconds"]
    assert after["commandResults"] >= before["commandResults"]
