"""The event emitter: pyee's, with Node's differences put right.

pyee turns an exception of a listener into an `error` event. Here `error` always means
*the socket*, so three things differ from `AsyncIOEventEmitter`:

* A listener that raises, plain or coroutine, is reported to the event loop's exception
  handler, with event and listener in the context. The other listeners still run, the
  connection goes on, and nothing recurses.
* An event nobody listens to is no error: `emit` answers False, also for `error`. Who may
  have to be told instead is the socket's decision.
* pyee 13 (the last one for Python 3.11) and 14 and newer disagree about removing a
  stranger (KeyError or nothing) and about `remove_all_listeners` (an empty entry stays or
  not). Users see one behaviour, Node's: nothing happens, nothing stays.

Every emission goes through `self.emit`, so that a tracer may wrap that one method.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pyee.asyncio import AsyncIOEventEmitter

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Awaitable, Callable
    from threading import Lock

__all__ = ["NOBODY", "Emitter", "once"]

# Shared: CPython makes a new empty frozenset (216 bytes) each time it is asked for one.
NOBODY: frozenset[Any] = frozenset()

_Listener = TypeVar("_Listener", bound="Callable[..., Any]")


class Emitter(AsyncIOEventEmitter):
    """An `AsyncIOEventEmitter` whose `error` event is never about a listener.

    Mirrors Node's `EventEmitter`; like pyee it keeps one entry per function and event,
    so the same function added twice runs once.

    Args:
        loop: the event loop that runs coroutine listeners and hears of failing ones.
    """

    __slots__ = ("_event_loop", "_event_waiters")

    if TYPE_CHECKING:
        # What is pyee's, as type checkers should see it: pyee 13 has Any for `self` and for half
        # of the rest, and no version says what `once` takes and gives.
        _events: dict[str, OrderedDict[Callable[..., Any], Callable[..., Any]]]
        _waiting: set[asyncio.Future[Any]]
        _lock: Lock

        @overload
        def on(self, event: str) -> Callable[[_Listener], _Listener]: ...
        @overload
        def on(self, event: str, f: _Listener) -> _Listener: ...
        def on(self, event: str, f: Any = None) -> Any:
            """Add a listener, as a call or as a decorator. Mirrors `emitter.on()`."""

        @overload  # type: ignore[override]
        def once(self, event: str) -> Callable[[_Listener], _Listener]: ...
        @overload
        def once(self, event: str, f: _Listener) -> _Listener: ...
        def once(self, event: str, f: Any = None) -> Any:
            """Add a listener that runs once; also a decorator. Mirrors `emitter.once()`."""

        def add_listener(self, event: str, f: _Listener) -> _Listener:
            """Add a listener. Mirrors `emitter.addListener()`."""
            ...

        def listens_to(self, event: str) -> Callable[[_Listener], _Listener]:
            """Give a decorator that adds a listener; pyee's."""
            ...

        def listeners(self, event: str) -> list[Callable[..., Any]]:
            """Give the listeners of `event`, in the order in which they run."""
            ...

        def event_names(self) -> set[str]:
            """Name the events that have listeners. Mirrors `emitter.eventNames()`."""
            ...

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._event_loop = loop
        self._event_waiters: frozenset[asyncio.Future[tuple[Any, ...]]] = NOBODY

    def _silence(self) -> BaseException | None:
        """Give the reason why no event can come any more, None while one may."""
        return None

    # -- adding and removing -------------------------------------------------------------------

    def off(self, event: str, listener: Callable[..., Any]) -> None:
        """Remove one listener; a function that was never added is no error.

        Mirrors `emitter.off()` / `emitter.removeListener()`.
        """
        self.remove_listener(event, listener)

    def remove_listener(self, event: str, f: Callable[..., Any]) -> None:
        """Remove one listener; a function that was never added is no error.

        Mirrors `emitter.removeListener()`; pyee 13 raises KeyError there.
        """
        with self._lock:
            self._remove_listener(event, f)

    def _remove_listener(self, event: str, f: Callable[..., Any]) -> None:
        # Both `remove_listener` and the wrapper that pyee makes for `once` come through here.
        listeners = self._events.get(event)
        if listeners is None or f not in listeners:
            return
        del listeners[f]
        if not listeners:
            del self._events[event]
        self._on_listener_removed(event)

    def remove_all_listeners(self, event: str | None = None) -> None:
        """Remove every listener of `event`, or of all events when it is None."""
        names = list(self._events) if event is None else [event]
        for name in names:
            with self._lock:
                known = self._events.pop(name, None)
            if known:
                self._on_listener_removed(name)

    def prepend_listener(self, event: str, f: _Listener) -> _Listener:
        """Add a listener that runs before those already there.

        Mirrors `emitter.prependListener()`.
        """
        self.add_listener(event, f)
        self._move_to_front(event, f)
        return f

    def prepend_once_listener(self, event: str, f: _Listener) -> _Listener:
        """Add a listener that runs first, and once.

        Mirrors `emitter.prependOnceListener()`.
        """
        self.once(event, f)
        self._move_to_front(event, f)
        return f

    def _move_to_front(self, event: str, listener: Callable[..., Any]) -> None:
        with self._lock:
            self._events[event].move_to_end(listener, last=False)

    def listener_count(self, event: str) -> int:
        """Tell how many listeners `event` has. Mirrors `emitter.listenerCount()`."""
        return len(self._events.get(event, ()))

    def _add_event_handler(self, event: str, k: Callable[..., Any], v: Callable[..., Any]) -> None:
        # The one funnel of pyee's `on`, `once`, `add_listener` and `listens_to`.
        if not callable(k):
            raise TypeError(f"a listener for {event!r} must be callable, not {type(k).__name__}")
        super()._add_event_handler(event, k, v)  # pyright: ignore[reportUnknownMemberType]
        self._on_listener_added(event)

    def _on_listener_added(self, event: str) -> None:
        """Tell a subclass that `event` has one listener more."""

    def _on_listener_removed(self, event: str) -> None:
        """Tell a subclass that `event` has one listener less."""

    # -- emitting ------------------------------------------------------------------------------

    def emit(self, event: str, *args: Any, **kwargs: Any) -> bool:
        """Run the listeners of `event` in order; coroutines become tasks.

        Returns:
            True when somebody listens. An unheard event raises nothing, `error` neither.
        """
        listeners = self._events.get(event)
        if not listeners:
            return False
        # A snapshot: a listener added or removed meanwhile changes the next emission only.
        for listener, call in tuple(listeners.items()):
            try:
                result = call(*args, **kwargs)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
                self._report_listener(event, listener, error)
            else:
                # Not any awaitable: a socket is one too, and `lambda: socket.end()` returns it.
                if result is not None and (
                    asyncio.iscoroutine(result) or isinstance(result, asyncio.Future)
                ):
                    self._run_coroutine(event, listener, result)  # pyright: ignore[reportUnknownArgumentType]
        return True

    def _run_coroutine(
        self, event: str, listener: Callable[..., Any], awaitable: Awaitable[Any]
    ) -> None:
        # The set is pyee's: wait_for_complete(), cancel() and complete read it.
        future: asyncio.Future[Any] = asyncio.ensure_future(awaitable, loop=self._event_loop)
        self._waiting.add(future)

        def finished(done: asyncio.Future[Any]) -> None:
            self._waiting.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None:
                self._report_listener(event, listener, error)

        future.add_done_callback(finished)

    def _report_listener(
        self, event: str, listener: Callable[..., Any], error: BaseException
    ) -> None:
        self._event_loop.call_exception_handler(
            {
                "message": f"a listener for {event!r} of {type(self).__name__} raised",
                "exception": error,
                "event": event,
                "listener": listener,
                "emitter": self,
            }
        )


