"""Node's stream semantics: flowing and paused, buffers and marks, end, finish, destroy.

A `Duplex` has two halves that know nothing of each other but how they end together. What
crosses below it (a TCP wire, a TLS engine) is the business of a subclass, which gives it
five hooks (`_transmit`, `_ready_to_transmit`, `_shut_down`, `_release`, `_hold_input`) and
tells it what happens (`_push`, `_push_end`, `_on_drained`, `_on_shut_down`, `_on_released`).

The reading half
    is in `readable.py`.

The writing half
    is one queue of plaintext. The first write of a turn goes down at once; the ones behind
    it wait for its completion, so that they leave together. What is larger than a slice
    goes down in slices, as the carrier drains: a 1 GiB write never exists twice. Bytes are
    pending until their callback has run, which is never in the turn of the write itself,
    so `while socket.write(block): ...` ends.

Emission
    Nothing is emitted from inside a method call, with one exception: `read()` emits `data`
    for the very chunk it returns, as Node does. What Node emits from `process.nextTick` is
    emitted from `loop.call_soon`. A listener may destroy the stream, so every emission is
    followed by a second look at the state.

Endings
    `destroy()` is final and idempotent: at most one error event, then `close` once the
    carrier is really gone, then silence. Both halves over means `destroy()` without error.

What surprised us: `drain` comes before the callbacks of the write that drained, and `finish`
waits for callbacks.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal

from tlsevents.emitter import NOBODY
from tlsevents.encodings import encode, encode_utf8, encoding_name
from tlsevents.errors import option_type_error, options_error, stream_error
from tlsevents.readable import NOTHING, Readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self, TypeAlias

    from typing_extensions import Buffer

__all__ = ["DEFAULT_HIGH_WATER_MARK", "SLICE", "Duplex"]

DEFAULT_HIGH_WATER_MARK: Final = 65536
"""Bytes; Node 24 and 26 use the same for sockets (`node/contract`, highWaterMark)."""

SLICE: Final = 256 * 1024
"""Most plaintext bytes handed down at once: what a large write costs beyond itself."""

_TURN: Final = 4 * SLICE
# Most bytes handed down in one turn of the loop: a fast peer must not starve the others.

Data: TypeAlias = "str | Buffer"
"""What can be written: text, or anything that holds bytes."""

WriteCallback: TypeAlias = "Callable[..., object]"


def call_back(
    loop: asyncio.AbstractEventLoop, callback: WriteCallback, error: BaseException | None
) -> None:
    """Run a completion callback with the error or None; without arguments if it takes none.

    JavaScript ignores what a function does not take, so ports have `lambda: ...` here.
    """
    try:
        try:
            inspect.signature(callback).bind(error)
        except TypeError:
            callback()
        except ValueError:  # a builtin without a signature
            callback(error)
        else:
            callback(error)
    except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001
        loop.call_exception_handler(
            {"message": "a completion callback raised", "exception": failure, "callback": callback}
        )


class Duplex(Readable):
    """A byte stream with Node's semantics; the base of `Socket` and `TLSSocket`.

    Mirrors `stream.Duplex` as `net.Socket` uses it; see the Node documentation, "Stream".
    """

    # pyee's emitter has a __dict__ anyway. With what is here in it too, that would be 3 KiB for
    # every connection instead of 0.6.
    __slots__ = (
        "_bytes_written",
        "_close_emitted",
        "_close_scheduled",
        "_close_waiters",
        "_completion_scheduled",
        "_corked",
        "_default_encoding",
        "_drain_waiters",
        "_end_callbacks",
        "_ended_by_peer",
        "_ending",
        "_error_told",
        "_finished",
        "_had_error",
        "_head_offset",
        "_in_flight",
        "_in_turn",
        "_late_writes",
        "_need_drain",
        "_pump_scheduled",
        "_queue",
        "_released",
        "_shutting_down",
        "_writable_length",
        "allow_half_open",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
        allow_half_open: bool = False,
    ) -> None:
        super().__init__(loop, high_water_mark=high_water_mark)
        self.allow_half_open = allow_half_open
        self._queue: deque[tuple[Any, int, WriteCallback | None]] = NOTHING
        self._head_offset = 0
        self._in_flight: list[tuple[int, WriteCallback | None]] = []
        self._completion_scheduled = False
        self._in_turn = False
        self._pump_scheduled = False
        self._writable_length = 0
        self._bytes_written = 0
        self._need_drain = False
        self._corked = 0
        self._ending = False
        self._shutting_down = False
        self._finished = False
        self._end_callbacks: list[WriteCallback] = []
        self._default_encoding = "utf8"
        self._ended_by_peer = False
        # both
        self._error_told = False
        self._released = False
        self._close_scheduled = False
        self._close_emitted = False
        self._had_error = False
        self._late_writes: tuple[BaseException, BaseException] | None = None
        # Immutable, so that all sockets without waiters can share one.
        self._drain_waiters: frozenset[asyncio.Future[None]] = NOBODY
        self._close_waiters: frozenset[asyncio.Future[None]] = NOBODY

    # -- hooks for a subclass ------------------------------------------------------------------

    def _transmit(self, data: bytes | memoryview) -> None:
        """Hand bytes down; called only when `_ready_to_transmit()`."""
        raise NotImplementedError

    def _ready_to_transmit(self) -> bool:
        """Whether bytes can be handed down and nothing handed down is still waiting."""
        raise NotImplementedError

    def _ready_to_shut_down(self) -> bool:
        """Whether the writing half can be closed (a handshake may have to finish first)."""
        raise NotImplementedError

    def _shut_down(self) -> None:
        """Close the writing half below; `_on_shut_down()` must follow."""
        raise NotImplementedError

    def _say_goodbye(self) -> None:
        """Close the writing half below if that is possible at once; destroy() follows."""

    def _release(self) -> None:
        """Give everything below back at once; `_on_released()` must follow."""
        raise NotImplementedError

    def _announce_error(self, error: BaseException) -> None:
        """Emit an error event; a subclass decides which one and who else has to know."""
        self.emit("error", error)

    def _fate_of_writes(
        self, error: BaseException | None
    ) -> tuple[Literal["before", "after", "late"], BaseException, BaseException]:
        """Tell what pending write callbacks hear after destroy(error).

        When (before the error event, between it and `close`, after `close`), the error for
        the write under way, the error for those behind it.
        """
        if error is not None and getattr(error, "syscall", None) == "write":
            # The write under way is what failed: its callback hears first.
            return "before", error, error
        under_way = stream_error("EBADF")
        when: Literal["before", "after"] = "after" if self._in_flight or self._queue else "before"
        return when, under_way, error if error is not None else under_way

    # -- writing: state ------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether `write()` makes sense. Mirrors `writable.writable`."""
        return not self._ending and not self._destroyed

    @property
    def writable_length(self) -> int:
        """Bytes that were written and whose completion has not been reported yet."""
        return self._writable_length

    @property
    def writable_high_water_mark(self) -> int:
        """Bytes at which `write()` answers False."""
        return self._high_water_mark

    @property
    def writable_need_drain(self) -> bool:
        """Whether `write()` answered False and `drain` has not come yet."""
        return self._need_drain and not self._destroyed and not self._ending

    @property
    def writable_ended(self) -> bool:
        """Whether `end()` was called."""
        return self._ending

    @property
    def writable_finished(self) -> bool:
        """Whether `finish` was emitted."""
        return self._finished

    @property
    def writable_corked(self) -> int:
        """How many `uncork()` are missing."""
        return self._corked

    @property
    def writable_aborted(self) -> bool:
        """Whether the stream was destroyed before `finish`."""
        return (self._destroyed or self._error is not None) and not self._finished

    @property
    def bytes_written(self) -> int:
        """Plaintext bytes that `write` and `end` accepted, also those still queued."""
        return self._bytes_written

    # -- writing: what users call --------------------------------------------------------------

    def write(
        self,
        chunk: Data,
        encoding: str | WriteCallback | None = None,
        callback: WriteCallback | None = None,
    ) -> bool:
        """Send bytes, or text in an encoding (utf8 by default).

        Mirrors `writable.write()`. A large buffer is not copied: it must not change before
        the callback has run.

        Args:
            chunk: bytes, bytearray, memoryview, any other contiguous buffer, or str.
            encoding: of a str; the callback may stand in its place, as in Node.
            callback: called with None, or with the error, once the bytes are handed to the
                kernel; never in the turn of this call.

        Returns:
            False when `high_water_mark` bytes or more are pending: better wait for `drain`.

        Raises:
            OptionTypeError: the chunk is neither text nor a buffer; the stream is unharmed.
            OptionsError: ERR_UNKNOWN_ENCODING.

        Emits: `error` ERR_STREAM_WRITE_AFTER_END, and destroys, after `end()`.
        """
        if callback is None and callable(encoding):
            callback, encoding = encoding, None
        if type(chunk) is not bytes:
            chunk = self._to_buffer(chunk, encoding)
        size = len(chunk)
        if self._ending or self._destroyed:
            return self._refuse_write(callback)
        self._writable_length += size
        self._bytes_written += size
        self._note_activity()
        accepted = self._writable_length < self._high_water_mark
        if not accepted:
            self._need_drain = True
        if self._queue is NOTHING:
            self._queue = deque()
        self._queue.append((chunk, size, callback))
        if not self._in_flight and not self._corked:
            self._pump()
        return accepted

    def _to_buffer(self, chunk: object, encoding: object) -> bytes | memoryview:
        if isinstance(chunk, str):
            name = self._default_encoding if encoding is None else encoding
            if name == "utf8":
                return encode_utf8(chunk)
            return encode(chunk, str(name))
        if chunk is None:
            raise options_error(
                "ERR_STREAM_NULL_VALUES",
                "May not write null values to stream",
                hint="None means nothing to write; use end() to close the writing side.",
            )
        try:
            view = memoryview(chunk)  # type: ignore[arg-type]
        except TypeError:
            raise option_type_error(
                "chunk", "of type string or an instance of Buffer, TypedArray, or DataView", chunk
            ) from None
        if view.nbytes <= SLICE or not view.c_contiguous:
            # Small: a copy is cheaper than the surprise of a buffer that may not be resized.
            return bytes(view)
        return view.cast("B")

    def _refuse_write(self, callback: WriteCallback | None) -> bool:
        if self._ended_by_peer and not self._error:
            error: BaseException = stream_error("EPIPE")
        elif self._ending:
            error = stream_error("ERR_STREAM_WRITE_AFTER_END")
        else:
            error = stream_error("ERR_STREAM_DESTROYED")
        if callback is not None:
            self._event_loop.call_soon(call_back, self._event_loop, callback, error)
        if not self._destroyed and not self._ended_by_peer:
            self.destroy(error)
        return False

    def cork(self) -> None:
        """Collect writes until `uncork()`. Mirrors `writable.cork()`."""
        self._corked += 1

    def uncork(self) -> None:
        """Let collected writes go, once for every `cork()`. Mirrors `writable.uncork()`."""
        if self._corked:
            self._corked -= 1
            if not self._corked and not self._in_flight:
                self._pump()

    def set_default_encoding(self, encoding: str) -> Self:
        """Choose the encoding for text. Mirrors `writable.setDefaultEncoding()`."""
        self._default_encoding = encoding_name(encoding)
        return self

    def end(
        self,
        chunk: Data | WriteCallback | None = None,
        encoding: str | WriteCallback | None = None,
        callback: WriteCallback | None = None,
    ) -> Self:
        """Write a last chunk if given, then close the writing side; reading goes on.

        Mirrors `writable.end()`, with `end(callback)` and `end(chunk, callback)`. Before
        the connection is there it is queued behind the writes. Twice is harmless.

        Args:
            chunk: last bytes or text, or None.
            encoding: of a str.
            callback: called with None right before `finish`, or with the error.

        Events: `finish` once everything is handed to the kernel; then `end` when the peer
            ends too, and `close`.
        """
        if callable(chunk):
            chunk, callback = None, chunk
        elif callback is None and callable(encoding):
            callback, encoding = encoding, None
        if chunk is not None:
            self.write(chunk, encoding)
        if self._destroyed:
            # Nothing will finish any more. A second end() that only has a callback hears
            # of it; Node leaves the callback of an end() after a plain destroy() unheard.
            if callback is not None and self._ending:
                error = self._error or stream_error("ERR_STREAM_DESTROYED")
                self._event_loop.call_soon(call_back, self._event_loop, callback, error)
            self._ending = True
            return self
        if callback is not None:
            if self._finished:
                self._event_loop.call_soon(
                    call_back,
                    self._event_loop,
                    callback,
                    stream_error("ERR_STREAM_ALREADY_FINISHED"),
                )
            else:
                self._end_callbacks.append(callback)
        if not self._ending:
            self._ending = True
            if self._corked:
                self._corked = 0
                if not self._in_flight:
                    self._pump()
            self._event_loop.call_soon(self._finish_if_done)
        return self

    async def drain(self) -> None:
        """Wait until the write buffer is below its high-water mark.

        Like `asyncio.StreamWriter.drain()`; Node has the `drain` event.

        Raises:
            The error that broke the connection, or StreamError (ERR_STREAM_DESTROYED).
        """
        if self._destroyed:
            raise self._failure()
        if self._writable_length < self._high_water_mark:
            return
        waiter = self._event_loop.create_future()
        self._drain_waiters |= {waiter}
        try:
            await waiter
        finally:
            self._drain_waiters -= {waiter}

    # -- writing: what happens -----------------------------------------------------------------

    def _pump(self) -> None:
        """Hand queued bytes down, slice by slice, as long as the carrier takes them."""
        budget = _TURN
        while self._queue and self._ready_to_transmit():
            if budget <= 0:
                if not self._pump_scheduled:
                    self._pump_scheduled = True
                    self._event_loop.call_soon(self._pump_again)
                return
            piece = self._next_slice()
            budget -= len(piece) or 1
            if piece:
                self._transmit(piece)
            if self._destroyed:
                return
        if self._in_flight and not self._completion_scheduled and self._ready_to_transmit():
            self._schedule_completion()

    def _pump_again(self) -> None:
        self._pump_scheduled = False
        if not self._destroyed and not self._corked:
            self._pump()

    def _next_slice(self) -> bytes | memoryview:
        data, size, callback = self._queue[0]
        if size > SLICE:
            offset = self._head_offset
            piece = memoryview(data)[offset : offset + SLICE]
            self._head_offset = offset + len(piece)
            if self._head_offset == size:
                self._queue.popleft()
                self._head_offset = 0
                self._in_flight.append((size, callback))
            return piece
        self._queue.popleft()
        self._in_flight.append((size, callback))
        if not self._queue:
            return data  # type: ignore[no-any-return]
        # Several small ones leave as one.
        pieces = [data]
        total = size
        while self._queue and total + self._queue[0][1] <= SLICE:
            data, size, callback = self._queue.popleft()
            self._in_flight.append((size, callback))
            pieces.append(data)
            total += size
        return b"".join(pieces)

    def _on_drained(self) -> None:
        """The carrier has handed everything to the kernel."""
        if self._destroyed:
            return
        if self._queue and not self._corked:
            self._pump()
        elif self._in_flight:
            self._schedule_completion()

    def _schedule_completion(self) -> None:
        if not self._completion_scheduled:
            self._completion_scheduled = True
            if not self._in_turn:
                self._event_loop.call_soon(self._complete_writes)

    def _begin_turn(self) -> None:
        """The carrier has something: writes made from here on complete with `_end_turn()`."""
        self._in_turn = not self._completion_scheduled

    def _end_turn(self) -> None:
        """All listeners have returned.

        Writes that nobody waits for are complete then, as they would be for Node, whose
        process.nextTick runs here. A request and its answer are spared a turn of the loop, with
        a system call of its own: 2 of 14 microseconds.
        """
        if not self._in_turn:
            return
        self._in_turn = False
        if not self._completion_scheduled:
            return
        if self._need_drain or self._ending or any(back for _, back in self._in_flight):
            self._event_loop.call_soon(self._complete_writes)
        else:
            self._complete_writes()

    def _complete_writes(self) -> None:
        self._completion_scheduled = False
        if self._destroyed:
            return
        completed, self._in_flight = self._in_flight, []
        for size, _ in completed:
            self._writable_length -= size
        self._note_activity()
        if self._need_drain and not self._writable_length and not self._ending:
            self._need_drain = False
            self.emit("drain")
        if self._drain_waiters and self._writable_length < self._high_water_mark:
            self._wake(self._drain_waiters)
        for _, callback in completed:
            if callback is not None:
                call_back(self._event_loop, callback, None)
        if self._destroyed:
            return
        if self._queue and not self._corked and not self._in_flight:
            self._pump()
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        """Close the writing half below once nothing is pending any more."""
        if (
            self._ending
            and not self._shutting_down
            and not self._destroyed
            and not self._writable_length
            and not self._queue
            and not self._in_flight
            and self._ready_to_shut_down()
        ):
            self._shutting_down = True
            self._shut_down()

    def _on_shut_down(self) -> None:
        """The writing half is closed below: finish."""
        if self._destroyed or self._finished:
            return
        callbacks, self._end_callbacks = self._end_callbacks, []
        for callback in callbacks:
            call_back(self._event_loop, callback, None)
        if self._destroyed:
            return
        self._finished = True
        self.emit("finish")
        self._discard_unread()
        self._destroy_if_over()

    # -- both halves ---------------------------------------------------------------------------

    def _input_over(self) -> None:
        if not self.allow_half_open and not self._ending:
            self._event_loop.call_soon(self._end_after_peer)
        self._destroy_if_over()

    def _end_after_peer(self) -> None:
        # A turn after `end`: what its listeners wrote still goes out.
        if not self._ending and not self._destroyed:
            self.end()
            self._ended_by_peer = True

    def _discard_unread(self) -> None:
        # Our side is over and nobody ever read. Whoever waits for the close would wait for
        # ever behind a full buffer, so the input is thrown away; without such a waiter the
        # stream closes when the peer ends too, and what it holds stays for `async for`.
        if (
            not self._finished
            or self._flowing is not None
            or self._pulling
            or self._iterating
            or self._destroyed
        ):
            return
        if self._close_waiters:
            self._discard_input()
        elif self._input_ended:
            self._event_loop.call_soon(self._close_unread)

    def _close_unread(self) -> None:
        if self._flowing is None and not self._pulling and not self._iterating:
            self.destroy()

    def _finish_iteration(self) -> None:
        """All was read. Without half-open the stream is over then, as in Node."""
        if self.allow_half_open or self._destroyed:
            return
        if self._writable_length or self._ending:
            # What was written still goes out; nobody is waiting for anything else.
            self.destroy_soon()
            return
        self._ending = True
        self._say_goodbye()
        self.destroy()

    # -- destroying ----------------------------------------------------------------------------

    @property
    def destroyed(self) -> bool:
        """Whether the stream was destroyed; True as soon as `destroy()` returns."""
        return self._destroyed

    @property
    def closed(self) -> bool:
        """Whether the stream is closed; True with `destroyed`, as in Node."""
        return self._destroyed

    @property
    def errored(self) -> BaseException | None:
        """The error the stream was destroyed with, or None."""
        return self._error

    def destroy(self, error: BaseException | None = None) -> Self:
        """Give the connection up at once: no close_notify, unsent data is dropped.

        Mirrors `stream.destroy()`. A second call changes nothing.

        Events: the error, if one is given, in the next turn of the loop; then `close`.
        """
        if self._destroyed:
            return self
        self._destroyed = True
        self._had_error = error is not None
        self._error = error
        pending = bool(self._in_flight or self._queue or self._end_callbacks)
        fate = self._fate_of_writes(error) if pending else None
        self._release()
        if fate is not None and fate[0] == "before":
            self._event_loop.call_soon(self._fail_writes, *fate[1:])
        self._event_loop.call_soon(self._after_destroy, fate)
        return self

    def destroy_soon(self) -> None:
        """End, then destroy at `finish`, without waiting for the peer.

        Mirrors `socket.destroySoon()`.
        """
        if self.writable:
            self.end()
        if self._finished:
            self.destroy()
        else:
            self.once("finish", self.destroy)

    def _after_destroy(self, fate: tuple[str, BaseException, BaseException] | None) -> None:
        error = self._error
        if self._had_error:
            self._announce_error(error)  # type: ignore[arg-type]
        if fate is not None:
            if fate[0] == "after":
                self._fail_writes(*fate[1:])
            elif fate[0] == "late":
                self._late_writes = fate[1:]
        self._error_told = True
        self._fail_waiters()
        self._wake_reader()
        if self._released:
            self._schedule_close()

    def _on_released(self) -> None:
        """Nothing below is left: `close` may come."""
        self._released = True
        if self._error_told:
            self._schedule_close()

    def _schedule_close(self) -> None:
        # A turn later than the error event.
        if not self._close_scheduled:
            self._close_scheduled = True
            self._event_loop.call_soon(self._emit_close)

    def _emit_close(self) -> None:
        if self._close_emitted:
            return
        self._close_emitted = True
        self.emit("close", self._had_error)
        self._wake(self._close_waiters)
        if self._late_writes is not None:
            self._fail_writes(*self._late_writes)

    def _destroy_if_over(self) -> None:
        if self._end_emitted and self._finished and not self._destroyed:
            self.destroy()

    def _fail_writes(self, under_way: BaseException, others: BaseException) -> None:
        callbacks = [callback for _, callback in self._in_flight]
        callbacks += [callback for _, _, callback in self._queue]
        self._in_flight.clear()
        self._queue = NOTHING
        self._writable_length = 0
        error = under_way
        for callback in callbacks:
            if callback is not None:
                call_back(self._event_loop, callback, error)
            error = others
        end_callbacks, self._end_callbacks = self._end_callbacks, []
        for callback in end_callbacks:
            call_back(self._event_loop, callback, others)

    def _failure(self) -> BaseException:
        """What to raise for somebody who waits on a stream that is gone."""
        if isinstance(self._error, BaseException):
            return self._error
        return stream_error("ERR_STREAM_DESTROYED")

    def _fail_waiters(self) -> None:
        waiters = [waiter for waiter in self._drain_waiters if not waiter.done()]
        self._drain_waiters = NOBODY
        for waiter in waiters:
            waiter.set_exception(self._failure())

    def _wake(self, waiters: Iterable[asyncio.Future[None]]) -> None:
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_closed(self) -> None:
        """Wait until `close`; never raises. Safe to cancel."""
        if self._close_emitted:
            return
        waiter = self._event_loop.create_future()
        self._close_waiters |= {waiter}
        self._discard_unread()
        try:
            await waiter
        finally:
            self._close_waiters -= {waiter}
