"""Sending a node's clients away before an update, and taking clients again."""


def test_drain_and_serve_again(cluster, page, name, picture):
    node = cluster.nodes[2]
    row = f'#nodes tr[data-node="{node.id}"]'
    with cluster.agent(name, "--quiet"):
        page.go("nodes")
        page.find(row, "serving")
        for each in cluster.nodes:
            page.find(f'#nodes tr[data-node="{each.id}"]')
        picture(page, "nodes")
        page.find(f"{row} .drain").click()
        page.find("#confirm-yes").click()
        page.find(row, "drain")
        try:
            page.find(f"{row} .serve", seconds=30).click()
        finally:
            cluster.ask("DELETE", f"/v1/nodes/{node.id}/drain")
        page.find(row, "serving")
        page.wait(lambda: cluster.client(name)["state"] == "online", "its clients are somewhere", 40)
