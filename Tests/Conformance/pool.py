"""Runs the tests that are coroutines at the same time: they mostly wait, and waiting together is quick.

pytest still collects, selects and reports them one by one; the first of them runs all of them. It ends when they have ended,
because pytest writes the environment (PYTEST_CURRENT_TEST) before and after each test: whoever reads the environment
meanwhile, or starts a program with it, would see it change under its hands (KeyError, EFAULT).
"""

import asyncio
import concurrent.futures
import inspect
import threading

import pytest

# Each waits for sockets and timers; more at once would make their clocks wrong on a small machine.
AT_ONCE = 10
# A test that hangs is a failure, not a run without an end.
SECONDS = 90


class Pool:
    def __init__(self):
        self._results: dict[str, concurrent.futures.Future] = {}
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(64))
        self._turns = asyncio.Semaphore(AT_ONCE)
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, items, shared: dict) -> None:
        """Runs every coroutine test to its end; `shared` holds the fixtures of the whole session."""
        for item in items:
            if inspect.iscoroutinefunction(getattr(item, "obj", None)):
                arguments = {name: shared[name] for name in item._fixtureinfo.argnames if name in shared}
                arguments |= item.callspec.params if hasattr(item, "callspec") else {}
                turn = self._run(item.obj, arguments)
                self._results[item.nodeid] = asyncio.run_coroutine_threadsafe(turn, self._loop)
        concurrent.futures.wait(self._results.values())

    async def _run(self, function, arguments: dict) -> None:
        async with self._turns, asyncio.timeout(SECONDS):
            await function(**arguments)

    def result(self, item) -> None:
        self._results[item.nodeid].result()

    @property
    def has_run(self) -> bool:
        return bool(self._results)


class Plugin:
    """The pytest side of the pool."""

    def __init__(self):
        self._pool = Pool()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem):
        if not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        if not self._pool.has_run:
            self._pool.run(pyfuncitem.session.items, pyfuncitem.funcargs)
        self._pool.result(pyfuncitem)
        return True
