"""The push composer: who would get it, what became of it, what was sent lately."""

import contextlib


def test_preview_send_and_history(cluster, page, name, picture):
    with contextlib.ExitStack() as stack:
        for number in range(3):
            stack.enter_context(cluster.agent(f"{name}-{number}", "--group", name, "--quiet"))
        page.go("push")
        page.find("#to-kind").choose("A group")
        page.find("#to").write(name)
        page.wait(lambda: page.find("#preview-matched").text == "3", "three clients would get it")
        page.find("#preview", f"{name}-1")
        page.find("#push-payload").write('{"price": 3.20}')
        page.find("#push-id").write(f"{name}-push")
        page.find("#push-submit").click()
        page.wait(lambda: page.find("#result-delivered .value").text == "3", "it was delivered to three")
        page.find(f'#history tr[data-push="{name}-push"]')
        picture(page, "push")


def test_offline_clients_and_mailboxes_are_told(page, name):
    page.go("push")
    page.find("#to").write(f"nobody-{name}")
    page.wait(lambda: page.find("#preview-matched").text == "0", "nobody would get it")
    page.find("#preview", "1 offline")
    page.find("#durable").click()
    page.find("#push-submit").click()
    page.wait(lambda: page.find("#result-queued .value").text == "1", "it waits for the client")


def test_what_is_wrong_is_said_where_it_is(page, name):
    page.expect_log("400")
    page.go("push")
    page.find("#push-submit").click()
    page.find("#to-error", "Say who is meant")
    page.find("#to").write(name)
    page.find("#push-payload").write("{")
    page.find("#push-submit").click()
    page.find("#push-payload-error", "not JSON")
    page.find("#push-payload").write("{}")
    page.find("#push-id").write("no id / like this")
    page.find("#push-submit").click()
    page.find("#push-id-error, .form-error")
