"""`Socket`: a duplex stream on a TCP connection or a Unix socket.

What it adds to `Duplex` are the facts of the connection: dialing, addresses, the idle
timeout, no-delay and keep-alive, the timeline. `TLSSocket` inherits what users see and puts
its engine between the two.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import math
import socket
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from tlsevents.dialer import Target, dial
from tlsevents.duplex import DEFAULT_HIGH_WATER_MARK
from tlsevents.emitter import NOBODY
from tlsevents.errors import (
    TLSEventsError,
    option_range_error,
    option_type_error,
    stream_error,
    translate_os_error,
)
from tlsevents.events import SocketEvents
from tlsevents.options import ConnectOptions, read_connect_arguments
from tlsevents.readable import NOTHING
from tlsevents.socket_facts import SocketFacts
from tlsevents.wire import Wire, open_wire

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import Self, Unpack

    from tlsevents.options import OnRead
    from tlsevents.shapes import Callback, NetCall, NetOptions, Port
    from tlsevents.wire import Carrier

__all__ = ["Socket", "connect"]

_CLOSE_SILENCE: Final = 60.0
# Seconds without a byte after our own end() until a silent peer is given up. asyncio gives
# a peer 30 s in total; Node waits for ever.

_EXIT_SILENCE: Final = 10.0
# The same on leaving `async with`, where somebody is waiting.

_NET_OPTIONS: Final = frozenset(
    {
        "host",
        "port",
        "path",
        "family",
        "hints",
        "lookup",
        "local_address",
        "local_port",
        "auto_select_family",
        "auto_select_family_attempt_timeout",
        "timeout",
        "handshake_timeout",
        "allow_half_open",
        "high_water_mark",
        "no_delay",
        "keep_alive",
        "keep_alive_initial_delay",
        "onread",
    }
)
_TLS_DEFAULTS: Final = {
    field.name: field.default
    for field in dataclasses.fields(ConnectOptions)
    if field.name not in _NET_OPTIONS
}

# What a socket keeps when it connects again: its listeners, and what wraps its methods.
_KEPT: Final = ("_events", "_waiting", "_lock", "emit")


def running_loop(what: str) -> asyncio.AbstractEventLoop:
    """Give the running event loop, or a RuntimeError that says what to do."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            f"{what} needs a running event loop: call it inside a coroutine, "
            "for example one started with asyncio.run()"
        ) from None


