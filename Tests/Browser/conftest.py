"""One cluster and one chromedriver for all tests; each test has browsers of its own, and must leave no error in them."""

import os
import pathlib
import uuid

import pytest

import cluster as clusters
import webdriver


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    with clusters.Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def driver():
    driver = webdriver.Driver()
    yield driver
    driver.stop()


# Advice of the browser to xterm.js.
IGNORED = ["Canvas2D: Multiple readback operations"]


class Page(webdriver.Browser):
    """A browser that knows where the console is."""

    def __init__(self, driver, base: str):
        super().__init__(driver)
        self.base = base
        self.expected: list[str] = list(IGNORED)

    def go(self, path: str = "") -> "Page":
        self.open(f"{self.base}/console/{path}")
        self.find("h1")
        return self

    def sign_in(self, key: str) -> None:
        """Answers the page's question for a key."""
        self.find("#api-key").write(key)
        self.find("#sign-in-submit").click()

    def expect_log(self, part: str) -> None:
        """Chromium logs an answer of 4xx as an error: where that is what the test is about."""
        self.expected.append(part)

    def errors(self) -> list[str]:
        messages = [entry["message"] for entry in self.log() if entry["level"] in ("SEVERE", "WARNING")]
        return [message for message in messages if not any(part in message for part in self.expected)]


@pytest.fixture
def new_page(driver, cluster):
    """Browsers of this test. Whatever a page logs as an error or warning fails it."""
    pages: list[Page] = []

    def new_page(node=None) -> Page:
        pages.append(Page(driver, node.url if node else cluster.url))
        return pages[-1]

    yield new_page
    errors = [error for page in pages for error in page.errors()]
    for page in pages:
        page.stop()
    assert errors == []


@pytest.fixture
def page(new_page):
    return new_page()


@pytest.fixture
def name():
    """A name that no other test has."""
    return f"kiosk-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def picture():
    """Keeps a picture of a page when SWITCHBOARD_SCREENSHOTS names a folder."""
    folder = os.environ.get("SWITCHBOARD_SCREENSHOTS")

    def picture(page: Page, name: str) -> None:
        if folder:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            (pathlib.Path(folder) / f"{name}.png").write_bytes(page.screenshot())

    return picture


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What a failing test saw is kept beside its log."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and page is not None:
        try:
            picture = pathlib.Path(item.funcargs["cluster"].folder if "cluster" in item.funcargs else "/tmp")
            target = picture / f"{item.name}.png"
            target.write_bytes(page.screenshot())
            report.sections.append(("screenshot", str(target)))
            report.sections.append(("page", page.state()))
        except webdriver.WebDriverError as error:
            report.sections.append(("screenshot", str(error)))
    return report
