"""What the listeners of each event take: for type checkers alone, nothing at run time.

`on`, `once` and their kin are the emitter's. Here they are declared once more, with the names of
the events and what each one carries, so that editors and type checkers know:

* A listener may return anything, so a coroutine function is one too.
* `data` is bytes, or str after `set_encoding()`; its listener may be made for one of the two. So
  may that of a connection attempt be made for TCP: a Unix socket has no port and no family.
* Errors are `TLSEventsError`, as all of ours are. What a caller passes to `destroy()`, or raises
  in a check or a lookup of his own, is emitted as it is.
* Other names are the caller's own events, with any listener. No type means "any other str", so a
  listener that does not fit a known event matches there too. Such calls are declared deprecated:
  an error in pyright's strict mode and with mypy's `enable_error_code = ["deprecated"]`.
"""

# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, overload

from tlsevents.duplex import Duplex

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import deprecated

    from tlsevents.errors import TLSEventsError
    from tlsevents.sessions import Session

__all__ = ["SocketEvent", "SocketEvents"]

_Bare: TypeAlias = Literal[
    "connect",
    "ready",
    "secure",
    "secureConnect",
    "readable",
    "pause",
    "resume",
    "end",
    "drain",
    "finish",
    "timeout",
]
_Attempt: TypeAlias = Literal["connectionAttempt", "connectionAttemptTimeout"]
_Failed: TypeAlias = Literal["connectionAttemptFailed"]
_Trouble: TypeAlias = Literal["tlsClientError", "error"]
_Piping: TypeAlias = Literal["pipe", "unpipe"]

SocketEvent: TypeAlias = Literal[
    _Bare,
    _Attempt,
    _Failed,
    _Trouble,
    _Piping,
    "lookup",
    "session",
    "keylog",
    "data",
    "close",
]
"""The events of a socket, in Node's words."""

