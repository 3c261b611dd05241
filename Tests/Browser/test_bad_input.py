"""Bad input in every form of the console: what is wrong is said in words, where it is."""

import pytest

NAME_RULE = "1-128 characters of A-Z a-z 0-9"
TOO_LONG = "x" * 129


def fill(page, fields: dict) -> None:
    for selector, value in fields.items():
        control = page.find(selector)
        if control.attribute("type") == "checkbox":
            control.click()
        elif page.run("return arguments[0].tagName", control.reference) == "SELECT":
            control.choose(value)
        else:
            control.write(value)


def refused(page, fields: dict, button: str, where: str, words: str) -> None:
    """Fills a form and sends it: what is wrong is said there; where that is next to a control, screen readers are told of it."""
    fill(page, fields)
    page.find(button).click()
    told = page.find(where, words)
    if told.attribute("class") == "error":
        control = told.attribute("id").removesuffix("-error")
        assert page.find(f"#{control}").attribute("aria-invalid") == "true"


PUSHES = [
    pytest.param({"#to": "no id / like this"}, "#to-error", NAME_RULE, id="client"),
    pytest.param({"#to-kind": "clients", "#to": "one, tw/o"}, "#to-error", NAME_RULE, id="clients"),
    pytest.param({"#to-kind": "group", "#to": TOO_LONG}, "#to-error", NAME_RULE, id="group"),
    pytest.param({"#to-kind": "labels", "#to": "till"}, "#to-error", "NAME=VALUE", id="labels"),
    pytest.param({"#push-payload": ""}, "#push-payload-error", "Write JSON", id="empty"),
    pytest.param({"#push-kind": "base64", "#push-payload": "%%%"}, "#push-payload-error", "base64", id="base64"),
    pytest.param({"#ttl": "soon"}, "#ttl-error", "whole number from 1", id="ttl"),
    pytest.param({"#wait": "61"}, "#wait-error", "from 0 to 60", id="wait"),
    pytest.param({"#collapse": TOO_LONG, "#durable": ""}, "#collapse-error", "collapse", id="collapse"),
    pytest.param({"#push-id": "no id / like this"}, "#push-id-error", NAME_RULE, id="id"),
]


@pytest.mark.parametrize(("fields", "where", "words"), PUSHES)
def test_push(page, name, fields, where, words):
    page.expect_log("400")
    page.go("push")
    refused(page, {"#to": name} | fields, "#push-submit", where, words)
    page.find("#result", "Nothing was sent yet")


def test_push_fails_for_one_who_is_offline(page, name):
    page.expect_log("404")
    page.go("push")
    refused(page, {"#to": f"nobody-{name}", "#offline": "fail"}, "#push-submit", "#to-error", "not connected")


CLIENT = [
    pytest.param({"#push-payload": "{"}, "#push-submit", "#push-payload-error", "not JSON", id="payload"),
    pytest.param({"#push-ttl": "0"}, "#push-submit", "#push-ttl-error", "whole number from 1", id="ttl"),
    pytest.param({"#push-wait": "long"}, "#push-submit", "#push-wait-error", "from 0 to 60", id="wait"),
    pytest.param({"#push-collapse": TOO_LONG, "#push-durable": ""}, "#push-submit", "#push-collapse-error", "collapse", id="collapse"),
    pytest.param({}, "#command-submit", "#command-name-error", "Name the command", id="no-command"),
    pytest.param({"#command-name": TOO_LONG}, "#command-submit", "#command-name-error", "name", id="command"),
    pytest.param({"#command-name": "x", "#command-timeout": "601"}, "#command-submit", "#command-timeout-error", "from 1 to 600", id="timeout"),
    pytest.param({"#command-name": "x", "#command-payload": "{"}, "#command-submit", "#command-payload-error", "not JSON", id="data"),
    pytest.param({"#group": "no group"}, "#group-form button", "#group-error", NAME_RULE, id="group"),
]


