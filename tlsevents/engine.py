"""The TLS engine: bytes in, bytes out, and not one system call.

An `ssl.SSLObject` over two `ssl.MemoryBIO`s and three small state machines. It imports no
asyncio, knows no clock and no socket, and works the same over any carrier of bytes: the
unit tests run two engines back to back in memory.

How to drive it. Every verb (`start`, `receive_data`, `receive_eof`, `send_data`,
`close_write`) returns the events it caused, in order. After *every* verb, also one that
reported `Failed`, take `data_to_send()` and send it: the fatal alert of a refused
certificate waits there, and is the only thing that tells the server why
(python/cpython#98078, python-trio/trio#3413).

What it promises:

* Every byte it is given is decrypted at once. A complete record left behind in the incoming
  BIO would make `close_write` fail with APPLICATION_DATA_AFTER_CLOSE_NOTIFY and lose the
  connection (python-trio/trio#536); so flow control is the business of the layers above.
* It stops after `HandshakeCompleted`, before the first application byte is decrypted: the
  caller decides about the peer's identity, then calls `receive_data(b"")` to go on.
* Application bytes that were decrypted before a failure are reported before it.
* A verb never raises for something the peer did. It raises `EngineStateError` for a call
  that makes no sense in the state it is in; the tables below say which.
* Three endings are three events: `Ended(clean=True)` is the peer's close_notify,
  `Ended(clean=False)` is EOF without it, `Failed` is everything else.

What surprised us:

* `SSLObject.write()` before the handshake silently starts one, on a path that once skipped
  host name checks; here it is an `EngineStateError`.
* `unwrap()` sends close_notify and then tries to read: SSLWantReadError is its success.
  The peer's close_notify reads as `b""` before that, as SSLZeroReturnError after it.
* OpenSSL must not hear of an EOF. `write_eof()` on the incoming BIO makes it a fatal error,
  after which nothing can be sent any more, not even our own close_notify (SHUTDOWN_WHILE_IN_INIT);
  or, with OP_IGNORE_UNEXPECTED_EOF, makes a truncation look like a clean end. What it was is
  known here without asking: a close_notify was read before, or it was not.
* A read that finds nothing costs an exception, about as much as a short record. Two
  counters (`MemoryBIO.pending`, `SSLObject.pending()`) say beforehand when it would.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

__all__ = [
    "MAX_CHUNK",
    "DataReceived",
    "Ended",
    "Engine",
    "EngineStateError",
    "Event",
    "Failed",
    "HandshakeCompleted",
    "Noticed",
    "WrapsBio",
]

MAX_CHUNK: Final = 256 * 1024
"""Most bytes that one `DataReceived` carries: adjacent records arrive joined."""

HandshakeState = Literal["idle", "running", "done", "failed"]
ReadState = Literal["waiting", "open", "ended", "failed"]
WriteState = Literal["waiting", "open", "closed", "failed"]

Buffer: TypeAlias = "bytes | bytearray | memoryview"


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """The handshake is done and OpenSSL accepted what the context made it check."""


@final
@dataclass(frozen=True, slots=True)
class DataReceived:
    """Application bytes, in order."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer sends nothing more.

    `clean` tells a close_notify (RFC 8446 section 6.1) from a bare EOF, which may be a
    truncation.
    """

    clean: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The connection is beyond repair; what is in `data_to_send()` is the last word.

    `alert_number` is the description of an alert that the peer sent in the clear, for the
    numbers that OpenSSL, and so Python, has no name for.
    """

    error: ssl.SSLError
    during_handshake: bool
    alert_number: int | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """What only an engine sees that looks closer (`observation.py`): `keylog`, `session`, ...

    Never of an `Engine` itself.
    """

    what: str
    value: Any


Event: TypeAlias = HandshakeCompleted | DataReceived | Ended | Failed | Noticed


class EngineStateError(RuntimeError):
    """A verb was called in a state in which it has no meaning: a bug of the caller."""


