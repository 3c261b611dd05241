"""When the agent comes back. Bounds are such that chance breaks a correct agent's test less than once in a million runs."""

import asyncio
import statistics

from agents import now, stage
from fake_node import MAXIMUM, MINIMUM

from rules import rule

# What a busy machine adds to a delay; rarely it adds more, so where many are measured a few may be later.
SLACK, OUTLIERS = 0.4, 2
LOSS_SPREAD = 5.0


def delays(attempts, since: float | None = None) -> list[float]:
    """Seconds between an attempt, which was refused at once, and the next."""
    times = ([since] if since is not None else []) + [attempt.at for attempt in attempts]
    return [after - before for before, after in zip(times, times[1:])]


def bound(number: int, minimum: float, maximum: float) -> float:
    return min(maximum, minimum * 2**number)


@rule("Before any hello: full jitter with min 1 s and max 30 s, the n-th retry within random(0, min * 2^n)")
async def test_defaults(command):
    async with stage(command) as here:
        here.node.refusal = (500, {})
        await here.start()
        waits = delays(await here.node.attempted(4, 20))
        for number, wait in enumerate(waits):
            assert wait <= bound(number, 1, 30) + 2 * SLACK, waits
        assert max(waits) > 0.01, "with jitter that is all but impossible"


@rule("`hello.reconnect` sets min and max: after a loss each further delay is random(0, min(max, min * 2^n))")
async def test_full_jitter(command):
    async with stage(command) as here:
        _, link = await here.online()
        here.node.refusal = (500, {})
        link.cut()
        waits = delays((await here.node.attempted(42, 60))[1:])
        # The loss itself may count as the first failure.
        bounds = [bound(number + 1, MINIMUM, MAXIMUM) + SLACK for number in range(len(waits))]
        assert len([wait for wait, most in zip(waits, bounds) if wait > most]) <= OUTLIERS, waits
        late = waits[5:]
        # The mean of 36 uniform delays of 0...0.4 s has a standard deviation of 0.02 s: five of them. What the machine adds
        # only makes it larger, and that is what the bounds above are for.
        assert statistics.mean(late) >= MAXIMUM / 2 - 0.1, statistics.mean(late)
        # All within half of the range: 36 * 0.5^35.
        assert max(late) - min(late) > MAXIMUM / 2, late
        # Half of them in the middle half of the range; three or fewer of 36 once in 10^7. It is not "at once or late".
        begin = min(late)
        middle = [wait for wait in late if MAXIMUM / 4 <= wait - begin <= MAXIMUM * 3 / 4]
        assert len(middle) > 3, late


@rule("The first retry after a healthy link was lost waits random(0, 5 s): a dead node's clients do not arrive at once")
async def test_first_loss(command):
    async def one() -> float:
        async with stage(command) as here:
            _, link = await here.online()
            cut = link.cut()
            await here.node.online()
            return here.node.attempts[1].at - cut

    waits = await asyncio.gather(*(one() for _ in range(7)))
    assert max(waits) <= LOSS_SPREAD + 2 * SLACK, waits
    # Seven within 0.4 s of each other: 7 * 0.08^6; all within the first 0.7 s: 0.14^7.
    assert max(waits) - min(waits) > 0.4 and max(waits) > 0.7, waits


@rule("`Retry-After` of a 503 is a lower bound, and jittered")
async def test_retry_after(command):
    async with stage(command) as here:
        here.node.minimum = here.node.maximum = 1
        _, link = await here.online()
        here.node.refusal = (503, {"Retry-After": "1"})
        await link.close(4200)
        waits = delays((await here.node.attempted(10, 40))[1:])
        assert min(waits) >= 0.98, waits
        assert sorted(waits)[-1 - OUTLIERS] <= 1 + 1 + SLACK, waits
        # Eight of 0...1 s within 0.1 s of each other: 8 * 0.1^7.
        assert max(waits) - min(waits) > 0.1, waits


@rule("`after=SECONDS` in the reason of a 4200-4299 close is a lower bound")
async def test_after(command):
    async with stage(command) as here:
        agent, link = await here.online()
        closed = await link.close(4201, "rebalanced to another node; after=1.5")
        await here.node.online()
        assert 1.4 <= here.node.attempts[1].at - closed <= 1.5 + LOSS_SPREAD + SLACK


@rule("`after=` of a second close in a row is a lower bound with the back-off's jitter on it")
async def test_after_again(command):
    async with stage(command) as here:
        _, link = await here.online()
        link = await link.away()
        waits = []
        for _ in range(5):
            closed = await link.close(4200, "after=0.7")
            link = await here.node.online()
            waits.append(link.attempt.at - closed)
        assert min(waits) >= 0.65 and sorted(waits)[-1 - OUTLIERS] <= 0.7 + MAXIMUM + SLACK, waits


@rule("A 4200-4299 close without a delay: the agent reconnects at once")
async def test_at_once(command):
    async with stage(command) as here:
        _, link = await here.online()
        closed = await link.close(4200)
        await here.node.online(5)
        assert here.node.attempts[1].at - closed <= 2 * SLACK


@rule("`goaway`: the agent finishes, leaves by itself and reconnects after `reconnectAfter`")
async def test_goaway(command):
    async with stage(command) as here:
        agent, link = await here.online()
        offset = await link.mail("running", {"sleep": 0.6})
        told = now()
        await link.send(type="goaway", reason="the node is stopping", reconnectAfter=1.5)
        await link.acked(offset)
        again = await here.node.online(10)
        assert 1.4 <= again.attempt.at - told <= 1.5 + LOSS_SPREAD + SLACK
        code, _ = await link.ended()
        assert code in (1000, 1001)
        await again.alive()


@rule("`goaway` and then a close 4200 before its time: the agent keeps to its own moment")
async def test_goaway_then_close(command):
    async with stage(command) as here:
        _, link = await here.online()
        told = now()
        await link.send(type="goaway", reason="the node is stopping", reconnectAfter=1.5)
        await link.alive()
        await link.close(4200, "after=1.5")
        again = await here.node.online(10)
        assert 1.4 <= again.attempt.at - told <= 1.7 + LOSS_SPREAD + SLACK


@rule("Attempts are made one at a time, and an agent that is connected makes none")
async def test_one_at_a_time(command):
    async with stage(command) as here:
        _, link = await here.online()
        for _ in range(3):
            link = await link.away()
        await link.nothing(1.5)
        assert len(here.node.attempts) == 4
        await link.alive()
