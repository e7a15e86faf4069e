"""A carrier made of another stream: TLS in TLS, or TLS over any Node-like duplex.

The stream below needs `on`, `write` and `destroy` (and `end`, `pause`, `resume` where it
has them); what it emits is what counts: `data`, `end`, `drain`, `close`, `error`. It goes
on emitting for itself, as the inner stream of Node's `tls.connect({socket})` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tlsevents.checks import is_buffer
from tlsevents.errors import stream_error

if TYPE_CHECKING:
    import asyncio

    from tlsevents.wire import CarrierUser

__all__ = ["StreamCarrier"]


class StreamCarrier:
    """Bytes over another stream.

    Args:
        user: who hears of bytes, ends, drains and the loss.
        stream: the stream below; what it has buffered is read as the first bytes.
        loop: the running event loop.
    """

    def __init__(self, user: CarrierUser, stream: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._user: CarrierUser | None = user
        self._stream = stream
        self._loop = loop
        self._lost = False
        self._error: Exception | None = None
        self.drained = True
        stream.on("end", self._on_end)
        stream.on("error", self._on_error)
        stream.on("close", self._on_close)
        stream.on("drain", self._on_drain)
        stream.on("data", self._on_data)

    # -- the stream below ----------------------------------------------------------------------

    def _on_data(self, chunk: object) -> None:
        if self._user is None:
            return
        if not is_buffer(chunk):
            self._error = stream_error("ERR_STREAM_WRAP")
            self._fail()
            return
        self._user._carrier_received(bytes(chunk))

    def _on_end(self) -> None:
        if self._user is not None:
            self._user._carrier_ended()

    def _on_drain(self) -> None:
        self.drained = True
        if self._user is not None:
            self._user._carrier_drained()

    def _on_error(self, error: object) -> None:
        self._error = error if isinstance(error, Exception) else None
        # A stream that emits an error emits `close` after it, ours for certain; others may
        # not, and nobody may wait for them.
        if self._error is not None:
            self._fail()

    def _on_close(self, *_had_error: object) -> None:
        self._fail()

    def _fail(self) -> None:
        if self._lost:
            return
        self._lost = True
        user, self._user = self._user, None
        for event, listener in (
            ("data", self._on_data),
            ("end", self._on_end),
            ("drain", self._on_drain),
        ):
            self._stream.remove_listener(event, listener)
        if user is not None:
            user._carrier_lost(self._error)

    # -- the stream above ----------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> None:
        if not self._lost and self._stream.write(bytes(data)) is False:
            self.drained = False

    def write_eof(self) -> None:
        end = getattr(self._stream, "end", None)
        if callable(end) and not self._lost:
            end()

    def hold(self, hold: bool) -> None:
        verb = getattr(self._stream, "pause" if hold else "resume", None)
        if callable(verb) and not self._lost:
            verb()

    def close(self) -> None:
        soon = getattr(self._stream, "destroy_soon", None)
        if self._lost:
            return
        if not callable(soon):
            self.abort()
            return
        soon()
        # A stream below that never finishes must not keep the one above from closing.
        self._loop.call_later(1.0, self.abort)

    def abort(self) -> None:
        if self._lost:
            return
        destroy = getattr(self._stream, "destroy", None) or getattr(self._stream, "close", None)
        if callable(destroy):
            destroy()
        # Streams of others may close without a word.
        self._loop.call_soon(self._loop.call_soon, self._after_abort)

    def _after_abort(self) -> None:
        if not self._lost and not hasattr(self._stream, "wait_closed"):
            self._fail()

    def get_extra_info(self, name: str) -> Any:
        del name
