"""Two people in a room, each at another node."""

import cluster as clusters


def enter(page, room: str, who: str):
    page.go("chat")
    page.find("#name").write(who)
    page.find("#room").write(room)
    page.find("#enter").click()
    page.find("#connection", "connected")
    return page


def client_of(page) -> str:
    """Who this page is to the cluster: the one that says so itself among those who are here."""
    return page.find("#members li", "(you)").attribute("data-client")


def enter_elsewhere(page, room: str, who: str, cluster, other: clusters.Node) -> clusters.Node:
    """Enters by nginx until that has chosen another node, which is returned. A new page is another connection."""
    for _ in range(20):
        enter(page, room, who)
        node = cluster.node_of(client_of(page))
        if node is not other:
            return node
    raise AssertionError(f"nginx led to {other.id} 20 times")


def say(page, words: str) -> None:
    page.find("#text").write(words)
    page.find("#say").click()


def test_two_people_at_two_nodes(cluster, new_page, name, picture):
    ada, grace = new_page(cluster.nodes[0]), new_page(cluster.nodes[1])
    enter(ada, name, "Ada")
    ada.find("#members", "Ada (you)")
    say(ada, "Is anybody here?")
    ada.find(".message.mine", "Is anybody here?")

    # Who comes later finds what was said, and who is there.
    enter(grace, name, "Grace")
    grace.find(".message", "Is anybody here?")
    assert "Ada" in grace.find(".message").text
    grace.find("#members", "Ada")
    ada.find("#members", "Grace")
    assert [cluster.node_of(client_of(page)) for page in (ada, grace)] == cluster.nodes[:2]
    say(grace, "Yes, <b>I am</b> here.")
    ada.find(".message", "Yes, <b>I am</b> here.")
    assert not ada.all(".message b")
    picture(ada, "chat")

    # And who leaves is seen to leave.
    grace.find("#leave").click()
    ada.gone("#members li", "Grace")
    assert ada.find("#member-count").text == "1"


def test_rooms_do_not_mix(cluster, new_page, name):
    ada, grace = new_page(cluster.nodes[0]), new_page()
    enter(ada, f"{name}-one", "Ada")
    enter(ada, f"{name}-two", "Ada")
    enter_elsewhere(grace, f"{name}-one", "Grace", cluster, cluster.nodes[0])
    # The page that Ada opened anew is in one room; she enters the other as well.
    ada.find("#room").write(f"{name}-one")
    ada.find("#enter").click()
    ada.find(f'[data-room="{name}-two"]').click()
    grace.find("#members", "Ada")
    say(grace, "only for room one")
    ada.find(f'[data-room="{name}-one"]', "1 new")
    assert "only for room one" not in ada.find("#messages").text
    ada.find(f'[data-room="{name}-one"]').click()
    ada.find(".message", "only for room one")


def test_a_bad_room_is_refused_in_words(page):
    page.go("chat")
    page.find("#name").write("Ada")
    page.find("#room").write("no such / room")
    page.find("#enter").click()
    page.find("#toasts", "A room's name")


def test_a_node_that_dies_loses_nothing_that_was_said(cluster, new_page, name):
    ada, grace = new_page(cluster.nodes[0]), new_page()
    # Ada's page is the first node's own, and must not lose it.
    enter(ada, name, "Ada")
    node = enter_elsewhere(grace, name, "Grace", cluster, cluster.nodes[0])
    ada.find("#members", "Grace")
    assert cluster.node_of(client_of(ada)) is cluster.nodes[0]
    for part in ("ERR_CONNECTION", "WebSocket connection", "502"):
        grace.expect_log(part)
        ada.expect_log(part)
    node.kill()
    try:
        say(ada, "said while Grace was away")
        grace.find(".message", "said while Grace was away", seconds=40)
        # By a node that is up.
        assert cluster.node_of(client_of(grace)) is not node
    finally:
        node.start()
        node.await_ready()
