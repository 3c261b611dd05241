"""The files that every node serves."""

import pytest

import processes
import wire


@pytest.mark.parametrize("path", ["/switchboard.js", "/openapi.yaml"])
def test_a_file_that_is_known_is_not_sent_again(url, path):
    first = wire.call(url, "GET", path)
    assert first.status == 200 and first.body
    tag = first.headers["etag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = wire.call(url, "GET", path, headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert wire.call(url, "GET", path, headers={"If-None-Match": '"other"'}).body == first.body


def test_the_script(url):
    answer = wire.call(url, "GET", "/switchboard.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8", "RFC 9239"
    assert "max-age" in answer.headers["cache-control"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.body == (processes.SPECIFICATION.parent / "switchboard.js").read_bytes()