class Socket(SocketFacts, SocketEvents):
    """A TCP or Unix socket with Node's `net.Socket` event API.

    Events: `lookup`, `connectionAttempt`, `connectionAttemptFailed`,
    `connectionAttemptTimeout`, `connect`, `ready`, `data`, `readable`, `pause`, `resume`,
    `drain`, `finish`, `end`, `timeout`, `error`, `close`.

    Args:
        allow_half_open: stay writable after the peer's end.
        high_water_mark: bytes, for both directions.

    Mirrors `net.Socket` (Node documentation, "Net").
    """

    __slots__ = (
        "_attempted",
        "_carrier",
        "_close_timer",
        "_connect_started",
        "_connect_waiters",
        "_connecting",
        "_eof_pending",
        "_flush_on_release",
        "_idle_timeout",
        "_idle_timer",
        "_inside_with",
        "_keep_alive",
        "_last_activity",
        "_no_delay",
        "_onread",
        "_opening",
        "_remote",
        "_taken_by",
        "_target",
        "timeline",
    )

    def __init__(
        self,
        *,
        allow_half_open: bool = False,
        high_water_mark: int | None = None,
    ) -> None:
        super().__init__(
            running_loop(type(self).__name__),
            allow_half_open=allow_half_open,
            high_water_mark=(
                DEFAULT_HIGH_WATER_MARK if high_water_mark is None else high_water_mark
            ),
        )
        self._carrier: Carrier | None = None
        self._connecting = False
        self._connect_started = False
        self._opening: asyncio.Task[None] | None = None
        self._target: Target | None = None
        self._attempted: list[str] | None = None
        self._eof_pending = False
        self._flush_on_release = False
        self._idle_timeout: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._last_activity = 0.0
        self._close_timer: asyncio.TimerHandle | None = None
        self._no_delay = False
        self._keep_alive: tuple[bool, float] | None = None
        self._remote: tuple[str, int, str] | None = None
        self._onread: OnRead | None = None
        self._connect_waiters: frozenset[asyncio.Future[None]] = NOBODY
        self._inside_with = False
        self._taken_by: Socket | None = None
        self.timeline: dict[str, float] = {}
        """Monotonic time (`loop.time()`, seconds) of each phase reached: `lookup`,
        `connect`, `handshake`, `secure_connect`, `first_byte`, `end`, `close`."""

    # -- connecting ----------------------------------------------------------------------------

    def _start_connecting(self, target: Target) -> None:
        self._target = target
        self._connecting = True
        self._connect_started = True
        self._note_activity()
        self._opening = self._event_loop.create_task(self._open())
        self._opening.add_done_callback(self._opening_done)

    @overload
    def connect(
        self,
        port: Port,
        hostname: str | None = ...,
        node_options: NetOptions | Mapping[str, Any] | Callback | None = ...,
        listener: Callback | None = ...,
        /,
        **keywords: Unpack[NetCall],
    ) -> Self: ...
    @overload
    def connect(
        self,
        port_or_path: Port | os.PathLike[str],
        node_options: NetOptions | Mapping[str, Any] | Callback | None = ...,
        listener: Callback | None = ...,
        /,
        **keywords: Unpack[NetCall],
    ) -> Self: ...
    @overload
    def connect(
        self,
        node_options: NetOptions | Mapping[str, Any],
        listener: Callback | None = ...,
        /,
        **keywords: Unpack[NetCall],
    ) -> Self: ...
    @overload
    def connect(self, **keywords: Unpack[NetCall]) -> Self: ...
    def connect(self, *args: Any, **keywords: Any) -> Self:
        """Connect a socket that was made without a target, or again after `close`.

        Mirrors `socket.connect()`: call forms, options and errors as `net.connect()`.

        Raises:
            StreamError: ERR_SOCKET_CONNECTING, it is connecting or connected.
        """
        if (self._connect_started and not self._close_emitted) or self._carrier is not None:
            raise stream_error("ERR_SOCKET_CONNECTING")
        options, callback = _read_net_options(args, keywords)
        if self._close_emitted:
            self._start_anew()
        self._configure(options)
        if callback is not None:
            self.once("connect", callback)
        return self

    def _start_anew(self) -> None:
        """Forget the last connection; listeners and settings stay."""
        kept = {name: value for name, value in self.__dict__.items() if name in _KEPT}
        waiters = self._event_waiters
        Socket.__init__(
            self, allow_half_open=self.allow_half_open, high_water_mark=self._high_water_mark
        )
        self.__dict__.update(kept)
        self._event_waiters = waiters
        for event in ("data", "readable"):
            if self.listener_count(event):
                self._on_listener_added(event)

    def _configure(self, options: ConnectOptions) -> None:
        """Take what concerns the connection from the options, and start."""
        self._no_delay = options.no_delay
        if options.socket is None:  # as in Node: with a socket below it is ignored
            self._onread = options.onread
        if options.keep_alive:
            self._keep_alive = True, options.keep_alive_initial_delay
        if options.timeout and options.socket is None:
            self.set_timeout(options.timeout)
        if options.socket is None:
            self._start_connecting(
                Target(
                    host=options.host,
                    port=options.port,
                    path=options.path,
                    family=options.family,
                    hints=options.hints,
                    local_address=options.local_address,
                    local_port=options.local_port,
                    lookup=options.lookup,
                    auto_select_family=options.auto_select_family,
                    attempt_timeout=options.auto_select_family_attempt_timeout,
                )
            )

    async def _open(self) -> None:
        try:
            await self._obtain_carrier()
        except Exception as error:  # noqa: BLE001
            self.destroy(error)

    async def _obtain_carrier(self) -> None:
        assert self._target is not None, "only a socket with a target is opened"
        sock = await dial(self._target, self)
        if sock is None:
            return
        if self._destroyed:
            sock.close()
            return
        await open_wire(self, sock, self._attach)

    def _opening_done(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self.destroy(error)
        if self._destroyed and self._carrier is None:
            self._on_released()

    def _attach(self, carrier: Carrier) -> None:
        """The connection is there: tell, and let what was written go."""
        if self._destroyed:
            carrier.abort()
            return
        self._carrier = carrier
        self._apply_socket_options()
        self._connecting = False
        self._mark("connect")
        self._note_activity()
        self.emit("connect")
        # Node emits `ready` even if a `connect` listener destroyed the socket.
        self.emit("ready")
        if not self._destroyed:
            self._connected()

    def _connected(self) -> None:
        self._wake(self._connect_waiters)
        if self._queue:
            self._pump()
        self._finish_if_done()

    # What the dialer tells (`dialer.DialObserver`).

    @property
    def _dial_cancelled(self) -> bool:
        return self._destroyed

    def _dial_lookup(
        self, error: BaseException | None, address: str | None, family: int | None, host: str
    ) -> None:
        if error is None:
            self._mark("lookup")
        self.emit("lookup", error, address, family, host)

    def _dial_attempt(self, address: str, port: int | None, family: int | None) -> None:
        self.emit("connectionAttempt", address, port, family)

    def _dial_attempt_failed(
        self, address: str, port: int | None, family: int | None, error: BaseException
    ) -> None:
        self.emit("connectionAttemptFailed", address, port, family, error)

    def _dial_attempt_timeout(self, address: str, port: int | None, family: int | None) -> None:
        self.emit("connectionAttemptTimeout", address, port, family)

    def _dial_candidates(self, attempted: Sequence[str]) -> None:
        self._attempted = list(attempted)

    def _dial_socket(self, sock: socket.socket) -> None:
        """Nothing has to be set before connect(2)."""

    # -- the carrier's side (`wire.CarrierUser`) -----------------------------------------------

    def _carrier_received(self, data: memoryview | bytes) -> None:
        if not self._destroyed:
            self._begin_turn()
            try:
                self._deliver(bytes(data))
            finally:
                self._end_turn()

    def _deliver(self, data: bytes) -> None:
        if "first_byte" not in self.timeline:
            self._mark("first_byte")
        if self._onread is None:
            self._push(data)
            return
        rest = memoryview(data)
        while rest and not self._destroyed:
            buffer, view = self._caller_buffer(self._onread)
            size = min(len(view), len(rest))
            view[:size] = rest[:size]
            rest = rest[size:]
            self._tell_read(self._onread, size, buffer)

    @staticmethod
    def _caller_buffer(onread: OnRead) -> tuple[Any, memoryview]:
        buffer = onread.buffer() if callable(onread.buffer) else onread.buffer
        return buffer, memoryview(buffer).cast("B")

    def _tell_read(self, onread: OnRead, size: int, buffer: Any) -> None:
        """Call the caller's back; False stops the reading until resume(), as in Node."""
        self._bytes_read += size
        self._note_activity()
        try:
            answer = onread.callback(size, buffer)
        except Exception as error:  # noqa: BLE001
            self._report_listener("onread", onread.callback, error)
            return
        if answer is False:
            self._hold()

    def resume(self) -> Self:
        """Let `data` flow, or the reading into `onread` buffers go on.

        Mirrors `socket.resume()`. See `Duplex.resume`.
        """
        if self._onread is not None and not self._destroyed:
            self._release_input()
        return super().resume()

    def _carrier_ended(self) -> None:
        self._push_end()

    def _carrier_drained(self) -> None:
        if self._eof_pending:
            self._eof_pending = False
            self._on_shut_down()
        else:
            self._on_drained()

    def _carrier_lost(self, error: Exception | None) -> None:
        if not self._destroyed:
            self.destroy(None if error is None else self._translate_loss(error))
        self._carrier = None
        self._on_released()

    def _translate_loss(self, error: Exception) -> Exception:
        if isinstance(error, TLSEventsError) or not isinstance(error, OSError):
            return error
        # Who lost it is not told by asyncio: EPIPE comes from writing, a reset from reading
        # unless reading was stopped.
        writing = isinstance(error, BrokenPipeError) or self._input_held or self._input_ended
        if error.errno is None:
            error = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        return translate_os_error(error, syscall="write" if writing else "read", phase="open")

    # -- what Duplex asks ----------------------------------------------------------------------

    def _ready_to_transmit(self) -> bool:
        carrier = self._carrier
        return carrier is not None and carrier.drained and not self._connecting

    def _transmit(self, data: bytes | memoryview) -> None:
        assert self._carrier is not None, "_ready_to_transmit() said so"
        self._carrier.write(data)

    def _ready_to_shut_down(self) -> bool:
        return self._carrier is not None and not self._connecting

    def _shut_down(self) -> None:
        carrier = self._carrier
        assert carrier is not None, "_ready_to_shut_down() said so"
        carrier.write_eof()
        self._await_shut_down(carrier)

    def _say_goodbye(self) -> None:
        if self._ready_to_shut_down() and self._carrier is not None:
            self._carrier.write_eof()
            self._flush_on_release = True

    def _await_shut_down(self, carrier: Carrier) -> None:
        if carrier.drained:
            self._on_shut_down()
        else:
            self._eof_pending = True

    def _on_shut_down(self) -> None:
        super()._on_shut_down()
        if self._finished and not self._destroyed and not self.allow_half_open:
            self._watch_silence()

    def _hold_input(self, hold: bool) -> None:
        if self._carrier is not None:
            self._carrier.hold(hold)

    def _release(self) -> None:
        self._connecting = False
        self._cancel_timers()
        carrier = self._carrier
        if carrier is not None:
            if self._flush_on_release:
                carrier.close()
            else:
                carrier.abort()
        elif self._opening is not None:
            if asyncio.current_task() is not self._opening:
                self._opening.cancel()
        else:
            self._released = True

    def _fate_of_writes(
        self, error: BaseException | None
    ) -> tuple[Literal["before", "after", "late"], BaseException, BaseException]:
        if self._connecting:
            closed = stream_error("ERR_SOCKET_CLOSED_BEFORE_CONNECTION")
            return "late", closed, error if error is not None else closed
        return super()._fate_of_writes(error)

    def _emit_end(self) -> None:
        if not self._destroyed and not self._chunks and not self.is_paused():
            self._mark("end")
        super()._emit_end()

    def _emit_close(self) -> None:
        self._mark("close")
        super()._emit_close()
        for waiter in self._event_waiters:
            if not waiter.done():
                waiter.set_exception(self._silence())  # type: ignore[arg-type]

    def _mark(self, phase: str) -> None:
        self.timeline.setdefault(phase, self._event_loop.time())

    # -- errors --------------------------------------------------------------------------------

    def _announce_error(self, error: BaseException) -> None:
        self._tell_error("error", error)

    def _tell_error(self, event: str, error: BaseException) -> None:
        heard = self.emit(event, error)
        awaited = self._is_awaited()
        self._fail_waiters()
        if heard or awaited:
            return
        self._event_loop.call_exception_handler(
            {
                "message": f"nobody listens to the error of {self!r}",
                "exception": error if isinstance(error, BaseException) else None,
                "event": event,
                "emitter": self,
            }
        )

    def _is_awaited(self) -> bool:
        waiters = self._connect_waiters | self._drain_waiters | self._event_waiters
        return self._iterating or self._inside_with or any(not waiter.done() for waiter in waiters)

    def _fail_waiters(self) -> None:
        super()._fail_waiters()
        waiting: set[asyncio.Future[Any]] = {*self._connect_waiters}
        if self._had_error:
            waiting |= self._event_waiters
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(self._failure())

    # -- awaiting ------------------------------------------------------------------------------

    def _silence(self) -> BaseException | None:
        if not self._close_emitted:
            return None
        return self._failure() if self._had_error else stream_error("ERR_STREAM_PREMATURE_CLOSE")

    async def _wait_ready(self) -> Self:
        if self._destroyed:
            if self._reached_ready():
                return self
            raise self._failure()
        if not self._reached_ready():
            waiter = self._event_loop.create_future()
            self._connect_waiters |= {waiter}
            try:
                await waiter
            except asyncio.CancelledError:
                self.destroy()
                raise
            finally:
                self._connect_waiters -= {waiter}
        return self

    def _reached_ready(self) -> bool:
        return "connect" in self.timeline

    def __await__(self) -> Generator[Any, None, Self]:
        """Wait for `connect` (`secureConnect` on a TLSSocket); cancelling destroys."""
        return self._wait_ready().__await__()

    async def __aenter__(self) -> Self:
        await self._wait_ready()
        self._inside_with = True
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        """End and wait for `close`; after an exception in the block, destroy.

        A peer that stays silent is given up after a while. The error that broke the
        connection is raised unless the block raised one itself or heard of it.
        """
        if exc_type is not None:
            self.destroy()
            await self.wait_closed()
            return
        if not self._destroyed:
            self.end()
            if self._flowing is not True:
                # Nobody reads any more; a full buffer would keep the peer's end away.
                self._discard_input()
                self._pulling = self._iterating = False
                self._flowing = True
        while not self._close_emitted:
            before = self._bytes_read, self._writable_length, self._finished
            try:
                await asyncio.wait_for(self.wait_closed(), _EXIT_SILENCE)
            except TimeoutError:
                if before == (self._bytes_read, self._writable_length, self._finished):
                    self.destroy()
        self._inside_with = False
        if self._error is not None and not self.listener_count("error"):
            raise self._failure()

    # -- ending the hard way -------------------------------------------------------------------

    def reset_and_destroy(self) -> Self:
        """Close with a TCP reset. Mirrors `socket.resetAndDestroy()`."""
        if not self._destroyed and self._carrier is not None:
            linger = (1).to_bytes(4, "little") + bytes(4)
            sock = self._carrier.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return self.destroy()
        return self.destroy(stream_error("ERR_SOCKET_CLOSED"))

    # -- timeouts ------------------------------------------------------------------------------

    @property
    def timeout(self) -> float | None:
        """Seconds given to `set_timeout`, None if it was never called."""
        return self._idle_timeout

    def set_timeout(self, timeout: float, callback: Callable[..., object] | None = None) -> Self:
        """Emit `timeout` after that much inactivity; the socket stays open.

        Mirrors `socket.setTimeout()`, in seconds. Activity is the connect call, the
        connection, a write, a completed write and a decrypted piece of data; handshake
        bytes are not. It fires once, until there is activity again.

        Args:
            timeout: seconds; 0 turns it off.
            callback: a one-time listener for `timeout`; with 0 it is removed.

        Raises:
            OptionTypeError: ERR_INVALID_ARG_TYPE.
            OptionsError: ERR_OUT_OF_RANGE, negative or not finite.
        """
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise option_type_error("timeout", "of type number", timeout)
        if timeout < 0 or not math.isfinite(timeout):
            raise option_range_error("timeout", "a non-negative finite number", timeout)
        if self._destroyed:
            return self
        self._idle_timeout = timeout
        if callback is not None and not callable(callback):
            raise option_type_error("callback", "of type function", callback)
        self._cancel_idle_timer()
        if timeout:
            if callback is not None:
                self.once("timeout", callback)
            self._note_activity()
        elif callback is not None:
            self.off("timeout", callback)
        return self

    def _note_activity(self) -> None:
        if self._idle_timeout and not self._destroyed:
            self._last_activity = self._event_loop.time()
            if self._idle_timer is None:
                self._idle_timer = self._event_loop.call_later(self._idle_timeout, self._check_idle)

    def _check_idle(self) -> None:
        # The timer is not moved on every byte: it looks how long ago the last one was.
        self._idle_timer = None
        if not self._idle_timeout or self._destroyed:
            return
        left = self._last_activity + self._idle_timeout - self._event_loop.time()
        if left > 0.0005:
            self._idle_timer = self._event_loop.call_later(left, self._check_idle)
        else:
            self.emit("timeout")

    def _cancel_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _watch_silence(self, seen: int = -1) -> None:
        """After our end: a peer that says nothing for long is given up."""
        if self._destroyed:
            return
        if seen == self._bytes_read and not self._input_held:
            self.destroy()
            return
        self._close_timer = self._event_loop.call_later(
            _CLOSE_SILENCE, self._watch_silence, self._bytes_read
        )

    def _cancel_timers(self) -> None:
        self._cancel_idle_timer()
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None

    # -- being taken over ----------------------------------------------------------------------

    def _give_up_carrier(self, new_user: Socket) -> tuple[Carrier, bytes, bool] | None:
        """Hand a running wire over to a TLS socket; this one emits only `close` from now on.

        Returns:
            The wire, the bytes that had arrived already, and whether EOF had; None if this
            socket runs over something else and must be used as a stream.
        """
        carrier = self._carrier
        if not isinstance(carrier, Wire) or self._destroyed or self._connecting:
            return None
        waiting = b"".join(c if isinstance(c, bytes) else c.encode() for c in self._chunks)
        self._chunks = NOTHING
        self._readable_length = 0
        self._cancel_timers()
        carrier.change_user(new_user)
        self._taken_by = new_user
        if self._input_held:
            self._input_held = False
            carrier.hold(False)
        return carrier, waiting, self._input_ended

    def destroy(self, error: BaseException | None = None) -> Self:
        """Give the connection up at once; a socket that TLS runs over takes that with it.

        Mirrors `socket.destroy()`. See `Duplex.destroy`.
        """
        if self._taken_by is not None and not self._destroyed:
            owner, self._taken_by = self._taken_by, None
            self._carrier = None
            super().destroy(error)
            owner._lose_below(error)  # noqa: SLF001
            return self
        return super().destroy(error)

    def _lose_below(self, error: BaseException | None) -> None:
        self.destroy(error)

    def __repr__(self) -> str:
        state = "destroyed" if self._destroyed else self.ready_state
        return f"<{type(self).__name__} {state} at {id(self):#x}>"


@overload
def connect(
    port: Port,
    hostname: str | None = ...,
    node_options: NetOptions | Mapping[str, Any] | Callback | None = ...,
    listener: Callback | None = ...,
    /,
    **keywords: Unpack[NetCall],
) -> Socket: ...
@overload
def connect(
    port_or_path: Port | os.PathLike[str],
    node_options: NetOptions | Mapping[str, Any] | Callback | None = ...,
    listener: Callback | None = ...,
    /,
    **keywords: Unpack[NetCall],
) -> Socket: ...
@overload
def connect(
    node_options: NetOptions | Mapping[str, Any],
    listener: Callback | None = ...,
    /,
    **keywords: Unpack[NetCall],
) -> Socket: ...
@overload
def connect(**keywords: Unpack[NetCall]) -> Socket: ...
def connect(*args: Any, **keywords: Any) -> Socket:
    """Open a plain TCP or Unix connection; never blocks, never awaits.

    Mirrors `net.connect()` / `net.createConnection()`, in all its call forms and in both
    dialects, as `tlsevents.connect()` does. Give the socket to `tlsevents.connect(socket=)`
    to upgrade it (STARTTLS).

    Args:
        args: `(port, host)`, `(path)` or `(options)`, each with a callback for `connect`.
        keywords: host, port, path, family, hints, lookup, local_address, local_port,
            auto_select_family, auto_select_family_attempt_timeout, no_delay, keep_alive,
            keep_alive_initial_delay, allow_half_open, high_water_mark, timeout.

    Raises:
        OptionTypeError, OptionsError: a wrong name, type or value, with Node's code.
        RuntimeError: no event loop is running.
    """
    running_loop("tlsevents.net.connect()")
    options, callback = _read_net_options(args, keywords)
    sock = Socket(allow_half_open=options.allow_half_open, high_water_mark=options.high_water_mark)
    sock._configure(options)  # noqa: SLF001
    if callback is not None:
        sock.once("connect", callback)
    return sock


def _read_net_options(
    args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[ConnectOptions, Callable[..., object] | None]:
    options, callback = read_connect_arguments(args, keywords)
    for name, default in _TLS_DEFAULTS.items():
        if getattr(options, name) != default:
            raise option_type_error(name, "left to tlsevents.connect(): net has no TLS", "given")
    return options, callback
