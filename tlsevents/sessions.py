"""TLS sessions: what a connection may be resumed from, and a cache of them.

A `Session` is `ssl.SSLSession` and what the library knows about it: to whom it belongs. A session
stands for a verification that took place, so it may only replace the same verification:

* of the same secure context, that is, by the same trust;
* of the same identity (the name or address that was checked);
* one that OpenSSL itself made, where the new connection wants OpenSSL's;
* by Node's check of the identity, unless the new connection has a check of its own;
* and a session of a connection that was let in unauthorised resumes only where anybody is let in,
  and is unauthorised there too.

Any other is ignored, as Node does, and the handshake is a full one.
"""

from __future__ import annotations

import ssl
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

__all__ = ["Acceptance", "Session", "SessionCache", "default_cache"]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What was found out about a peer, and for whom."""

    context: Hashable
    """The secure context."""
    identity: str
    authorized: bool
    authorization_error: str | None
    verified: bool
    """OpenSSL verified the chain during the handshake."""
    own_check: bool
    """The user's check_server_identity decided about the name."""

    def covers(self, wanted: Acceptance, *, reject_unauthorized: bool) -> bool:
        """Whether a connection that would end as `wanted` may do without its verification."""
        if self.context != wanted.context or self.identity != wanted.identity:
            return False
        if self.authorized:
            return (self.verified or not wanted.verified) and (
                wanted.own_check or not self.own_check
            )
        return not reject_unauthorized


class Session:
    """A session to give to `session=` later: opaque, immutable, comparable.

    Made by `TLSSocket.get_session()` and the event `session`. Node has bytes here; a session of
    Python's `ssl` cannot leave its process.
    """

    __slots__ = ("_acceptance", "_context", "_session")

    def __init__(
        self, session: ssl.SSLSession, context: ssl.SSLContext, acceptance: Acceptance
    ) -> None:
        self._session = session
        self._context = context
        self._acceptance = acceptance

    @property
    def id(self) -> bytes:
        """OpenSSL's identifier of it. Mirrors `ssl.SSLSession.id`."""
        return self._session.id

    @property
    def has_ticket(self) -> bool:
        """Whether it has a ticket of the server's. Mirrors `ssl.SSLSession.has_ticket`."""
        return self._session.has_ticket

    @property
    def ticket_lifetime_hint(self) -> int:
        """Seconds the server wants to honour it. Mirrors `ssl.SSLSession`."""
        return self._session.ticket_lifetime_hint

    @property
    def time(self) -> int:
        """When it began, in seconds since 1970. Mirrors `ssl.SSLSession.time`."""
        return self._session.time

    @property
    def timeout(self) -> int:
        """Seconds from then that it is good for. Mirrors `ssl.SSLSession.timeout`."""
        return self._session.timeout

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Session):
            return NotImplemented
        return self._session == other._session and self._acceptance == other._acceptance

    def __hash__(self) -> int:
        return hash((self._session.id, self._acceptance.identity))

    def __repr__(self) -> str:
        return f"<Session for {self._acceptance.identity!r} at {id(self):#x}>"


@dataclass(slots=True)
class SessionCache:
    """Sessions of the servers met before, so that connections resume by themselves.

    For the option `session_cache` (Python-only; `https.Agent` of Node does the same). Sessions are
    kept per host, port, servername, secure context and check of the identity. One of TLS 1.3 is
    used once (RFC 8446 appendix C.4). May be shared by event loops of several threads.

    Args:    max_sessions: how many to keep; the one not used for longest goes first.
    """

    max_sessions: int = 100
    _sessions: OrderedDict[Hashable, Session] = field(
        default_factory=OrderedDict[Hashable, Session], init=False, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.max_sessions < 1:
            raise ValueError(f"max_sessions must be at least 1, not {self.max_sessions}")

    def __len__(self) -> int:
        return len(self._sessions)

    def __bool__(self) -> bool:
        """Always true: an empty cache is a cache."""
        return True

    def clear(self) -> None:
        """Forget all sessions."""
        with self._lock:
            self._sessions.clear()

    def _take(self, key: Hashable) -> Session | None:
        """Return a session to offer, None if there is none."""
        with self._lock:
            # One of TLS 1.2 may serve again; it is put back once it did.
            return self._sessions.pop(key, None)

    def _store(self, key: Hashable, session: Session) -> None:
        with self._lock:
            self._sessions[key] = session
            self._sessions.move_to_end(key)
            while len(self._sessions) > self.max_sessions:
                self._sessions.popitem(last=False)


default_cache = SessionCache()
"""What `session_cache=True` means: one for the process."""
