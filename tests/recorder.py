"""Records what a socket emits: every emission, in order, before its listeners run.

It wraps `emit`, so that recording changes nothing: a `data` listener would make the socket
flow, a `tlsClientError` listener would keep handshake errors from `error`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlsevents.emitter import Emitter

_QUIET = frozenset({"new_listener"})


class Recorder:
    """The trace of one emitter.

    Args:
        emitter: whose `emit` to wrap.
        quiet: names of events to leave out.
    """

    def __init__(self, emitter: Emitter, quiet: frozenset[str] = frozenset()) -> None:
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self._quiet = quiet | _QUIET
        self._emit = emitter.emit
        emitter.emit = self._record  # type: ignore[method-assign]

    def _record(self, event: str, *args: Any, **keywords: Any) -> bool:
        if event not in self._quiet:
            self.events.append((event, args))
        return self._emit(event, *args, **keywords)

    @property
    def names(self) -> list[str]:
        """The names alone, adjacent `data` joined."""
        names: list[str] = []
        for name, _ in self.events:
            if name != "data" or not names or names[-1] != "data":
                names.append(name)
        return names

    @property
    def data(self) -> bytes:
        """All bytes of `data`, joined."""
        return b"".join(args[0] for name, args in self.events if name == "data")

    def only(self, name: str) -> Any:
        """The first argument of the one emission of `name`."""
        found = [args for event, args in self.events if event == name]
        assert len(found) == 1, f"{name} was emitted {len(found)} times: {self.names}"
        return found[0][0] if found[0] else None
