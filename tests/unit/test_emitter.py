"""The emitter: pyee's, the same on both ends of its range, with Node's additions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pyee.asyncio import AsyncIOEventEmitter

from tlsevents.emitter import Emitter, once


def make() -> Emitter:
    return Emitter(asyncio.get_running_loop())


async def test_it_is_pyees() -> None:
    emitter = make()
    assert isinstance(emitter, AsyncIOEventEmitter)
    heard: list[Any] = []

    @emitter.on("plain")
    def plain(*args: object) -> None:
        heard.append(args)

    @emitter.once("plain")
    def only_once(*args: object) -> None:
        heard.append("once")

    assert emitter.emit("plain", 1, 2)
    assert emitter.emit("plain")
    assert heard == [(1, 2), "once", ()]
    assert emitter.emit("nobody") is False


async def test_an_error_nobody_hears_raises_nothing() -> None:
    assert make().emit("error", ValueError("x")) is False


async def test_off_and_strangers() -> None:
    emitter = make()
    heard: list[int] = []
    emitter.on("event", listener := lambda: heard.append(1))
    emitter.off("event", lambda: None)
    emitter.off("unknown", listener)
    emitter.remove_listener("event", lambda: None)
    emitter.emit("event")
    emitter.off("event", listener)
    emitter.emit("event")
    assert heard == [1]
    assert emitter.event_names() == set()


async def test_remove_all_listeners() -> None:
    emitter = make()
    emitter.on("one", lambda: None)
    emitter.on("two", lambda: None)
    emitter.remove_all_listeners("one")
    assert emitter.event_names() == {"two"}
    emitter.remove_all_listeners("one")
    emitter.remove_all_listeners()
    assert emitter.event_names() == set()


async def test_prepending_and_counting() -> None:
    emitter = make()
    heard: list[int] = []
    emitter.on("event", lambda: heard.append(2))
    emitter.prepend_listener("event", lambda: heard.append(1))
    emitter.prepend_once_listener("event", lambda: heard.append(0))
    assert emitter.listener_count("event") == 3
    assert emitter.listener_count("other") == 0
    emitter.emit("event")
    emitter.emit("event")
    assert heard == [0, 1, 2, 1, 2]


async def test_a_listener_added_meanwhile_waits_for_the_next_emission() -> None:
    emitter = make()
    heard: list[str] = []

    def late() -> None:
        heard.append("late")

    emitter.on("event", lambda: emitter.on("event", late))
    emitter.emit("event")
    assert heard == []
    emitter.emit("event")
    assert heard == ["late"]


async def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="callable"):
        make().on("event", "text")  # type: ignore[call-overload]


async def test_coroutine_listeners_run_as_tasks() -> None:
    emitter = make()
    heard: list[int] = []

    async def listener(value: int) -> None:
        await asyncio.sleep(0)
        heard.append(value)

    emitter.on("event", listener)
    emitter.emit("event", 7)
    assert heard == []
    await emitter.wait_for_complete()
    assert heard == [7]
    assert emitter.complete


async def test_cancelled_coroutine_listeners_are_no_error() -> None:
    emitter = make()

    async def listener() -> None:
        await asyncio.sleep(10)

    emitter.on("event", listener)
    emitter.emit("event")
    await asyncio.sleep(0)
    emitter.cancel()
    await asyncio.sleep(0)


@pytest.mark.parametrize("event", ["event", "error"])
@pytest.mark.parametrize("kind", ["plain", "coroutine", "once"])
async def test_failing_listeners_go_to_the_loop(
    loop_errors: list[dict[str, Any]], kind: str, event: str
) -> None:
    emitter = make()
    heard: list[str] = []

    def plain(*_: object) -> None:
        raise ValueError("broken")

    async def coroutine(*_: object) -> None:
        raise ValueError("broken")

    listener = coroutine if kind == "coroutine" else plain
    (emitter.once if kind == "once" else emitter.on)(event, listener)
    emitter.on(event, lambda *_: heard.append("the next one"))
    emitter.emit(event, RuntimeError("the event's own"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == ["the next one"]
    (context,) = loop_errors
    loop_errors.clear()
    assert str(context["exception"]) == "broken"
    assert (context["event"], context["listener"], context["emitter"]) == (event, listener, emitter)


async def test_awaitable_objects_are_not_awaited() -> None:
    """A socket is awaitable, and `lambda: socket.end()` returns it."""

    class Awaitable:
        def __await__(self) -> Any:
            raise AssertionError("nobody asked for it")

    emitter = make()
    emitter.on("event", Awaitable)
    emitter.emit("event")
    await asyncio.sleep(0)


async def test_futures_are_waited_for() -> None:
    emitter = make()
    future = asyncio.get_running_loop().create_future()
    emitter.on("event", lambda: future)
    emitter.emit("event")
    assert not emitter.complete
    future.set_result(None)
    await emitter.wait_for_complete()


async def test_once_on_any_emitter() -> None:
    emitter = AsyncIOEventEmitter()
    loop = asyncio.get_running_loop()
    loop.call_soon(emitter.emit, "event", 1, 2)
    assert await once(emitter, "event") == (1, 2)
    loop.call_soon(emitter.emit, "error", ValueError("x"))
    with pytest.raises(ValueError, match="x"):
        await once(emitter, "event")
    assert emitter.event_names() in (set(), {"event", "error"})
    loop.call_soon(emitter.emit, "error", ValueError("y"))
    (error,) = await once(emitter, "error")
    assert str(error) == "y"
