"""The reading half of a stream: flowing, pulled or paused, and never more than the mark.

It starts undecided (`readable_flowing` None). A `data` listener, `resume()` or `pipe()` make
it flow; a `readable` listener, `read()` or `async for` pull. Bytes nobody wants yet are
buffered; at the high-water mark the carrier is told to hold. It holds at most the mark plus
what one read of the transport brought. `end` comes after all data, and waits while paused.

How it ends together with the writing half is the business of `duplex.Duplex`, its only
subclass, which answers the hooks at the top.

What surprised us: Node emits `readable` before `end` in flowing mode too, and a `resume` that
was scheduled is emitted even if the stream was destroyed or paused meanwhile.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from tlsevents.emitter import Emitter
from tlsevents.encodings import encoding_name, make_decoder
from tlsevents.pipe import Pipe

if TYPE_CHECKING:
    import asyncio
    from typing import Self, TypeAlias

    from tlsevents.encodings import Decoder

__all__ = ["NOTHING", "Chunk", "Readable"]

Chunk: TypeAlias = "bytes | Any"
"""Data: bytes, or str after `set_encoding()`, which is the caller's to know. As `bytes | str` it
would make everybody test for what only those have who asked for it."""


# An empty deque takes 760 bytes, and an idle connection has nothing to put into two of them.
NOTHING: Final[deque[Any]] = deque(maxlen=0)


class Readable(Emitter):
    """The reading half; mirrors `stream.Readable` as sockets use it."""

    __slots__ = (
        "_bytes_read",
        "_chunks",
        "_decoder",
        "_destroyed",
        "_did_read",
        "_discarding",
        "_encoding",
        "_end_emitted",
        "_end_scheduled",
        "_error",
        "_flowing",
        "_high_water_mark",
        "_input_ended",
        "_input_held",
        "_iterating",
        "_need_readable",
        "_pipes",
        "_pulling",
        "_read_waiter",
        "_readable_length",
        "_readable_scheduled",
        "_resume_scheduled",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, *, high_water_mark: int) -> None:
        super().__init__(loop)
        self._high_water_mark = high_water_mark
        self._destroyed = False
        self._error: BaseException | None = None
        self._flowing: bool | None = None
        self._pulling = False
        self._chunks: deque[bytes | str] = NOTHING
        self._readable_length = 0
        self._need_readable = True
        self._readable_scheduled = False
        self._resume_scheduled = False
        self._input_ended = False
        self._end_scheduled = False
        self._end_emitted = False
        self._did_read = False
        self._discarding = False
        self._input_held = False
        self._encoding: str | None = None
        self._decoder: Decoder | None = None
        self._bytes_read: int = 0
        self._pipes: list[Pipe] = []
        self._read_waiter: asyncio.Future[None] | None = None
        self._iterating = False

    # -- hooks for Duplex ----------------------------------------------------------------------

    def _hold_input(self, hold: bool) -> None:
        """Stop or restart the carrier's reading."""
        raise NotImplementedError

    def _note_activity(self) -> None:
        """Something moved: idle timers start anew."""

    def _input_over(self) -> None:
        """`end` was emitted."""

    def _discard_unread(self) -> None:
        """Look whether what nobody reads keeps the stream from closing."""

    def _finish_iteration(self) -> None:
        """`async for` has come to the end."""

    def _failure(self) -> BaseException:
        """What to raise for somebody who waits on a stream that is gone."""
        raise NotImplementedError

    # -- reading: state ------------------------------------------------------------------------

    @property
    def readable_flowing(self) -> bool | None:
        """True flowing, False paused, None undecided. Mirrors `readable.readableFlowing`."""
        return self._flowing

    @property
    def readable_length(self) -> int:
        """Bytes (characters after `set_encoding`) that wait to be read."""
        return self._readable_length

    @property
    def readable_high_water_mark(self) -> int:
        """Bytes at which reading from the network stops."""
        return self._high_water_mark

    @property
    def readable_encoding(self) -> str | None:
        """The encoding given to `set_encoding`, or None."""
        return self._encoding

    @property
    def readable(self) -> bool:
        """Whether data may still come. Mirrors `readable.readable`."""
        return not self._destroyed and not self._end_emitted

    @property
    def readable_ended(self) -> bool:
        """Whether `end` was emitted."""
        return self._end_emitted

    @property
    def readable_did_read(self) -> bool:
        """Whether a chunk was ever delivered."""
        return self._did_read

    @property
    def readable_aborted(self) -> bool:
        """Whether the stream was destroyed before `end`."""
        return (self._destroyed or self._error is not None) and not self._end_emitted

    @property
    def bytes_read(self) -> int:
        """Plaintext bytes received, also those that nobody read yet."""
        return self._bytes_read

    def is_paused(self) -> bool:
        """Whether `pause()` is in force. Mirrors `readable.isPaused()`."""
        return self._flowing is False and not self._pulling

    # -- reading: what users call --------------------------------------------------------------

    def read(self, size: int | None = None) -> Chunk | None:
        """Take buffered data: all of it, or exactly `size` bytes; None when it is not there.

        Mirrors `readable.read()`. What is left when the peer has ended is given out even
        if it is shorter than `size`. Emits `data` for the chunk before returning it.

        Args:
            size: bytes (characters after `set_encoding`), or None for everything.
        """
        if size is not None and size < 0:
            size = None
        if self._destroyed:
            return None
        wanted = self._readable_size(size)
        if wanted == 0:
            if self._input_ended and self._readable_length == 0:
                self._schedule_end()
            elif size != 0 or self._readable_length == 0:
                self._need_readable = True
                self._release_input()
            return None
        chunk = self._take(wanted)
        self._readable_length -= wanted
        if self._readable_length == 0 and self._input_ended:
            self._schedule_end()
        self._need_readable = not self._input_ended
        self._did_read = True
        self._release_input()
        self.emit("data", chunk)
        return chunk

    def _readable_size(self, size: int | None) -> int:
        if size is None:
            if self._flowing and self._chunks:
                return len(self._chunks[0])
            return self._readable_length
        if size <= self._readable_length:
            return size
        return self._readable_length if self._input_ended else 0

    def _take(self, wanted: int) -> bytes | str:
        first = self._chunks[0]
        if len(first) == wanted:
            return self._chunks.popleft()
        if len(first) > wanted:
            self._chunks[0] = first[wanted:]
            return first[:wanted]
        taken: list[Any] = []
        while wanted:
            first = self._chunks.popleft()
            if len(first) > wanted:
                self._chunks.appendleft(first[wanted:])
                first = first[:wanted]
            taken.append(first)
            wanted -= len(first)
        return ("" if self._decoder is not None else b"").join(taken)

    def unshift(self, chunk: bytes | str) -> None:
        """Put data back in front of what is buffered. Mirrors `readable.unshift()`."""
        if chunk:
            self._buffered().appendleft(chunk)
            self._readable_length += len(chunk)
            if self._flowing or self._pulling:
                self._schedule_readable()

    def pause(self) -> Self:
        """Stop the flow of `data`; the transport stops at the high-water mark.

        Mirrors `readable.pause()`. Events: `pause`, in the next turn of the loop.
        """
        if self._flowing is not False:
            self._flowing = False
            if not self._destroyed:
                self._event_loop.call_soon(self.emit, "pause")
        return self

    def resume(self) -> Self:
        """Let `data` flow. Mirrors `readable.resume()`.

        Events: `resume` in the next turn of the loop, then `data`. With a `readable`
        listener attached nothing flows, as in Node.
        """
        if not self._flowing:
            self._flowing = not self._pulling
            if not self._resume_scheduled and not self._destroyed:
                self._resume_scheduled = True
                self._event_loop.call_soon(self._resumed)
        return self

    def _resumed(self) -> None:
        self._resume_scheduled = False
        if not self._destroyed:
            self._release_input()
        self.emit("resume")
        self._flow()

    def set_encoding(self, encoding: str | None = "utf8") -> Self:
        """Deliver `str` instead of `bytes`, decoded incrementally.

        Mirrors `readable.setEncoding()`: utf8, utf16le, latin1, ascii, hex, base64,
        base64url. A character that is split between two records is held back.

        Raises:
            OptionsError: ERR_UNKNOWN_ENCODING.
        """
        encoding = encoding_name(encoding or "utf8")
        self._decoder = make_decoder(encoding)
        self._encoding = encoding
        if self._chunks:
            waiting = b"".join(c if isinstance(c, bytes) else c.encode() for c in self._chunks)
            self._chunks.clear()
            text = self._decoder.decode(waiting)
            self._readable_length = len(text)
            if text:
                self._chunks.append(text)
        return self

    # -- reading: what happens -----------------------------------------------------------------

    def _push(self, data: bytes) -> None:
        """Take plaintext from below."""
        self._bytes_read += len(data)
        self._note_activity()
        if self._discarding:
            return
        chunk: bytes | str = data
        if self._decoder is not None:
            chunk = self._decoder.decode(data)
            if not chunk:
                return
        if self._flowing and not self._chunks:
            self._did_read = True
            self.emit("data", chunk)
            return
        self._buffered().append(chunk)
        self._readable_length += len(chunk)
        if self._readable_length >= self._high_water_mark:
            self._hold()
        if self._need_readable:
            if self._read_waiter is not None and not self._readable_scheduled:
                # Somebody is waiting in `async for`: a turn of the loop earlier.
                self._emit_readable()
            else:
                self._schedule_readable()
        self._discard_unread()

    def _buffered(self) -> deque[bytes | str]:
        if self._chunks is NOTHING:
            self._chunks = deque()
        return self._chunks

    def _push_end(self) -> None:
        """The peer sends nothing more."""
        if self._input_ended or self._destroyed:
            return
        self._input_ended = True
        self._note_activity()
        if self._decoder is not None and (rest := self._decoder.decode(b"", True)):
            self._buffered().append(rest)
            self._readable_length += len(rest)
        self._need_readable = False
        self._emit_readable()
        if not self._chunks and not self.is_paused():
            self._schedule_end()
        self._discard_unread()

    def _schedule_readable(self) -> None:
        self._need_readable = False
        if not self._readable_scheduled:
            self._readable_scheduled = True
            self._event_loop.call_soon(self._emit_readable)

    def _emit_readable(self) -> None:
        self._readable_scheduled = False
        if not self._destroyed and (self._readable_length or self._input_ended):
            self.emit("readable")
        self._wake_reader()
        self._need_readable = (
            not self._flowing
            and not self._input_ended
            and self._readable_length <= self._high_water_mark
        )
        self._flow()

    def _flow(self) -> None:
        while self._flowing and self.read() is not None:
            pass
        if self._flowing and self._input_ended and not self._chunks:
            self._schedule_end()

    def _schedule_end(self) -> None:
        if not self._end_scheduled:
            self._end_scheduled = True
            self._event_loop.call_soon(self._emit_end)

    def _emit_end(self) -> None:
        if self._destroyed or self._end_emitted:
            return
        if self._chunks or self.is_paused():
            # Paused, or something was put back, since this was scheduled.
            self._end_scheduled = False
            return
        self._end_emitted = True
        self.emit("end")
        self._wake_reader()
        if not self._destroyed:
            self._input_over()

    def _hold(self) -> None:
        if not self._input_held:
            self._input_held = True
            self._hold_input(True)

    def _release_input(self) -> None:
        if self._input_held and self._readable_length < self._high_water_mark:
            self._input_held = False
            self._hold_input(False)

    def _wake_reader(self) -> None:
        waiter, self._read_waiter = self._read_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _discard_input(self) -> None:
        self._discarding = True
        self._chunks = NOTHING
        self._readable_length = 0
        self._release_input()
        if self._input_ended:
            self._schedule_end()

    # -- pipes ---------------------------------------------------------------------------------

    def pipe(self, destination: Any, *, end: bool = True) -> Any:
        """Write everything that arrives into `destination`, with backpressure.

        Mirrors `readable.pipe()`. The destination is anything with `write(chunk)` and
        `end()` (or `write_eof()` or `close()`); if `write` answers False, the flow stops
        until the destination emits `drain`.

        Args:
            destination: where the data goes; returned, so that calls can be chained.
            end: end the destination when this stream ends.

        Events: `pipe` on the destination (with this stream), if it is an emitter.
        """
        self._pipes.append(Pipe(self, destination, end=end))
        return destination

    def unpipe(self, destination: Any = None) -> Self:
        """Detach one destination, or all. Mirrors `readable.unpipe()`.

        Events: `unpipe` on the destination (with this stream), if it is an emitter; and
        `pause` here when none is left.
        """
        for pipe in list(self._pipes):
            if destination is None or pipe.destination is destination:
                self._pipes.remove(pipe)
                pipe.detach()
        if not self._pipes:
            self.pause()
        return self

    # -- listeners -----------------------------------------------------------------------------

    def _on_listener_added(self, event: str) -> None:
        if event == "data":
            self._pulling = self.listener_count("readable") > 0
            if self._flowing is not False:
                self.resume()
        elif event == "readable" and not self._end_emitted and not self._pulling:
            self._pulling = True
            self._flowing = False
            self._need_readable = True
            if self._readable_length or self._input_ended:
                self._schedule_readable()

    def _on_listener_removed(self, event: str) -> None:
        if event == "readable" and not self.listener_count("readable"):
            self._event_loop.call_soon(self._stop_pulling)

    def _stop_pulling(self) -> None:
        if self.listener_count("readable") or self._iterating:
            return
        self._pulling = False
        if self.listener_count("data"):
            self.resume()
        else:
            self._flowing = None

    # -- async iteration -----------------------------------------------------------------------

    def __aiter__(self) -> _Chunks:
        return _Chunks(self)


