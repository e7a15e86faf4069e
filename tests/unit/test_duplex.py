"""Duplex alone, on a carrier made of memory: what a subclass promises, every ending."""

from __future__ import annotations

import asyncio
import builtins
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recorder import Recorder
from tlsevents.duplex import SLICE, Duplex
from tlsevents.errors import OptionsError, StreamError


class Memory(Duplex):
    """A duplex whose other end is this object: `sent`, `feed()`, `hang_up()`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(asyncio.get_running_loop(), **options)
        self.sent: list[bytes] = []
        self.clogged = False
        self.held = False
        self.calls: list[str] = []

    def _transmit(self, data: bytes | memoryview) -> None:
        self.sent.append(bytes(data))

    def _ready_to_transmit(self) -> bool:
        return not self.clogged

    def _ready_to_shut_down(self) -> bool:
        return True

    def _shut_down(self) -> None:
        self.calls.append("shut down")
        self._on_shut_down()

    def _release(self) -> None:
        self.calls.append("release")
        self._event_loop.call_soon(self._on_released)

    def _hold_input(self, hold: bool) -> None:
        self.held = hold

    def feed(self, data: bytes) -> None:
        self._push(data)

    def hang_up(self) -> None:
        self._push_end()

    def unclog(self) -> None:
        self.clogged = False
        self._on_drained()


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_both_ends_make_a_close() -> None:
    stream = Memory()
    trace = Recorder(stream)
    stream.resume()
    stream.feed(b"data")
    stream.hang_up()
    await settle()
    assert trace.names == ["data", "readable", "resume", "end", "finish", "close"]
    assert stream.calls == ["shut down", "release"]
    assert stream.destroyed
    assert stream.closed
    assert trace.only("close") is False


async def test_the_state_along_the_way() -> None:
    stream = Memory(allow_half_open=True)
    assert (stream.readable, stream.writable, stream.readable_flowing) == (True, True, None)
    stream.resume()
    stream.hang_up()
    await settle()
    assert (stream.readable, stream.readable_ended) == (False, True)
    assert (stream.writable, stream.writable_ended, stream.writable_finished) == (
        True,
        False,
        False,
    )
    stream.end()
    assert (stream.writable, stream.writable_ended, stream.writable_finished) == (
        False,
        True,
        False,
    )
    await settle()
    assert (stream.writable_finished, stream.destroyed) == (True, True)
    assert not stream.readable_aborted
    assert not stream.writable_aborted


async def test_reading_is_held_at_the_mark_and_let_go_below_it() -> None:
    stream = Memory(high_water_mark=10)
    stream.feed(b"x" * 9)
    assert not stream.held
    stream.feed(b"x")
    assert stream.held
    assert stream.read(4) == b"xxxx"
    assert not stream.held
    assert stream.readable_high_water_mark == 10


async def test_a_mark_of_zero_holds_at_once() -> None:
    stream = Memory(high_water_mark=0)
    stream.feed(b"x")
    assert stream.held
    assert stream.write(b"") is False
    await settle()


async def test_small_writes_of_one_turn_leave_together() -> None:
    stream = Memory()
    for text in (b"one", b"two", b"three"):
        stream.write(text)
    await settle()
    # The first goes at once; those behind it wait for its completion.
    assert stream.sent == [b"one", b"twothree"]


async def test_a_large_write_goes_in_slices_and_does_not_starve_the_loop() -> None:
    stream = Memory()
    size = 20 * SLICE + 1
    stream.write(b"x" * size)
    assert 0 < sum(map(len, stream.sent)) <= 4 * SLICE
    await settle()
    assert max(map(len, stream.sent)) == SLICE
    assert sum(map(len, stream.sent)) == size


async def test_a_clogged_carrier_gets_nothing_more() -> None:
    stream = Memory()
    stream.clogged = True
    done: list[int] = []
    stream.write(b"one", lambda: done.append(1))
    stream.write(b"two", lambda: done.append(2))
    stream.end(lambda: done.append(3))
    await settle()
    assert (stream.sent, done) == ([], [])
    stream.unclog()
    await settle()
    assert stream.sent == [b"onetwo"]
    assert done == [1, 2, 3]
    assert stream.writable_finished


async def test_a_callback_that_raises_is_reported(loop_errors: list[dict[str, Any]]) -> None:
    stream = Memory()

    def callback(_error: BaseException | None) -> None:
        raise RuntimeError("in a callback")

    stream.write(b"x", callback)
    await settle()
    (context,) = loop_errors
    loop_errors.clear()
    assert str(context["exception"]) == "in a callback"
    assert not stream.destroyed


async def test_a_builtin_as_callback() -> None:
    stream = Memory()
    told: list[Any] = []
    stream.write(b"x", told.append)
    stream.write(b"y", builtins.bool)
    await settle()
    assert told == [None]


@pytest.mark.parametrize("half_open", [True, False])
async def test_end_is_emitted_once_even_if_told_twice(half_open: bool) -> None:
    stream = Memory(allow_half_open=half_open)
    trace = Recorder(stream)
    stream.resume()
    stream.hang_up()
    stream.hang_up()
    await settle()
    assert trace.names.count("end") == 1


async def test_destroy_from_every_event() -> None:
    for event in ("readable", "data", "resume", "pause", "end", "drain", "finish", "close"):
        stream = Memory(high_water_mark=4)
        trace = Recorder(stream)
        stream.on(event, lambda *_, stream=stream: stream.destroy())
        stream.write(b"xxxxx")
        await settle()
        stream.feed(b"data")
        stream.pause()
        await settle()
        stream.resume()
        await settle()
        stream.hang_up()
        stream.end()
        await settle()
        assert trace.names.count("close") == 1, event
        assert trace.names[-1] == "close", event


async def test_an_error_is_emitted_once_then_close() -> None:
    stream = Memory()
    trace = Recorder(stream)
    stream.on("error", lambda _: None)
    stream.destroy(ValueError("first"))
    stream.destroy(ValueError("second"))
    assert trace.names == []
    await settle()
    assert trace.names == ["error", "close"]
    assert str(trace.only("error")) == "first"
    assert trace.only("close") is True
    assert stream.errored is trace.only("error")


async def test_destroyed_streams_answer_quietly() -> None:
    stream = Memory()
    stream.destroy()
    await settle()
    trace = Recorder(stream)
    assert stream.read() is None
    stream.pause()
    stream.resume()
    stream.end()
    stream.destroy_soon()
    await stream.wait_closed()
    with pytest.raises(StreamError):
        await stream.drain()
    await settle()
    assert trace.names in ([], ["resume"])


async def test_destroy_soon() -> None:
    stream = Memory()
    trace = Recorder(stream)
    stream.write(b"last")
    stream.destroy_soon()
    await settle()
    assert stream.sent == [b"last"]
    assert trace.names == ["finish", "close"]


async def test_end_callbacks() -> None:
    stream = Memory()
    told: list[Any] = []
    stream.end("text", "utf8", lambda error: told.append(("first", error)))
    stream.end(lambda error: told.append(("second", error)))
    await settle()
    assert told == [("first", None), ("second", None)]
    stream.end(lambda error: told.append(error.code))
    await settle()
    assert told[-1] == "ERR_STREAM_ALREADY_FINISHED"


async def test_listeners_decide_the_mode() -> None:
    stream = Memory()
    assert stream.readable_flowing is None
    stream.on("data", listener := lambda _: None)
    assert stream.readable_flowing is True
    stream.pause()
    assert stream.readable_flowing is False
    assert stream.is_paused()
    # A listener more does not undo pause().
    stream.on("data", lambda _: None)
    assert stream.readable_flowing is False
    stream.off("data", listener)
    stream.on("readable", pull := lambda: None)
    assert not stream.is_paused()
    stream.resume()
    assert stream.readable_flowing is False
    stream.off("readable", pull)
    await settle()
    assert stream.readable_flowing is True


async def test_removing_the_only_readable_listener_leaves_it_undecided() -> None:
    stream = Memory()
    stream.on("readable", pull := lambda: None)
    stream.off("readable", pull)
    await settle()
    assert stream.readable_flowing is None


async def test_read_in_flowing_mode_gives_one_chunk() -> None:
    stream = Memory()
    stream.feed(b"one")
    stream.feed(b"two")
    stream._flowing = True
    assert stream.read() == b"one"
    assert stream.read(-1) == b"two"


async def test_unknown_default_encoding() -> None:
    stream = Memory()
    with pytest.raises(OptionsError):
        stream.set_default_encoding("klingon")
    stream.set_default_encoding("hex").write("6869")
    await settle()
    assert stream.sent == [b"hi"]


@settings(max_examples=60, deadline=None)
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=12),
    plan=st.lists(st.sampled_from(["pause", "resume", "turn", "feed", "read"]), max_size=30),
    mark=st.integers(0, 60),
)
def test_pausing_anywhere_loses_nothing(chunks: list[bytes], plan: list[str], mark: int) -> None:
    async def main() -> None:
        stream = Memory(high_water_mark=mark)
        trace = Recorder(stream)
        stream.on("data", lambda _: None)
        waiting = list(chunks)
        for step in plan:
            if step == "pause":
                stream.pause()
            elif step == "resume":
                stream.resume()
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "read":
                stream.read(7)
            elif waiting and not stream.held:
                stream.feed(waiting.pop(0))
        stream.resume()
        for chunk in waiting:
            stream.feed(chunk)
        stream.hang_up()
        await settle()
        assert trace.data == b"".join(chunks)
        assert trace.names[-1] == "close"
        assert trace.names.count("end") == 1

    asyncio.run(main())
