"""What a connection tells about its socket, and what can be set on that: the TCP side.

A base of `Socket` with no behaviour of its own. Every getter has an answer at every time, Node's:
before the connection, while it is there, afterwards.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from typing import Self

    from tlsevents.wire import Carrier

__all__ = ["ReadyState", "SocketFacts"]

ReadyState = Literal["opening", "open", "readOnly", "writeOnly", "closed"]


class SocketFacts:
    """The getters and socket options of a `Socket`, which sets what they read."""

    _carrier: Carrier | None
    _connecting: bool
    _destroyed: bool
    _writable_length: int
    _attempted: list[str] | None
    _remote: tuple[str, int, str] | None
    _no_delay: bool
    _keep_alive: tuple[bool, float] | None
    if TYPE_CHECKING:

        @property
        def readable(self) -> bool:
            """Whether data may still come."""
            ...

        @property
        def writable(self) -> bool:
            """Whether `write()` makes sense."""
            ...

    @property
    def connecting(self) -> bool:
        """Whether the connection is still being made. Mirrors `socket.connecting`."""
        return self._connecting

    @property
    def pending(self) -> bool:
        """Whether there is no connection: not yet, or no more. Mirrors `socket.pending`."""
        return self._carrier is None or self._connecting or self._destroyed

    @property
    def ready_state(self) -> ReadyState:
        """`opening`, `open`, `readOnly`, `writeOnly` or `closed`. Mirrors `readyState`."""
        if self._connecting:
            return "opening"
        if self.readable:
            return "open" if self.writable else "readOnly"
        return "writeOnly" if self.writable else "closed"

    @property
    def buffer_size(self) -> int | None:
        """`writable_length` while there is a connection. Mirrors `socket.bufferSize`."""
        return None if self._destroyed else self._writable_length

    @property
    def auto_select_family_attempted_addresses(self) -> list[str] | None:
        """`ip:port` of the attempts made, if there were several addresses to choose from."""
        return self._attempted

    def address(self) -> dict[str, Any]:
        """Give the local end as `{"address", "family", "port"}`, `{}` where there is none.

        Mirrors `socket.address()`.
        """
        local = self._name("sockname")
        if local is None:
            return {}
        return {"address": local[0], "family": local[2], "port": local[1]}

    def _name(self, which: str) -> tuple[str, int, str] | None:
        if self._carrier is None or self._destroyed or self._connecting:
            return None
        name: tuple[Any, ...] | str | None = self._carrier.get_extra_info(which)
        if not isinstance(name, tuple) or len(name) < 2:
            return None
        family = "IPv6" if ":" in str(name[0]) else "IPv4"
        return str(name[0]), int(name[1]), family

    def _remote_name(self) -> tuple[str, int, str] | None:
        # As in Node: what was read while it was open stays known.
        self._remote = self._name("peername") or self._remote
        return self._remote

    @property
    def remote_address(self) -> str | None:
        """The peer's IP address; after `close` only if it was asked for before."""
        name = self._remote_name()
        return name[0] if name else None

    @property
    def remote_port(self) -> int | None:
        """The peer's port; after `close` only if it was asked for before."""
        name = self._remote_name()
        return name[1] if name else None

    @property
    def remote_family(self) -> str | None:
        """`IPv4` or `IPv6`; after `close` only if it was asked for before."""
        name = self._remote_name()
        return name[2] if name else None

    @property
    def local_address(self) -> str | None:
        """Our own IP address while connected."""
        name = self._name("sockname")
        return name[0] if name else None

    @property
    def local_port(self) -> int | None:
        """Our own port while connected."""
        name = self._name("sockname")
        return name[1] if name else None

    @property
    def local_family(self) -> str | None:
        """`IPv4` or `IPv6` while connected."""
        name = self._name("sockname")
        return name[2] if name else None

    # -- socket options ------------------------------------------------------------------------

    def set_no_delay(self, no_delay: bool = True) -> Self:
        """Turn Nagle's algorithm off (or on again). Mirrors `socket.setNoDelay()`.

        May be called before the connection is there.
        """
        self._no_delay = bool(no_delay)
        self._set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, self._no_delay)
        return self

    def set_keep_alive(
        self,
        enable: bool = False,
        initial_delay: float = 0.0,
    ) -> Self:
        """Turn TCP keep-alive on or off. Mirrors `socket.setKeepAlive()`.

        Args:
            enable: on or off; off by default, as in Node.
            initial_delay: seconds of silence before the first probe (Node: milliseconds);
                0 keeps the system's value.
        """
        self._keep_alive = bool(enable), initial_delay
        self._apply_keep_alive()
        return self

    def _apply_socket_options(self) -> None:
        if self._no_delay:
            self._set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, value=True)
        self._apply_keep_alive()

    def _apply_keep_alive(self) -> None:
        if self._keep_alive is None:
            return
        enable, delay = self._keep_alive
        self._set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enable)
        idle = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
        if enable and delay >= 1 and idle is not None:
            self._set_option(socket.IPPROTO_TCP, idle, int(delay))

    def _set_option(self, level: int, name: int, value: int) -> None:
        sock = None if self._carrier is None else self._carrier.get_extra_info("socket")
        if sock is None:
            return
        try:
            sock.setsockopt(level, name, int(value))
        except OSError:
            # A Unix socket has neither; Node is silent about it too.
            pass

    def ref(self) -> Self:
        """Do nothing: an asyncio loop runs as long as it is told to. Mirrors `ref()`."""
        return self

    def unref(self) -> Self:
        """Do nothing: an asyncio loop runs as long as it is told to. Mirrors `unref()`."""
        return self