@pytest.mark.parametrize(("fields", "button", "where", "words"), CLIENT)
def test_client(page, name, fields, button, where, words):
    # Nobody of this name is there, which the page says.
    page.expect_log("404")
    page.expect_log("400")
    page.go(f"client?id={name}")
    refused(page, fields, button, where, words)


def test_a_command_to_one_who_is_offline(page, name):
    page.expect_log("404")
    page.expect_log("409")
    page.go(f"client?id={name}")
    page.find("#command-name").write("restart")
    page.find("#command-submit").click()
    page.find("#send-command [role=alert]", "not connected")


@pytest.mark.parametrize(("path", "where", "words"), [
    ("client?id=no/id", "#client-problem .notice", NAME_RULE),
    ("client", "#main .notice", "names no client"),
    ("rollout?id=no/id", "#rollout-problem .notice", ""),
    ("rollout", "#rollout-problem .notice", ""),
])  # fmt: skip
def test_addresses_that_name_nothing(page, path, where, words):
    page.expect_log("400")
    page.expect_log("404")
    page.go(path)
    page.find(where, words)


FILTERS = [
    pytest.param({"#search": "no id / like this"}, "#search-error", NAME_RULE, id="search"),
    pytest.param({"#label": "till"}, "#label-error", "NAME=VALUE", id="labels"),
    pytest.param({"#group": "no group"}, "#group-error", NAME_RULE, id="group"),
]


@pytest.mark.parametrize(("fields", "where", "words"), FILTERS)
def test_filters_of_clients(page, fields, where, words):
    page.expect_log("400")
    page.go("clients")
    refused(page, fields, "#filters .primary", where, words)
    page.find("#clear").click()
    page.gone(where)


MOVES = [
    pytest.param({}, "#move-to-error", "Name a group", id="nothing"),
    pytest.param({"#move-to": "no group"}, "#move-to-error", NAME_RULE, id="to"),
    pytest.param({"#move-from": "no group", "#move-to": "a"}, "#move-from-error", NAME_RULE, id="from"),
]


@pytest.mark.parametrize(("fields", "where", "words"), MOVES)
def test_moving_between_groups(cluster, page, name, fields, where, words):
    page.expect_log("404")
    with cluster.agent(name, "--quiet"):
        page.go(f"clients?search={name}")
        page.find(f'#clients tr[data-client="{name}"] .select').click()
        refused(page, fields, "#move-selected", where, words)
        assert cluster.client(name)["groups"] == []


def test_streams_of_logs(page, name):
    page.go("logs")
    refused(page, {"#stream": "no stream"}, "#add-stream", "#toasts .toast", "A stream is a group")
    for number in range(20):
        page.find("#stream").write(f"log:{name}-{number}")
        page.find("#add-stream").press("\n")
        page.find(f'#streams [data-stream="log:{name}-{number}"]')
    refused(page, {"#stream": f"log:{name}"}, "#add-stream", "#toasts .toast", "At most 20 streams")


def test_a_pattern_that_is_none(page, name):
    """It is looked for as text."""
    page.go(f"logs?stream=log:{name}")
    page.find("#search").write("/[/")
    page.find("#connection", "connected")


@pytest.mark.parametrize(("fields", "words"), [
    ({"#name": "Ada", "#room": "no such / room"}, "A room's name"),
    ({"#name": "Ada", "#room": " "}, "A room's name"),
    ({"#name": " ", "#room": "lobby"}, "Say who you are"),
])  # fmt: skip
def test_names_and_rooms_of_chat(page, fields, words):
    page.go("chat")
    refused(page, fields, "#enter", "#toasts .toast", words)


def test_a_group_of_the_wall(page):
    page.expect_log("400")
    page.go("wall")
    page.find("#group").write("no group")
    page.find("#search").click()
    page.find("#main .notice", NAME_RULE)


