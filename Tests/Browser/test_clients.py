"""Finding clients, dropping them, moving them between groups; and one client with all that happens to it."""

import contextlib

import cluster as clusters

QUIET = ["--quiet", "--health-interval", "0"]


def rows(page) -> list[str]:
    return page.run("return [...document.querySelectorAll('#clients tr[data-client]')].map((row) => row.dataset.client);")


def row(client: str) -> str:
    return f'#clients tr[data-client="{client}"]'


def test_search_filter_and_groups(cluster, page, name, picture):
    till, kiosk = f"{name}-till", f"{name}-kiosk"
    with contextlib.ExitStack() as stack:
        stack.enter_context(cluster.agent(till, "--group", f"{name}:one", "--label", "role=till", *QUIET))
        stack.enter_context(cluster.agent(kiosk, "--group", f"{name}:two", *QUIET))
        # A search looks for a client of this very name as well.
        page.expect_log("404")
        page.go("clients")
        page.find("#search").write(name)
        page.wait(lambda: rows(page) == [kiosk, till], "both are found by the beginning of their ids")
        picture(page, "clients")
        page.find("#label").write("role=till")
        page.wait(lambda: rows(page) == [till], "the label is looked at")
        page.find("#clear").click()
        page.find("#group").write(f"{name}:two")
        page.wait(lambda: rows(page) == [kiosk], "the group is looked at")

        page.find(f"{row(kiosk)} .groups").click()
        page.find("#group-add").write("not a group")
        page.find("#group-add-submit").click()
        page.find("#group-add-error", "128 characters")
        page.find("#group-add").write(f"{name}:three")
        page.find("#group-add-submit").click()
        page.find("#groups-dialog .chip", f"{name}:three")
        clusters.eventually(lambda: f"{name}:three" in cluster.client(kiosk)["groups"], "the client is in the group")
        page.find(f'#groups-dialog [aria-label="Leave {name}:two"]').click()
        page.gone("#groups-dialog .chip", f"{name}:two")
        clusters.eventually(lambda: cluster.client(kiosk)["groups"] == [f"{name}:three"], "the client has left")


def test_drop_one_and_several(cluster, page, name):
    names = [f"{name}-{number}" for number in range(3)]
    with contextlib.ExitStack() as stack:
        for each in names:
            stack.enter_context(cluster.agent(each, *QUIET))
        page.expect_log("404")
        page.go("clients")
        page.find("#search").write(name)
        page.wait(lambda: rows(page) == names, "all three")
        page.find(f"{row(names[0])} .drop").click()
        page.find("#confirm-no").click()
        assert cluster.client(names[0])["state"] == "online"
        page.find(f"{row(names[0])} .drop").click()
        page.find("#confirm-yes").click()
        page.find(row(names[0]), "offline")
        for each in names[1:]:
            page.find(f"{row(each)} .select").click()
        page.find("#selection-count", "2 selected")
        page.find("#drop-selected").click()
        page.find("#confirm-yes").click()
        for each in names:
            page.find(row(each), "offline")
        assert {cluster.client(each)["closeCode"] for each in names} == {4004}


def test_pages(cluster, page, name):
    """More clients than a page holds; they are gone again, which is enough to be listed."""
    for number in range(60):
        clusters.touch(cluster, f"{name}-{number:02}")
    page.expect_log("404")
    page.go("clients")
    page.find("#search").write(name)
    names = [f"{name}-{number:02}" for number in range(60)]
    # What was there before, or for what was typed of the name so far, may be as many.
    first = page.wait(lambda: (found := rows(page)) == names[:50] and found, "the first page")
    page.find("#next").click()
    page.wait(lambda: rows(page) == names[50:], "the second page")
    page.find("#previous").click()
    page.wait(lambda: rows(page) == first, "the first page again")


def test_a_client_push_command_and_events(cluster, page, name, picture, tmp_path):
    program = tmp_path / "answer"
    program.write_text('#!/bin/sh\n[ -n "$SWITCHBOARD_COMMAND_ID" ] && echo "{\\"ran\\":\\"$SWITCHBOARD_COMMAND_NAME\\"}"\nexit 0\n')
    program.chmod(0o755)
    with cluster.agent(name, "--exec", program, "--quiet"):
        page.go(f"client?id={name}")
        page.find("#state-badge", "online")
        page.find("#live-state", "live")
        page.find("#push-payload").write('{"price": 3.20}')
        page.find("#push-submit").click()
        page.find("#push-answer", "delivered 1")
        page.find("#events", "push.delivered")
        page.find("#push-payload").write("{no json")
        page.find("#push-submit").click()
        page.find("#push-payload-error", "not JSON")

        page.find("#command-name").write("restart")
        page.find("#command-submit").click()
        page.find("#command-answer", "status 200")
        page.find("#command-answer", "restart")
        page.find("#events", "command.done")
        page.find("#group").write(f"{name}:group")
        page.find("#group-form button").click()
        page.find("#groups", f"{name}:group")
        picture(page, "client")
        page.find("#drop").click()
        page.find("#confirm-yes").click()
        page.find("#state-badge", "offline")
        page.find("#events", "session.closed")


def test_a_mailbox_is_shown_and_emptied(cluster, page, name):
    clusters.touch(cluster, name)
    for number in range(3):
        push = {"to": {"client": name}, "data": number, "durable": True, "id": f"{name}-{number}"}
        assert cluster.ask("POST", "/v1/push", push)[0] in (200, 202)
    page.go(f"client?id={name}")
    page.find(f'#mailbox-rows tr[data-push="{name}-1"] .cancel').click()
    page.gone(f'#mailbox-rows tr[data-push="{name}-1"]')
    page.find("#mailbox-empty").click()
    page.find("#confirm-yes").click()
    page.find("#mailbox-rows", "Nothing waits")
    assert cluster.get(f"/v1/clients/{name}/mailbox")["count"] == 0
