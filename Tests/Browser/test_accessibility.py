"""Every page for those who do not see it, use no mouse, or have a phone."""

import pytest

import accessibility
import pages


@pytest.mark.parametrize("path", pages.PAGES)
def test_a_page_is_accessible(page, path):
    # What a page asks for a client that is not there.
    page.expect_log("404")
    page.go(path)
    page.find("#live-state", "live")
    assert accessibility.faults_in_both_themes(page) == []
    assert accessibility.wider_than_a_phone(page) == []
    assert accessibility.without_visible_focus(page) == []


def test_a_full_wall_is_accessible(cluster, page, name):
    with cluster.agent(name, "--monitor", "--health-interval", "1", "--health-field", "door=open", "--quiet"):
        page.go("wall")
        page.find(f'.client-tile[data-client="{name}"][data-condition="red"]')
        assert accessibility.faults_in_both_themes(page) == []


def test_dialogs_are_accessible(page):
    page.go()
    page.find("#key").click()
    page.find("#sign-in")
    assert accessibility.faults_in_both_themes(page) == []