def test_whom_a_terminal_is_for(page):
    page.go("terminal")
    page.find("#live-state", "live")
    refused(page, {"#client": " "}, "#attach", "#toasts .toast", "Give a client")


@pytest.mark.parametrize("button", ["#attach", "#list"])
def test_a_terminal_of_what_is_no_client(page, button):
    page.go("terminal")
    page.find("#live-state", "live")
    page.find("#client").write("no id / like this")
    page.find(button).click()
    page.find("#problem .notice", "must be a client id")


@pytest.mark.parametrize(("path", "empty", "button"), [
    ("chat", "#name", "#enter"), ("chat", "#room", "#enter"), ("logs", "#stream", "#add-stream"), ("terminal", "#client", "#attach"),
])  # fmt: skip
def test_what_must_not_be_empty_is_said_by_the_browser(page, path, empty, button):
    page.go(path)
    if path == "chat":
        fill(page, {"#name": "Ada", "#room": "lobby"})
    # As pressing Backspace does.
    page.run("arguments[0].value = ''", page.find(empty).reference)
    page.find(button).click()
    assert page.run("return [document.activeElement.id, document.activeElement.validity.valueMissing]") == [empty[1:], True]
    assert page.run("return arguments[0].form.noValidate", page.find(empty).reference) is False


def test_the_name_of_a_terminal(page, name):
    page.go("terminal")
    fill(page, {"#client": name, "#name": "no name / like this"})
    page.find("#attach").click()
    assert page.run("return [document.activeElement.id, document.activeElement.validity.patternMismatch]") == ["name", True]
    page.find("#terminal-state", "no terminal")


def test_a_program_that_the_agent_does_not_allow(cluster, page, name):
    with cluster.agent(name, "--allow-terminal", "--terminal-command", "/bin/cat", "--quiet"):
        page.go("terminal")
        page.find("#live-state", "live")
        refused(page, {"#client": name, "#command": "/bin/sh"}, "#attach", "#problem .notice", "does not allow this command")
        page.find("#terminal-state", "refused")


ROLLOUTS = [
    pytest.param({"#to": ""}, "#to-error", NAME_RULE, id="no-group"),
    pytest.param({"#to": "no group"}, "#to-error", NAME_RULE, id="group"),
    pytest.param({"#to-kind": "clients", "#to": "one, tw/o"}, "#to-error", NAME_RULE, id="clients"),
    pytest.param({"#to-kind": "labels", "#to": "till"}, "#to-error", "name=value", id="labels"),
    pytest.param({"#command-name": ""}, "#command-name-error", "name", id="no-command"),
    pytest.param({"#data": "{not json"}, "#data-error", "not JSON", id="data"),
    pytest.param({"#canary": "101"}, "#canary-error", "0-100 per cent", id="share"),
    pytest.param({"#canary-kind": "clients", "#canary": "-1"}, "#canary-error", "integer of 0", id="canary"),
    pytest.param({"#rate": "0"}, "#rate-error", "rate", id="rate"),
    pytest.param({"#abort-share": "101"}, "#abort-share-error", "0-100 per cent", id="abort-share"),
    pytest.param({"#abort-minimum": "0"}, "#abort-minimum-error", "integer of 1", id="abort-minimum"),
    pytest.param({"#rollout-id": "no id / like this"}, "#rollout-id-error", "id", id="id"),
]


@pytest.mark.parametrize(("fields", "where", "words"), ROLLOUTS)
def test_rollout(page, name, fields, where, words):
    page.expect_log("400")
    page.go("rollouts")
    page.find("#new").click()
    refused(page, {"#to": name, "#command-name": "update"} | fields, "#start", where, words)


def test_a_key_that_cannot_be_one(page):
    page.go()
    page.find("#key").click()
    for key in ("", "two words", "schlüssel"):
        refused(page, {"#api-key": key}, "#sign-in-submit", "#api-key-error", "no spaces")
    page.find("#sign-in button", "Cancel").click()
    page.gone("#sign-in")
