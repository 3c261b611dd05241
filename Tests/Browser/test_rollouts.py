"""Roll-outs as an operator starts, holds and aborts them, and sees who failed."""

import contextlib

CLIENTS = 4


@contextlib.contextmanager
def agents(cluster, name: str, program: str):
    with contextlib.ExitStack() as stack:
        for number in range(CLIENTS):
            options = ["--group", name, "--exec", program, "--quiet", "--health-interval", "0"]
            stack.enter_context(cluster.agent(f"{name}-{number}", *options))
        yield


def start(page, group: str, **fields):
    page.go("rollouts")
    page.find("#new").click()
    page.find("#to-kind").choose("group")
    page.find("#to").write(group)
    page.find("#command-name").write("update")
    page.find("#canary-kind").choose("clients")
    page.find("#canary").write("1")
    for field, value in fields.items():
        page.find(f"#{field.replace('_', '-')}").write(value)
    page.find("#start").click()
    page.find("#rollout-state", seconds=20)


def test_a_rollout_reaches_everyone(cluster, page, name, picture):
    with agents(cluster, name, "/bin/true"):
        start(page, name, rate="6000")
        page.find("#rollout-state", "done", seconds=30)
        page.find("#progress", f"{CLIENTS} of {CLIENTS} decided")
        page.find("#outcome").choose("ok")
        page.wait(lambda: len(page.all("#rollout-clients tr[data-client]")) == CLIENTS, "all of them are listed")
        picture(page, "rollout")
        page.find('#nav a[href="rollouts"]').click()
        page.find("#rollouts", "done")
        picture(page, "rollouts")


def test_a_canary_that_fails_stops_it_and_is_named(cluster, page, name):
    with agents(cluster, name, "/bin/false"):
        start(page, name, rate="6000")
        page.find("#rollout-state", "aborted", seconds=30)
        page.find("#rollout-reason")
        page.wait(lambda: len(page.all("#rollout-clients tr[data-client]")) == 1, "the one that failed is listed")
        page.find("#rollout-clients", "failed")
        page.find("#progress", f"1 of {CLIENTS} decided")


def test_pause_resume_abort(cluster, page, name):
    with agents(cluster, name, "/bin/true"):
        # One a minute: there is time to hold it.
        start(page, name, rate="1")
        page.find("#pause").click()
        page.find("#rollout-state", "paused")
        page.find("#resume").click()
        page.gone("#rollout-state", "paused")
        page.find("#abort").click()
        page.find("#confirm-yes").click()
        page.find("#rollout-state", "aborted")
        page.gone("#abort")


def test_a_bad_form_says_where(page, name):
    page.expect_log("400")
    page.go("rollouts")
    page.find("#new").click()
    page.find("#to").write(name)
    page.find("#command-name").write("update")
    page.find("#data").write("{not json")
    page.find("#start").click()
    page.find("#data-error", "not JSON")
    page.find("#data").write("{}")
    page.find("#rate").write("0")
    page.find("#start").click()
    page.find(".error, .form-error", "rate")


def test_a_rollout_that_is_not_there(page):
    page.expect_log("404")
    page.go("rollout?id=no-such-rollout")
    page.find("#rollout-problem .notice")
