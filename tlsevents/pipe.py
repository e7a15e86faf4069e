"""A pipe: what a readable stream gives is written into a destination, with backpressure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlsevents.readable import Readable

__all__ = ["Pipe"]


class Pipe:
    """From `source` to anything with `write` and `end`; made by `Readable.pipe()`."""

    def __init__(self, source: Readable, destination: Any, *, end: bool) -> None:
        self.destination = destination
        self._source = source
        self._waiting_for_drain = False
        self._is_emitter = callable(getattr(destination, "on", None)) and callable(
            getattr(destination, "emit", None)
        )
        source.on("data", self._on_data)
        if end:
            source.once("end", self._on_end)
        if self._is_emitter:
            destination.on("finish", self._on_finish)
            destination.emit("pipe", source)
        if getattr(destination, "writable_need_drain", False):
            self._wait_for_drain()
        elif not source.readable_flowing:
            source.resume()

    def _on_data(self, chunk: bytes | str) -> None:
        if self.destination.write(chunk) is False and self._is_emitter:
            self._wait_for_drain()

    def _wait_for_drain(self) -> None:
        self._source.pause()
        if not self._waiting_for_drain:
            self._waiting_for_drain = True
            self.destination.once("drain", self._on_drain)

    def _on_drain(self) -> None:
        self._waiting_for_drain = False
        self._source.resume()

    def _on_end(self) -> None:
        for name in ("end", "write_eof", "close"):
            finish = getattr(self.destination, name, None)
            if callable(finish):
                finish()
                break
        if not self._is_emitter:
            self._source.unpipe(self.destination)

    def _on_finish(self) -> None:
        self._source.unpipe(self.destination)

    def detach(self) -> None:
        """Stop, and leave no listener behind."""
        self._source.off("data", self._on_data)
        self._source.off("end", self._on_end)
        if self._is_emitter:
            for event, listener in (("drain", self._on_drain), ("finish", self._on_finish)):
                remove = getattr(self.destination, "remove_listener", None)
                if remove is not None:
                    try:
                        remove(event, listener)
                    except KeyError:  # pyee 13 complains about a stranger
                        pass
            self.destination.emit("unpipe", self._source)
