"""What every test stands on: an event loop that forgives nothing, and a look for leaks.

Async tests are coroutines named `test_*`; they run under `asyncio.run` in debug mode, on
asyncio's own loop, and once more on uvloop where that is installed and the test asks for it
with the `on_every_loop` marker. A test fails if it leaves behind a task, an open file
descriptor or something in the loop's exception handler. What a test expects there it takes
out of `loop_errors`.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEST_TIMEOUT = 30.0  # seconds; a hang is a failure with a traceback, not a stuck run

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "on_every_loop: run on asyncio's loop and on uvloop")
    if uvloop is not None:
        # libuv keeps a pipe for signals for the life of the process, from its first loop on.
        uvloop.new_event_loop().close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if not inspect.iscoroutinefunction(metafunc.function):
        return
    names = ["asyncio"]
    if uvloop is not None and metafunc.definition.get_closest_marker("on_every_loop"):
        names.append("uvloop")
    metafunc.parametrize("event_loop_name", names, indirect=True)


@pytest.fixture(autouse=True)
def loop_errors() -> list[dict[str, Any]]:
    """What reached the loop's exception handler; a test takes out what it expects."""
    return []


@pytest.fixture(autouse=True)
def event_loop_name(request: pytest.FixtureRequest) -> str:
    name: str = getattr(request, "param", "asyncio")
    return name


def _descriptors() -> dict[str, str]:
    found = {}
    folder = "/proc/self/fd"
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            if target.startswith(("socket:", "pipe:")) or "memfd" in target:
                found[f"{name} {target}"] = target
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    errors = cast("list[dict[str, Any]]", pyfuncitem.funcargs["loop_errors"])
    factory = uvloop.new_event_loop if pyfuncitem.funcargs["event_loop_name"] == "uvloop" else None
    with asyncio.Runner(debug=True, loop_factory=factory) as runner:
        loop = runner.get_loop()
        loop.slow_callback_duration = 5.0
        loop.set_exception_handler(lambda _loop, context: errors.append(context))
        runner.run(_bounded(pyfuncitem.obj, arguments))
    assert not errors, f"the loop's exception handler heard: {errors}"
    return True


async def _bounded(function: Any, arguments: dict[str, Any]) -> None:
    async with asyncio.timeout(_TEST_TIMEOUT):
        await function(**arguments)
    # What is under way may finish: a turn or two for connection_lost and cancelled tasks.
    for _ in range(5):
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"tasks left running: {left}"
    await asyncio.get_running_loop().shutdown_default_executor()


@pytest.fixture(autouse=True)
def _no_open_descriptors() -> Iterator[None]:
    # Autouse fixtures of this file come first and go last: the servers are gone by then.
    before = _descriptors()
    yield
    left = {name for name in _descriptors() if name not in before}
    if left:
        # Perhaps only a cycle that nobody has collected yet. Looking always would cost more
        # than all the tests.
        gc.collect()
        left = {name for name in _descriptors() if name not in before}
    assert not left, f"file descriptors left open: {sorted(left)}"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    # Roots of the machine the tests run on must not make a difference.
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
