"""A cluster that asks who somebody is: the console asks for a key, says what it does not open, and forgets it."""

import contextlib
import http.server
import json
import threading

import pytest

import cluster as clusters

WRONG = "sbk_" + "A" * 43
NEEDS_PUSH, NEEDS_ADMIN = "this takes the scope push", "this takes the scope admin"
PAGES = ["", "clients", "push", "rollouts", "wall", "nodes"]
"""Those that show what the API tells."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """All in this file, pages included, is about this one."""
    with clusters.GuardedCluster(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
def signed_in(new_page, cluster):
    """Pages of somebody with a key of this scope."""

    def signed_in(scope: str):
        page = new_page()
        page.expect_log("401")
        page.go("nodes")
        page.sign_in(cluster.keys[scope])
        page.find("#live-state", "live")
        # What is refused is logged as well.
        page.expect_log("403")
        return page

    return signed_in


def kept(page) -> str:
    return page.run("return JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie, location.href, name])")


def refused(page, words: str) -> None:
    """A message in the corner, which a person then closes."""
    page.find("#toasts .toast.red", words)
    page.find("#toasts .toast.red button").click()
    page.wait(lambda: not page.all("#toasts .toast.red"), "the message is closed")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_for_a_key_and_says_that_it_is_wrong(page, cluster, path):
    page.expect_log("401")
    page.go(path)
    page.find("#sign-in", "An API key, or a token with scopes")
    assert not page.all("#sign-in .notice"), "nobody has shown a key yet"
    page.sign_in(WRONG)
    page.find("#sign-in .notice.red", "not one of ours")
    page.sign_in(cluster.keys["read"])
    page.find("#live-state", "live")
    page.gone("#sign-in")
    assert page.find("#key").text == "Change key"
    if path in ("", "nodes"):
        page.find("[data-node=node-1]")
    # Who has shown it is not asked again on other pages.
    page.find('#nav a[href="clients"]').click()
    page.find("h1", "Clients")
    page.find("#clients", "No client is like this")
    assert not page.all("#sign-in")


def test_who_does_not_sign_in_is_told_once(page):
    page.expect_log("401")
    page.go("clients")
    page.find("#sign-in button", "Cancel").click()
    page.find("#clients-problem .notice.red")
    page.find("#filters .primary").click()
    page.gone("#sign-in")
    assert not page.all("#clients tr[data-client]")
    # And can still do so.
    page.find("#key", "Sign in").click()
    page.find("#sign-in")


def test_a_key_that_is_wrong_later_is_asked_for_again(signed_in):
    page = signed_in("read")
    page.find("#key").click()
    page.sign_in(WRONG)
    page.find("#sign-in .notice.red")


def test_a_read_key_sees_and_changes_nothing(cluster, signed_in, name):
    page = signed_in("read")
    with cluster.agent(name, "--allow-terminal", "--quiet"):
        push = {"to": {"client": f"{name}-away"}, "data": 1, "durable": True, "id": f"{name}-push"}
        assert cluster.ask("POST", "/v1/push", push)[0] in (200, 202)
        page.go("nodes")
        page.find('[data-node="node-1"] .drain').click()
        page.find("#confirm-yes").click()
        refused(page, NEEDS_ADMIN)

        page.go(f"clients?search={name}")
        row = f'#clients tr[data-client="{name}"]'
        page.find(f"{row} .drop").click()
        page.find("#confirm-yes").click()
        refused(page, NEEDS_ADMIN)
        page.find(f"{row} .groups").click()
        page.find("#group-add").write("a-group")
        page.find("#group-add-submit").click()
        page.find("#group-add-error", NEEDS_PUSH)
        page.find("#groups-dialog button", "Close").click()
        page.find(f"{row} .select").click()
        page.find("#move-to").write("a-group")
        page.find("#move-selected").click()
        refused(page, NEEDS_PUSH)

        page.go(f"client?id={name}")
        page.find("#state-badge", "online")
        page.find("#push-submit").click()
        page.find("#send-push .form-error", NEEDS_PUSH)
        page.find("#command-name").write("restart")
        page.find("#command-submit").click()
        page.find("#send-command .form-error", NEEDS_PUSH)
        page.find("#group").write("a-group")
        page.find("#group-form button").click()
        page.find("#group-error", NEEDS_PUSH)
        page.find("#drop").click()
        page.find("#confirm-yes").click()
        refused(page, NEEDS_ADMIN)

        page.go("push")
        page.find("#to").write(name)
        page.find("#preview .notice.red", NEEDS_PUSH)
        page.find("#push-submit").click()
        page.find("#compose .form-error", NEEDS_PUSH)

        page.expect_log("404")
        page.go(f"client?id={name}-away")
        page.find(f'#mailbox-rows tr[data-push="{name}-push"] .cancel').click()
        refused(page, NEEDS_PUSH)
        page.find("#mailbox-empty").click()
        page.find("#confirm-yes").click()
        refused(page, NEEDS_ADMIN)

        client = cluster.client(name)
        assert (client["state"], client["groups"]) == ("online", [])
        assert cluster.get(f"/v1/clients/{name}-away/mailbox")["count"] == 1
        assert {node["state"] for node in cluster.get("/v1/nodes")["nodes"]} == {"serving"}


def test_a_read_key_opens_no_terminal(cluster, signed_in, name):
    page = signed_in("read")
    with cluster.agent(name, "--allow-terminal", "--quiet"):
        page.go("terminal")
        page.find("#live-state", "live")
        page.find("#client").write(name)
        page.find("#list").click()
        page.find("#problem .notice.red", "terminals need the scope admin")
        page.find("#attach").click()
        page.find("#terminal-state", "refused")
        page.find("#problem .notice.red", "terminals need the scope admin")
        assert not page.find("#end").is_enabled


def test_a_read_key_starts_no_roll_out(cluster, signed_in, name):
    page = signed_in("read")
    page.go("rollouts")
    page.find("#new").click()
    page.find("#to").write(name)
    page.find("#command-name").write("update")
    page.find("#start").click()
    page.find("#rollout-form .form-error", NEEDS_PUSH)
    assert name not in json.dumps(cluster.get("/v1/rollouts"))


def test_others_roll_outs_with_a_read_key(cluster, signed_in, name):
    """One that goes on: its buttons are there, and refuse."""
    page = signed_in("read")
    with contextlib.ExitStack() as stack:
        for number in range(3):
            agent = cluster.agent(f"{name}-{number}", "--exec", "/bin/true", "--quiet")
            stack.enter_context(agent)
        wanted = {
            "id": name, "to": {"clients": [f"{name}-{number}" for number in range(3)]}, "command": {"name": "update"},
            "canary": {"clients": 1}, "rate": 1,
        }  # fmt: skip
        status, answer = cluster.ask("POST", "/v1/rollouts", wanted)
        assert status in (200, 201, 202), answer
        try:
            page.go(f"rollout?id={name}")
            page.find("#pause").click()
            refused(page, NEEDS_PUSH)
            page.find("#abort").click()
            page.find("#confirm-yes").click()
            refused(page, NEEDS_PUSH)
            assert cluster.get(f"/v1/rollouts/{name}")["state"] not in ("paused", "aborted")
        finally:
            cluster.ask("POST", f"/v1/rollouts/{name}/abort")


def test_an_admin_key_does_all(cluster, signed_in, name):
    page = signed_in("admin")
    with cluster.agent(name, "--exec", "/bin/true", "--allow-terminal", "--quiet"):
        page.go(f"client?id={name}")
        page.find("#state-badge", "online")
        page.find("#push-submit").click()
        page.find("#push-answer", "delivered 1")
        page.find("#command-name").write("restart")
        page.find("#command-submit").click()
        page.find("#command-answer", "status 200")
        page.find("#group").write(f"{name}:group")
        page.find("#group-form button").click()
        page.find("#groups", f"{name}:group")

        page.go("terminal")
        page.find("#live-state", "live")
        page.find("#client").write(name)
        page.find("#attach").click()
        page.find("#terminal-state", "open")
        page.find("#end").click()
        page.find("#confirm-yes").click()
        page.find("#terminal-state", "ended")

        page.go("rollouts")
        page.find("#new").click()
        page.find("#to").write(f"{name}:group")
        page.find("#command-name").write("update")
        page.find("#canary-kind").choose("clients")
        page.find("#canary").write("1")
        page.find("#start").click()
        page.find("#rollout-state", "done", seconds=30)

        page.go(f"client?id={name}")
        page.find("#state-badge", "online")
        page.find("#drop").click()
        page.find("#confirm-yes").click()
        page.find("#state-badge", "offline")

    page.go("nodes")
    row = '[data-node="node-3"]'
    page.find(f"{row} .drain").click()
    page.find("#confirm-yes").click()
    try:
        page.find(f"{row} .serve", seconds=30).click()
    finally:
        cluster.ask("DELETE", "/v1/nodes/node-3/drain")
    page.find(row, "serving")


class Stranger(http.server.BaseHTTPRequestHandler):
    """A page of somebody else, which keeps all that it is told."""

    def do_GET(self):  # noqa: N802
        self.server.told.append(f"{self.requestline}\n{self.headers}")
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Elsewhere</title><link rel=icon href=data:,><h1>Elsewhere</h1>")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def stranger():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        server.told = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_key_stays_here(cluster, page):
    """It is in no address, goes to this cluster alone, and is in nothing that outlives the tab."""
    key = cluster.keys["admin"]
    page.devtools("Network.enable")
    page.expect_log("401")
    page.go("clients")
    page.sign_in(key)
    page.find("#live-state", "live")
    for path in PAGES:
        page.go(path)
        page.find("#live-state", "live")
        assert key not in page.url
    session, *others = json.loads(kept(page))
    assert key in session.values()
    assert key not in json.dumps(others)

    bearers = set()
    for entry in page.log("performance"):
        event = json.loads(entry["message"])["message"]
        parameters = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            request = parameters["request"]
            assert key not in request["url"] + request.get("postData", "")
            if key in json.dumps(request["headers"]):
                bearers.add(request["url"])
        elif event["method"] == "Network.webSocketCreated":
            assert key not in parameters["url"]
            assert parameters["url"].startswith(cluster.url.replace("http", "ws", 1))
    assert bearers and all(url.startswith(f"{cluster.url}/v1/") for url in bearers), bearers

    with stranger() as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        # What would take it elsewhere is held back by the browser.
        page.expect_log("Content Security Policy")
        page.expect_log("Refused to connect")
        page.expect_log("Fetch API cannot load")
        assert page.run("return fetch(arguments[0]).then(() => 'sent', () => 'held back')", address) == "held back"
        assert server.told == []
        page.run("location.href = arguments[0]", address)
        page.find("h1", "Elsewhere")
        assert key not in kept(page)
        assert len(server.told) == 1 and key not in server.told[0] and "console" not in server.told[0]
    # Another node is another place, too.
    page.open(f"{cluster.nodes[0].url}/console/clients")
    page.find("#sign-in")


def test_another_tab_is_asked_again(cluster, signed_in, new_page):
    signed_in("read")
    other = new_page()
    other.expect_log("401")
    other.go("clients")
    other.find("#sign-in")


def test_signing_out_forgets_the_key(cluster, signed_in):
    page = signed_in("admin")
    page.find("#key").click()
    page.find("#sign-in button", "Sign out").click()
    page.find("#key", "Sign in")
    assert cluster.keys["admin"] not in kept(page)
    # What was read with it is gone as well.
    page.find("#sign-in", "An API key, or a token with scopes")
    page.gone("#live-state", "live")
    assert not page.all("[data-node]")


def test_a_token_with_scopes_is_a_key(cluster, page):
    page.expect_log("401")
    page.go("nodes")
    page.sign_in(cluster.token("an-operator"))
    page.find("#sign-in .notice.red")
    page.sign_in(cluster.token("an-operator", "--scope", "read"))
    page.find("#live-state", "live")
    page.find("[data-node=node-1]")


# Clients: the chat and the logs come to /ws with a token of their own.


def give_token(page, token: str) -> None:
    if not page.all("#client-token")[0].is_displayed:
        page.find(".identity summary").click()
    field = page.find("#client-token")
    field.write(token)
    field.press("\n")


def enter(page, room: str, who: str):
    page.find("#name").write(who)
    page.find("#room").write(room)
    page.find("#enter").click()
    return page


def chat_token(cluster, client: str, who: str) -> str:
    return cluster.token(client, "--join", "chat:*", "--publish", "chat:*", "--label", f"name={who}")


def test_chat_with_tokens(cluster, new_page, name):
    ada, grace = new_page(), new_page()
    for page in (ada, grace):
        page.go("chat")
    enter(ada, name, "Ada")
    ada.find("#connection", "a client shows a token")
    give_token(ada, "no token")
    ada.find("#connection", "a token has three parts")
    token = chat_token(cluster, f"{name}-ada", "Ada")
    give_token(ada, token)
    ada.find("#connection", "connected")
    ada.find("#members", "Ada (you)")
    give_token(grace, chat_token(cluster, f"{name}-grace", "Grace"))
    enter(grace, name, "Grace")
    grace.find("#members", "Ada")
    ada.find("#text").write("Who is there?")
    ada.find("#say").click()
    grace.find(".message", "Who is there?")
    # The node vouches for who it is from by the token.
    assert cluster.client(f"{name}-ada")["state"] == "online"
    assert grace.find(".message .who").attribute("title") == f"{name}-ada"
    assert token not in ada.url
    # After a reload it is still in this tab.
    ada.reload()
    ada.find("#connection", "connected")


def test_chat_with_a_token_that_gives_no_name(cluster, page, name):
    page.go("chat")
    give_token(page, cluster.token(f"{name}-ada"))
    enter(page, name, "Ada")
    page.find("#connection", "connected")
    page.find("#members", f"{name}-ada (you)")


def test_a_room_that_a_token_does_not_open(cluster, page, name):
    page.go("chat")
    give_token(page, cluster.token(f"{name}-ada", "--join", f"chat:{name}", "--label", "name=Ada"))
    enter(page, name, "Ada")
    page.find("#connection", "connected")
    page.find("#text").write("May I speak?")
    page.find("#say").click()
    page.find("#toasts .toast.red", "publish")
    assert page.find("#text").value == "May I speak?"
    enter(page, f"{name}-other", "Ada")
    page.find("#toasts .toast.red", "may not join this group")


def test_logs_with_a_token(cluster, page, name, tmp_path):
    stream, file = f"log:{name}", tmp_path / "web.log"
    file.touch()
    with cluster.agent(name, "--follow", file, "--stream", stream, "--quiet"):
        page.go("logs")
        page.find("#stream").write(stream)
        page.find("#add-stream").click()
        page.find("#connection", "a client shows a token")
        give_token(page, cluster.token(f"{name}-viewer", "--join", "chat:*"))
        page.find("#connection", "connected")
        page.find("#toasts .toast.red", "may not join this group")
        give_token(page, cluster.token(f"{name}-viewer", "--join", "log:*"))
        page.wait(lambda: stream in json.dumps(cluster.client(f"{name}-viewer") or {}), "the page follows the stream")
        with file.open("a") as log:
            log.write("ERROR the disk is full\n")
        page.find("#lines", "the disk is full")


@pytest.mark.parametrize("path", ["chat", "logs"])
def test_who_is_a_client_is_asked_for_no_key(page, path):
    page.go(path)
    # The node waits 10 s for one.
    page.find("#live-state", "not signed in", seconds=30)
    assert not page.all("#sign-in")
    page.find("#key", "Sign in")