async def once(emitter: AsyncIOEventEmitter, event: str) -> tuple[Any, ...]:
    """Wait for the next emission of an event.

    Mirrors `events.once()`: an error in between is raised. So is the end of the socket,
    which would leave the caller waiting for ever. Safe to cancel.

    Args:
        emitter: a socket, or any other emitter.
        event: its event; `error`, `tlsClientError` and `close` can be waited for too.

    Returns:
        The arguments of the emission.

    Raises:
        The socket's error, whatever phase it is from; StreamError
        (ERR_STREAM_PREMATURE_CLOSE) when it closes without the event.
    """
    waiter: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()

    def heard(*args: Any) -> None:
        if not waiter.done():
            waiter.set_result(args)

    def failed(error: BaseException) -> None:
        if not waiter.done():
            waiter.set_exception(error)

    if isinstance(emitter, Emitter):
        if (reason := emitter._silence()) is not None:  # noqa: SLF001
            raise reason
        # Not a listener: one for `tlsClientError` would keep a handshake error from those
        # who listen to `error`.
        emitter._event_waiters |= {waiter}  # noqa: SLF001
    elif event != "error":
        emitter.add_listener("error", failed)
    emitter.add_listener(event, heard)
    try:
        return await waiter
    finally:
        emitter.remove_listener(event, heard)  # pyright: ignore[reportUnknownMemberType]
        if isinstance(emitter, Emitter):
            emitter._event_waiters -= {waiter}  # noqa: SLF001
        elif event != "error":
            emitter.remove_listener(  # pyright: ignore[reportUnknownMemberType]
                "error", failed
            )
