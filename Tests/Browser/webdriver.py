"""Chromium without a window, told what to do over WebDriver (W3C) by plain HTTP."""

import base64
import http.client
import json
import re
import subprocess
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SECONDS = 15
"""Keys that have no character; see the table of WebDriver's specification."""
ENTER, ESCAPE, TAB, BACKSPACE, CONTROL, SHIFT = "\ue007", "\ue00c", "\ue004", "\ue003", "\ue009", "\ue008"

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--no-proxy-server",
    "--force-color-profile=srgb",
]


class Driver:
    """chromedriver, which can have several browsers."""

    def __init__(self):
        self._process = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self._process.stdout:
            if found := re.search(r"successfully on port (\d+)", line):
                self._port = int(found[1])
                return
        raise RuntimeError("chromedriver did not start; deploy/setup --test installs chromium-driver")

    def ask(self, method: str, path: str, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            value = json.loads(answer.read())["value"]
        finally:
            connection.close()
        if answer.status != 200:
            raise WebDriverError(value["error"], f"{path}: {value['error']}: {value['message']}")
        return value

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class WebDriverError(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Browser:
    """One Chromium with a profile of its own, as one person's."""

    def __init__(self, driver: Driver, width: int = 1280, height: int = 900):
        self._driver = driver
        options = {"args": [*ARGUMENTS, f"--window-size={width},{height}"]}
        logging = {"browser": "ALL", "performance": "ALL"}
        capabilities = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": logging,
            "timeouts": {"script": 60_000, "pageLoad": 30_000},
        }
        made = driver.ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/session/{made['sessionId']}"

    def _ask(self, method: str, path: str, body=None):
        return self._driver.ask(method, self._session + path, body)

    def stop(self) -> None:
        self._ask("DELETE", "")

    def open(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def reload(self) -> None:
        self._ask("POST", "/refresh", {})

    @property
    def title(self) -> str:
        return self._ask("GET", "/title")

    @property
    def url(self) -> str:
        return self._ask("GET", "/url")

    def run(self, script: str, *arguments):
        """What a script `return`s; it may be a promise."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command: str, **parameters):
        """A command of Chromium's DevTools protocol: for what no person can do, such as reading network counts."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width: int, height: int) -> None:
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def screenshot(self) -> bytes:
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def log(self, kind: str = "browser") -> list[dict]:
        """What was logged since the last time."""
        return self._ask("POST", "/se/log", {"type": kind})

    def all(self, selector: str) -> list["Element"]:
        found = self._ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [Element(self, each[ELEMENT]) for each in found]

    def find(self, selector: str, text: str | None = None, seconds: float = SECONDS) -> "Element":
        """The first visible element that has this text in it; waits for it."""

        def seen():
            for element in self.all(selector):
                if element.is_displayed and (text is None or text in element.text):
                    return element
            return None

        what = f"{selector} shows" + (f" {text!r}" if text else "")
        element = self.wait(seen, what, seconds)
        element.again = lambda: self.wait(seen, what, seconds)
        return element

    def gone(self, selector: str, text: str | None = None, seconds: float = SECONDS) -> None:
        def is_gone():
            return not any(e.is_displayed and (text is None or text in e.text) for e in self.all(selector))

        self.wait(is_gone, f"{selector} {text or ''} is gone", seconds)

    def wait(self, check, what: str, seconds: float = SECONDS):
        """What check() gives once that is true. An element that the page has replaced meanwhile is looked for again."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if value := check():
                    return value
            except WebDriverError as error:
                if error.code not in ("stale element reference", "no such element", "javascript error"):
                    raise
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain until {what}\n{self.state()}")
            time.sleep(0.05)

    def state(self) -> str:
        """For the report of a failure."""
        text = self.run("return document.body ? document.body.innerText : ''")
        return f"at {self.url}:\n{text[:3000]}"

    def type(self, *keys: str) -> None:
        """Keys for whatever has the focus. Give control with a character as ("\\ue009c",)."""
        actions = []
        for text in keys:
            held = []
            for key in text:
                actions.append({"type": "keyDown", "value": key})
                if key in (CONTROL, SHIFT):
                    held.append(key)
                else:
                    actions.append({"type": "keyUp", "value": key})
            actions += [{"type": "keyUp", "value": key} for key in held]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def answer_alert(self, accept: bool = True) -> None:
        self._ask("POST", "/alert/accept" if accept else "/alert/dismiss", {})


class Element:
    def __init__(self, browser: Browser, identity: str):
        self._browser = browser
        self.identity = identity
        # Finds it anew: a page may replace what a person would take for the same, between a look and a click.
        self.again = None

    def _ask(self, method: str, path: str, body=None):
        try:
            return self._browser._ask(method, f"/element/{self.identity}{path}", body)
        except WebDriverError as error:
            if error.code != "stale element reference" or not self.again:
                raise
        self.identity = self.again().identity
        return self._ask(method, path, body)

    @property
    def reference(self) -> dict:
        """For scripts."""
        return {ELEMENT: self.identity}

    @property
    def text(self) -> str:
        return self._ask("GET", "/text")

    @property
    def value(self) -> str:
        return self._ask("GET", "/property/value")

    @property
    def is_displayed(self) -> bool:
        return self._ask("GET", "/displayed")

    @property
    def is_enabled(self) -> bool:
        return self._ask("GET", "/enabled")

    def attribute(self, name: str) -> str | None:
        return self._ask("GET", f"/attribute/{name}")

    def click(self) -> None:
        self._ask("POST", "/click", {})

    def write(self, text: str) -> None:
        """What a person does with a field: empties it, then types."""
        self._ask("POST", "/clear", {})
        self._ask("POST", "/value", {"text": text})

    def press(self, text: str) -> None:
        self._ask("POST", "/value", {"text": text})

    def choose(self, label: str) -> None:
        """Chooses an option of a select by what is written on it, or by its value."""
        self._browser.run(
            """const [select, label] = arguments;
            const option = [...select.options].find((each) => each.textContent.trim() === label || each.value === label);
            if (!option) throw new Error(`no option ${label}`);
            select.value = option.value;
            select.dispatchEvent(new Event('input', { bubbles: true }));
            select.dispatchEvent(new Event('change', { bubbles: true }));""",
            self.reference,
            label,
        )