class _Chunks:
    """`async for chunk in stream`: pulls, so that backpressure reaches the peer.

    Mirrors `readable[Symbol.asyncIterator]()`, with asyncio's manners: leaving the loop
    early leaves the stream paused and usable, and what had arrived before an error is
    delivered before the error is raised.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        stream._iterating = True  # noqa: SLF001
        stream._pulling = True  # noqa: SLF001
        stream._flowing = False  # noqa: SLF001

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        stream = self._stream
        while True:
            if stream._chunks:  # noqa: SLF001
                if stream._destroyed:  # noqa: SLF001
                    chunk = stream._take(stream._readable_length)  # noqa: SLF001
                    stream._readable_length = 0  # noqa: SLF001
                    return chunk
                return stream.read()
            if stream._end_emitted or stream._destroyed:  # noqa: SLF001
                stream._iterating = False  # noqa: SLF001
                if stream._error is not None:  # noqa: SLF001
                    raise stream._failure()  # noqa: SLF001
                stream._finish_iteration()  # noqa: SLF001
                raise StopAsyncIteration
            if stream._input_ended:  # noqa: SLF001
                stream._schedule_end()  # noqa: SLF001
            waiter = stream._event_loop.create_future()  # noqa: SLF001
            stream._read_waiter = waiter  # noqa: SLF001
            stream._need_readable = True  # noqa: SLF001
            stream._release_input()  # noqa: SLF001
            await waiter