if TYPE_CHECKING:
    _R = TypeVar("_R")
    _Any = TypeVar("_Any", bound=Callable[..., object])
    # What a decorator gives back is the very function it got; hence a name per kind of listener.
    _OnBare = TypeVar("_OnBare", bound=Callable[[], object])
    _OnData = TypeVar("_OnData", bound=Callable[[bytes], object] | Callable[[str], object])
    _OnClose = TypeVar("_OnClose", bound=Callable[[bool], object])
    _OnTrouble = TypeVar("_OnTrouble", bound=Callable[[TLSEventsError], object])
    _OnLookup = TypeVar(
        "_OnLookup", bound=Callable[[BaseException | None, str | None, int | None, str], object]
    )
    _OnAttempt = TypeVar("_OnAttempt", bound=Callable[[str, int, int], object])
    _OnFailed = TypeVar("_OnFailed", bound=Callable[[str, int, int, TLSEventsError], object])
    _OnSession = TypeVar("_OnSession", bound=Callable[[Session], object])
    _OnKeylog = TypeVar("_OnKeylog", bound=Callable[[bytes], object])
    _OnPiping = TypeVar("_OnPiping", bound=Callable[[Any], object])

    class Decorator(Protocol):
        """Of `@socket.listens_to(event)`."""

        @overload
        def __call__(self, event: _Bare) -> Callable[[_OnBare], _OnBare]: ...
        @overload
        def __call__(self, event: Literal["data"]) -> Callable[[_OnData], _OnData]: ...
        @overload
        def __call__(self, event: Literal["close"]) -> Callable[[_OnClose], _OnClose]: ...
        @overload
        def __call__(self, event: _Trouble) -> Callable[[_OnTrouble], _OnTrouble]: ...
        @overload
        def __call__(self, event: Literal["lookup"]) -> Callable[[_OnLookup], _OnLookup]: ...
        @overload
        def __call__(self, event: _Attempt) -> Callable[[_OnAttempt], _OnAttempt]: ...
        @overload
        def __call__(self, event: _Failed) -> Callable[[_OnFailed], _OnFailed]: ...
        @overload
        def __call__(self, event: Literal["session"]) -> Callable[[_OnSession], _OnSession]: ...
        @overload
        def __call__(self, event: Literal["keylog"]) -> Callable[[_OnKeylog], _OnKeylog]: ...
        @overload
        def __call__(self, event: _Piping) -> Callable[[_OnPiping], _OnPiping]: ...
        @overload
        def __call__(self, event: str) -> Callable[[_Any], _Any]: ...

    class Call(Protocol):
        """Of `socket.add_listener(event, f)`."""

        @overload
        def __call__(self, event: _Bare, f: Callable[[], _R]) -> Callable[[], _R]: ...
        @overload
        def __call__(
            self, event: Literal["data"], f: Callable[[bytes], _R]
        ) -> Callable[[bytes], _R]: ...
        @overload
        def __call__(
            self, event: Literal["data"], f: Callable[[str], _R]
        ) -> Callable[[str], _R]: ...
        @overload
        def __call__(
            self, event: Literal["close"], f: Callable[[bool], _R]
        ) -> Callable[[bool], _R]: ...
        @overload
        def __call__(
            self, event: _Trouble, f: Callable[[TLSEventsError], _R]
        ) -> Callable[[TLSEventsError], _R]: ...
        @overload
        def __call__(
            self,
            event: Literal["lookup"],
            f: Callable[[BaseException | None, str | None, int | None, str], _R],
        ) -> Callable[[BaseException | None, str | None, int | None, str], _R]: ...
        @overload
        def __call__(
            self, event: _Attempt, f: Callable[[str, int, int], _R]
        ) -> Callable[[str, int, int], _R]: ...
        @overload
        def __call__(
            self, event: _Failed, f: Callable[[str, int, int, TLSEventsError], _R]
        ) -> Callable[[str, int, int, TLSEventsError], _R]: ...
        @overload
        def __call__(
            self, event: Literal["session"], f: Callable[[Session], _R]
        ) -> Callable[[Session], _R]: ...
        @overload
        def __call__(
            self, event: Literal["keylog"], f: Callable[[bytes], _R]
        ) -> Callable[[bytes], _R]: ...
        @overload
        def __call__(self, event: _Piping, f: Callable[[Any], _R]) -> Callable[[Any], _R]: ...
        @overload
        @deprecated("this listener does not take what the event carries")
        def __call__(self, event: SocketEvent, f: _Any) -> _Any: ...
        @overload
        def __call__(self, event: str, f: _Any) -> _Any: ...

    class DecoratorOrCall(Protocol):
        """Of `socket.on` and `socket.once`."""

        @overload
        def __call__(self, event: _Bare) -> Callable[[_OnBare], _OnBare]: ...
        @overload
        def __call__(self, event: Literal["data"]) -> Callable[[_OnData], _OnData]: ...
        @overload
        def __call__(self, event: Literal["close"]) -> Callable[[_OnClose], _OnClose]: ...
        @overload
        def __call__(self, event: _Trouble) -> Callable[[_OnTrouble], _OnTrouble]: ...
        @overload
        def __call__(self, event: Literal["lookup"]) -> Callable[[_OnLookup], _OnLookup]: ...
        @overload
        def __call__(self, event: _Attempt) -> Callable[[_OnAttempt], _OnAttempt]: ...
        @overload
        def __call__(self, event: _Failed) -> Callable[[_OnFailed], _OnFailed]: ...
        @overload
        def __call__(self, event: Literal["session"]) -> Callable[[_OnSession], _OnSession]: ...
        @overload
        def __call__(self, event: Literal["keylog"]) -> Callable[[_OnKeylog], _OnKeylog]: ...
        @overload
        def __call__(self, event: _Piping) -> Callable[[_OnPiping], _OnPiping]: ...
        @overload
        def __call__(self, event: str) -> Callable[[_Any], _Any]: ...
        @overload
        def __call__(self, event: _Bare, f: Callable[[], _R]) -> Callable[[], _R]: ...
        @overload
        def __call__(
            self, event: Literal["data"], f: Callable[[bytes], _R]
        ) -> Callable[[bytes], _R]: ...
        @overload
        def __call__(
            self, event: Literal["data"], f: Callable[[str], _R]
        ) -> Callable[[str], _R]: ...
        @overload
        def __call__(
            self, event: Literal["close"], f: Callable[[bool], _R]
        ) -> Callable[[bool], _R]: ...
        @overload
        def __call__(
            self, event: _Trouble, f: Callable[[TLSEventsError], _R]
        ) -> Callable[[TLSEventsError], _R]: ...
        @overload
        def __call__(
            self,
            event: Literal["lookup"],
            f: Callable[[BaseException | None, str | None, int | None, str], _R],
        ) -> Callable[[BaseException | None, str | None, int | None, str], _R]: ...
        @overload
        def __call__(
            self, event: _Attempt, f: Callable[[str, int, int], _R]
        ) -> Callable[[str, int, int], _R]: ...
        @overload
        def __call__(
            self, event: _Failed, f: Callable[[str, int, int, TLSEventsError], _R]
        ) -> Callable[[str, int, int, TLSEventsError], _R]: ...
        @overload
        def __call__(
            self, event: Literal["session"], f: Callable[[Session], _R]
        ) -> Callable[[Session], _R]: ...
        @overload
        def __call__(
            self, event: Literal["keylog"], f: Callable[[bytes], _R]
        ) -> Callable[[bytes], _R]: ...
        @overload
        def __call__(self, event: _Piping, f: Callable[[Any], _R]) -> Callable[[Any], _R]: ...
        @overload
        @deprecated("this listener does not take what the event carries")
        def __call__(self, event: SocketEvent, f: _Any) -> _Any: ...
        @overload
        def __call__(self, event: str, f: _Any) -> _Any: ...


class SocketEvents(Duplex):
    """A `Duplex` whose events type checkers know; the base of `Socket`."""

    __slots__ = ()

    if TYPE_CHECKING:
        # Narrower than the emitter's: what a decorator for "close" is given must fit "close".
        on: DecoratorOrCall  # type: ignore[assignment]
        once: DecoratorOrCall  # type: ignore[assignment]
        listens_to: Decorator
        add_listener: Call
        prepend_listener: Call
        prepend_once_listener: Call
