"""The wire: an asyncio transport as one small carrier of bytes.

A carrier is what a stream runs over: it takes bytes and an end, can be told to hold its
reading, and is given back exactly once. `Wire` is the carrier made of an asyncio transport
and a `BufferedProtocol`; another stream can be one too (TLS in TLS). The wire knows neither
TLS nor events, and decides nothing: it reports to its user, who has four verbs for it.

What it promises:

* One receive buffer for all wires of a thread's event loop: a selector loop reads into it
  only when bytes are there, and they are consumed before the next read. An idle connection
  owns no buffer. A proactor loop reads before there is anything, so there each wire has
  its own.
* `drained` means that the transport holds no byte any more: everything written is with the
  kernel. The transport's water marks are set to zero for it, so that pause_writing and
  resume_writing say exactly that; a large write never waits in memory twice.
* EOF leaves the transport open (half-close is the stream's decision).
* `_carrier_lost` comes exactly once, whatever happens.
* A failed write must not hide what the peer said before it went away: bytes that are in
  the kernel's buffer when the transport gives up (a fatal alert, mostly) are still read,
  unless reading is held because nobody takes what there is.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RECEIVE_BUFFER", "Carrier", "CarrierUser", "Wire", "open_wire", "take_over_streams"]

RECEIVE_BUFFER: Final = 256 * 1024
"""Bytes read from the kernel at once."""

_FLUSH_TIME: Final = 1.0
# Seconds that closing waits for bytes the kernel did not take yet (the last alert).


class Carrier(Protocol):
    """What a stream runs over."""

    @property
    def drained(self) -> bool:
        """Whether everything written has been passed on."""
        ...

    def write(self, data: bytes | memoryview) -> None: ...
    def write_eof(self) -> None: ...
    def hold(self, hold: bool) -> None:
        """Stop or restart reading."""
        ...

    def close(self) -> None:
        """Close after what was written is passed on, within a bounded time."""
        ...

    def abort(self) -> None:
        """Close now; unsent bytes are dropped."""
        ...

    def get_extra_info(self, name: str) -> Any: ...


class CarrierUser(Protocol):
    """Who a carrier reports to."""

    def _carrier_received(self, data: memoryview | bytes) -> None: ...
    def _carrier_ended(self) -> None: ...
    def _carrier_drained(self) -> None: ...
    def _carrier_lost(self, error: Exception | None) -> None: ...


class _SharedBuffer(threading.local):
    # An event loop never leaves its thread, so the thread's buffer is the loop's buffer.
    def __init__(self) -> None:
        self.view = memoryview(bytearray(RECEIVE_BUFFER))


_shared = _SharedBuffer()


def _reads_ahead(loop: asyncio.AbstractEventLoop) -> bool:
    # Windows' proactor loop keeps a read pending: its buffer must not be shared.
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    return proactor is not None and isinstance(loop, proactor)


class Wire(asyncio.BufferedProtocol):
    """A carrier over an asyncio transport.

    Args:
        user: who hears of bytes, ends, drains and the loss.
        loop: the running event loop.
        on_made: called with the wire when there is a transport, before the first byte.
    """

    __slots__ = (
        "_flush_timer",
        "_held",
        "_loop",
        "_lost",
        "_on_lost",
        "_on_made",
        "_own_buffer",
        "_postponed",
        "_transport",
        "_user",
        "drained",
    )

    def __init__(
        self,
        user: CarrierUser,
        loop: asyncio.AbstractEventLoop,
        on_made: Callable[[Wire], None] | None = None,
    ) -> None:
        self._user: CarrierUser | None = user
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._own_buffer = memoryview(bytearray(65536)) if _reads_ahead(loop) else None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._on_made = on_made
        self._on_lost: Callable[[Exception | None], None] | None = None
        self._lost = False
        self._held = False
        # While the loop is still making the transport, closing it waits: uvloop would leave
        # the socket object behind, open, with a descriptor that belongs to somebody else.
        self._postponed: Callable[[], None] | None = None
        self.drained = True

    # -- asyncio's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        # pause_writing may have come before this protocol was there (python/cpython#109051).
        self.drained = transport.get_write_buffer_size() == 0
        transport.set_write_buffer_limits(high=0)
        if self._on_made is not None:
            self._on_made(self)

    def settle(self) -> None:
        """The loop is done making the transport."""
        self._on_made = None
        if self._postponed is not None:
            self._postponed()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._own_buffer if self._own_buffer is not None else _shared.view

    def buffer_updated(self, nbytes: int) -> None:
        if self._user is not None:
            view = self._own_buffer if self._own_buffer is not None else _shared.view
            self._user._carrier_received(view[:nbytes])

    def eof_received(self) -> bool:
        if self._user is not None:
            self._user._carrier_ended()
        return True

    def pause_writing(self) -> None:
        self.drained = False

    def resume_writing(self) -> None:
        self.drained = True
        if self._user is not None:
            self._user._carrier_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        user = self._user
        if exc is not None and user is not None and not self._held:
            self._salvage(user)
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._on_lost is not None:
            self._on_lost(exc)
            self._on_lost = None
        self._user = None
        if user is not None:
            user._carrier_lost(exc)

    def _salvage(self, user: CarrierUser) -> None:
        # Linux keeps what arrived before a reset readable. The descriptor is closed by the
        # transport right after connection_lost; loops that close it before say -1.
        sock = self.get_extra_info("socket")
        try:
            descriptor = sock.fileno() if sock is not None else -1
        except OSError:
            return
        if descriptor < 0 or os.name == "nt":
            return
        while self._user is not None:
            try:
                data = os.read(descriptor, RECEIVE_BUFFER)
            except OSError:
                return
            if not data:
                return
            user._carrier_received(data)

    # -- the stream's side ---------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> None:
        if self._transport is not None and not self._lost:
            self._transport.write(data)

    def write_eof(self) -> None:
        transport = self._transport
        if transport is None or self._lost or transport.is_closing():
            return
        try:
            if transport.can_write_eof():
                transport.write_eof()
        except (OSError, RuntimeError):
            # The peer reset the connection in this very moment; connection_lost tells.
            pass

    def hold(self, hold: bool) -> None:
        self._held = hold
        transport = self._transport
        if transport is None or self._lost or transport.is_closing():
            return
        try:
            if hold:
                transport.pause_reading()
            else:
                transport.resume_reading()
        except RuntimeError:
            # Loops disagree whether saying it twice, or after EOF, is an error.
            pass

    def close(self) -> None:
        transport = self._transport
        if transport is None or self._lost:
            return
        if self._on_made is not None:
            self._postponed = self.close
            return
        transport.close()
        if transport.get_write_buffer_size():
            self._flush_timer = self._loop.call_later(_FLUSH_TIME, transport.abort)

    def abort(self) -> None:
        if self._on_made is not None:
            self._postponed = self.abort
        elif self._transport is not None and not self._lost:
            self._transport.abort()

    def get_extra_info(self, name: str) -> Any:
        return None if self._transport is None else self._transport.get_extra_info(name)

    def change_user(self, user: CarrierUser) -> None:
        """Report to somebody else from now on (a plain socket becomes a TLS socket)."""
        self._user = user


async def open_wire(
    user: CarrierUser, sock: socket.socket, on_made: Callable[[Wire], None]
) -> None:
    """Make a wire of a connected socket, which belongs to the wire from then on.

    It is handed out through `on_made`: loops may deliver bytes before the caller of a
    coroutine is woken (uvloop does).
    """
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(user, loop, on_made), sock=sock)
    wire.settle()


def take_over_streams(
    user: CarrierUser, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[Wire, bytes, bool]:
    """Make a wire of an asyncio reader and writer.

    Returns:
        The wire, the bytes that the reader had already received (they belong to whoever
        reads next: python/cpython#142352), and whether EOF was among them.
    """
    loop = asyncio.get_running_loop()
    transport = cast("asyncio.Transport", writer.transport)
    wire = Wire(user, loop)
    buffered = bytearray()
    while chunk := _read_without_waiting(reader):
        buffered += chunk
    ended = reader.at_eof()
    previous = transport.get_protocol()
    # Whoever waits for the old writer's end (wait_closed) must hear of it.
    wire._on_lost = previous.connection_lost
    transport.set_protocol(wire)
    wire.connection_made(transport)
    if not transport.is_closing():
        try:
            transport.resume_reading()
        except RuntimeError:
            pass
    return wire, bytes(buffered), ended


def _read_without_waiting(reader: asyncio.StreamReader) -> bytes:
    # read() returns at once if something is buffered; else it would wait, and is given up.
    step = reader.read(1 << 20)
    try:
        step.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    step.close()
    return b""
