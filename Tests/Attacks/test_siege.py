"""Every attack while honest clients are served: they see no more than twice the latency of quiet, nothing of theirs is lost, the
node's memory stays bounded, and the attack's connections end with their codes and are counted."""

import pytest

import attacks  # noqa: F401 (registers them)
import fields
import scrapes
import wire
from siege import ATTACKS

# Beyond what it had before: what is held for attackers is limited, and what was once needed malloc may keep.
MEGABYTES = 96


@pytest.mark.parametrize("name", ATTACKS)
def test_honest_clients_are_served(battle, table, name):
    attack = ATTACKS[name]
    if name == "deflate bomb" and not compresses(battle.node.url):
        pytest.skip("this node does not compress: there is nothing to inflate")
    before = scrapes.samples(battle.node.url)
    report = battle.run(name)
    table.append(report.line())
    after = scrapes.samples(battle.node.url)

    assert report.lost == 0, "pushes to honest clients were lost"
    assert fields.served(report), report.line()
    assert report.peak - report.before < MEGABYTES, report.line()
    assert set(report.ended) <= attack.codes, report.line()
    if attack.counted and (attack.quick or battle.scale is fields.FULL):
        series = scrapes.label(attack.counted[0], **attack.counted[1])
        assert after[series] > before[series], f"{series} does not count it"
    elif attack.quick:
        assert report.ended, "nobody was cut off"


def compresses(url: str) -> bool:
    with wire.Connection(url) as connection:
        answer = connection.upgrade("/ws/echo", {"Sec-WebSocket-Extensions": "permessage-deflate"})
        return "permessage-deflate" in answer.headers.get("sec-websocket-extensions", "")