class WrapsBio(Protocol):
    """What the engine needs of an `ssl.SSLContext`; truststore's has it too."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = ...,
        server_hostname: str | bytes | None = ...,
        session: ssl.SSLSession | None = ...,
    ) -> ssl.SSLObject: ...


class _Scratch(threading.local):
    # Decrypting goes through one buffer per thread: SSL_read releases the GIL, so event
    # loops of different threads must not share it; an idle connection owns none.
    def __init__(self) -> None:
        self.view = memoryview(bytearray(MAX_CHUNK))


_scratch = _Scratch()

# Which verb may be called in which state. `receive_*` are always fine: a carrier may
# deliver what was under way. The tests visit every cell.
_SEND_DATA: dict[WriteState, bool] = {
    "waiting": False,
    "open": True,
    "closed": False,
    "failed": False,
}
_CLOSE_WRITE: dict[WriteState, bool] = {
    "waiting": False,
    "open": True,
    "closed": True,  # once more changes nothing
    "failed": True,  # nothing is left to say
}
_START: dict[HandshakeState, bool] = {
    "idle": True,
    "running": False,
    "done": False,
    "failed": False,
}


class Engine:
    """One TLS connection without I/O.

    Args:
        context: an `ssl.SSLContext`, or anything with its `wrap_bio`.
        server_hostname: SNI and the name that OpenSSL checks if the context asks for it;
            already encoded by IDNA and without a trailing dot (`ssl` would use IDNA 2003).
            An IP address is checked, and never sent.
        session: a session of the same context to resume.
        server_side: take the server's part; the tests do.
        pulled: application bytes are not decrypted by `receive_data`, but by `read_into`,
            which must then be called until it has no more.
    """

    __slots__ = (
        "_incoming",
        "_last_bytes",
        "_outgoing",
        "_pulled",
        "_read",
        "_write",
        "handshake_state",
        "read_state",
        "ssl_object",
        "write_state",
    )

    def __init__(
        self,
        context: WrapsBio,
        *,
        server_hostname: str | None = None,
        session: ssl.SSLSession | None = None,
        server_side: bool = False,
        pulled: bool = False,
    ) -> None:
        self._pulled = pulled
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
            session=session,
        )
        self._read: Callable[[int, Any], int] = self.ssl_object.read  # type: ignore[assignment]
        self._write = self.ssl_object.write
        self._last_bytes = b""
        self.handshake_state: HandshakeState = "idle"
        self.read_state: ReadState = "waiting"
        self.write_state: WriteState = "waiting"

    def offer(self, session: ssl.SSLSession, context: ssl.SSLContext) -> None:
        """Offer the server a session to resume, before `start()`.

        CPython wants a session to be of the connection's own context; OpenSSL does not. Contexts
        that differ in nothing a session depends on may stand in for each other.

        Args:
            context: that of the session.
        """
        connection = self.ssl_object
        own = connection.context
        connection.context = context
        try:
            connection.session = session
        finally:
            connection.context = own

    # -- verbs ---------------------------------------------------------------------------------

    def start(self) -> list[Event]:
        """Begin the handshake: a client's ClientHello is in `data_to_send()` then."""
        if not _START[self.handshake_state]:
            raise EngineStateError(f"start() while the handshake is {self.handshake_state}")
        self.handshake_state = "running"
        return self._advance_handshake()

    def receive_data(self, data: Buffer) -> list[Event]:
        """Take bytes from the network; `b""` goes on where `HandshakeCompleted` stopped."""
        if self.read_state in {"ended", "failed"}:
            # Whatever still arrives has no meaning any more.
            return []
        if data:
            self._incoming.write(data)
        if self.read_state == "open":
            return [] if self._pulled else self._decrypt()
        if self.handshake_state == "running":
            if data:
                self._last_bytes = (self._last_bytes + bytes(data[-7:]))[-7:]
            return self._advance_handshake()
        if self.handshake_state == "done" and self.read_state == "waiting":
            self.read_state = "open"
            return [] if self._pulled else self._decrypt()
        return []

    def read_into(self, buffer: memoryview) -> tuple[int, list[Event]]:
        """Decrypt into a buffer of the caller's, one record or a part of one at a time.

        Returns:
            How many bytes there are, and what else happened; `(0, [])` when nothing is left.
        """
        if self.read_state != "open":
            return 0, []
        try:
            count = self._read(len(buffer), buffer)
        except ssl.SSLWantReadError:
            return 0, []
        except ssl.SSLError as error:
            return 0, [self._read_failed(error)]
        return (count, []) if count else (0, [self._end(clean=True)])

    def receive_eof(self) -> list[Event]:
        """Take the end of the network's bytes (FIN)."""
        events = self.receive_data(b"")
        if self._pulled and self.read_state == "open":
            # Everything there was has been pulled out before.
            self.read_state = "ended"
            return [*events, Ended(clean=False)]
        if self.read_state not in {"ended", "failed"}:
            events.append(self._end(clean=False))
        return events

    def send_data(self, data: Buffer) -> list[Event]:
        """Encrypt application bytes; all of them are in `data_to_send()` then."""
        if not _SEND_DATA[self.write_state]:
            raise EngineStateError(f"send_data() while writing is {self.write_state}")
        if not data:
            # SSL_write of nothing is undefined (openssl SSL_write(3), NOTES).
            return []
        try:
            self._write(data)
        except ssl.SSLError as error:
            return [self._fail(error, during_handshake=False)]
        return []

    def close_write(self) -> list[Event]:
        """Put close_notify behind everything sent so far; reading goes on.

        Half-closing works on TLS 1.3 (RFC 8446 section 6.1) and, with every peer that
        matters, on TLS 1.2 too (RFC 5246 section 7.2.1 would let it answer at once).
        """
        if not _CLOSE_WRITE[self.write_state]:
            raise EngineStateError(f"close_write() while writing is {self.write_state}")
        if self.write_state != "open":
            return []
        self.write_state = "closed"
        try:
            self.ssl_object.unwrap()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            # SSLZeroReturnError and SSLSyscallError only say that the peer is gone already,
            # which `receive_*` reports on its own.
            if error.errno == ssl.SSL_ERROR_SSL:
                return [self._fail(error, during_handshake=False)]
        return []

    def data_to_send(self) -> bytes:
        """Take the bytes that belong to the network, `b""` when there are none."""
        return self._outgoing.read() if self._outgoing.pending else b""

    # -- the hard part -------------------------------------------------------------------------

    def _advance_handshake(self) -> list[Event]:
        try:
            self.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            return []
        except ssl.SSLError as error:
            if error.errno == ssl.SSL_ERROR_ZERO_RETURN:
                # close_notify instead of a handshake message: an ending, not a fault.
                return [self._end(clean=True)]
            return [self._fail(error, during_handshake=True)]
        self.handshake_state = "done"
        self.write_state = "open"
        return [HandshakeCompleted()]

    def _decrypt(self) -> list[Event]:
        events: list[Event] = []
        view = _scratch.view
        read = self._read
        incoming = self._incoming
        pending = self.ssl_object.pending
        filled = 0
        outcome: Event | None = None
        try:
            while True:
                count = read(MAX_CHUNK - filled, view[filled:] if filled else view)
                if not count:
                    outcome = self._end(clean=True)
                    break
                filled += count
                if filled == MAX_CHUNK:
                    events.append(DataReceived(bytes(view)))
                    filled = 0
                # Nothing in the BIO and nothing in OpenSSL's own buffer: the next read
                # could only raise.
                elif not incoming.pending and not pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            outcome = self._read_failed(error)
        if filled:
            events.append(DataReceived(bytes(view[:filled])))
        if outcome is not None:
            events.append(outcome)
        return events

    def _read_failed(self, error: ssl.SSLError) -> Event:
        if error.errno == ssl.SSL_ERROR_ZERO_RETURN:
            return self._end(clean=True)
        return self._fail(error, during_handshake=False)

    def _end(self, *, clean: bool) -> Ended:
        self.read_state = "ended"
        if self.handshake_state == "running":
            self.handshake_state = "failed"
            self.write_state = "failed"
        return Ended(clean)

    def _fail(self, error: ssl.SSLError, *, during_handshake: bool) -> Failed:
        if during_handshake:
            self.handshake_state = "failed"
        self.read_state = "failed"
        self.write_state = "failed"
        alert = _plain_alert(self._last_bytes) if during_handshake else None
        return Failed(error, during_handshake, alert)


def _plain_alert(record: bytes) -> int | None:
    # RFC 8446 section 5.1 and 6: content type 21, two bytes of version, length 2, level, number.
    if len(record) == 7 and record[:2] == b"\x15\x03" and record[3:5] == b"\x00\x02":
        return record[6]
    return None
