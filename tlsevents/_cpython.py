"""The private parts of CPython that the library leans on, each with an answer where it is missing.

* A certificate chain of a connection: `SSLObject.get_unverified_chain()` is public from 3.13 on;
  3.10 to 3.12 have it on the C object inside, with certificates instead of bytes.
* What OpenSSL's decoder says about a certificate: `get_info()` of those C certificates, on all
  versions. It is the same dictionary as `getpeercert()` returns, without a connection's verdict.
* Short names of attributes ("CN"): `txt2obj`, which also `ssl.Purpose` is made with.
* Handshake messages: `SSLContext._msg_callback`, from 3.8 on. A connection gets OpenSSL's callback
  if its context has a function when it is made, or when it is assigned to `SSLObject.context` (the
  same one will do); at each message CPython then calls the function the context has at that time.
  So the function is there only while a connection that wants it is at work: the others, on the
  same context, are never slowed down, and a connection that was told enough is let go completely.
"""

from __future__ import annotations

import functools
import ssl
import threading
from collections.abc import Callable
from typing import Any, cast

__all__ = [
    "MessageCallback",
    "built_chain",
    "can_watch",
    "decoded_chain",
    "hook",
    "real_context",
    "sent_chain",
    "short_name",
    "unhook",
    "unwatch",
    "watch",
    "watchable",
]

MessageCallback = Callable[[object, str, int, int, int, bytes], None]
"""Gets connection, "read" or "write", version, content type, message type and the message."""


def sent_chain(connection: object) -> tuple[bytes, ...]:
    """Return what the peer sent (DER, leaf first), also after a failed handshake.

    () when nothing was sent. An object that is not of the standard library, or of a Python without
    the hook, tells its leaf at most.
    """
    chain = _chain(connection, "get_unverified_chain")
    if chain is not None:
        return tuple(_der(certificate) for certificate in chain)
    try:
        leaf = cast("bytes | None", cast("Any", connection).getpeercert(binary_form=True))
    except (AttributeError, ValueError):  # ValueError: the handshake is not done
        leaf = None
    return (leaf,) if leaf else ()


def built_chain(connection: object) -> tuple[bytes, ...]:
    """Return the chain that OpenSSL built (DER, leaf to root), good or not; () if unknown."""
    return tuple(
        _der(certificate) for certificate in _chain(connection, "get_verified_chain") or ()
    )


def decoded_chain(connection: object) -> tuple[dict[str, Any], ...]:
    """Return what the peer sent as dictionaries in the shape of `SSLSocket.getpeercert()`.

    Raises: NotImplementedError where the running Python has no such decoder.
    """
    chain = _chain(connection, "get_unverified_chain")
    if chain is None:
        raise NotImplementedError("decoding certificates needs the ssl module of CPython 3.10+")
    return tuple(certificate.get_info() for certificate in chain)


def _chain(connection: object, method: str) -> list[Any] | None:
    """Return the C certificates; None where there is no such hook (or no connection yet)."""
    get = getattr(getattr(connection, "_sslobj", None), method, None)
    return None if get is None else get() or []


def _der(certificate: Any) -> bytes:
    import _ssl

    encoded: bytes = certificate.public_bytes(_ssl.ENCODING_DER)
    return encoded


@functools.lru_cache(maxsize=256)
def short_name(long_name: str) -> str:
    """Return OpenSSL's short name of an attribute ("commonName": "CN"), or the name itself."""
    import _ssl

    try:
        short: str = _ssl.txt2obj(long_name, name=True)[1]
    except ValueError:
        return long_name
    return short


def real_context(context: object) -> ssl.SSLContext | None:
    """Return what OpenSSL's side of a context hangs on; None for a foreign kind of context.

    truststore's contexts only look like one, and have theirs inside.
    """
    inner = getattr(context, "_ctx", context)
    return inner if isinstance(inner, ssl.SSLContext) else None


def can_watch() -> bool:
    """Whether the running Python shows handshake messages."""
    return _message_hook() is not None


def watchable(context: object) -> ssl.SSLContext | None:
    """Return the context to `watch`; None where this Python or this context has no hook.

    A context that somebody else watches already is left to him.
    """
    real = real_context(context)
    hook = _message_hook()
    if real is None or hook is None:
        return None
    with _watch_lock:
        return real if id(real) in _watches or hook.__get__(real) is None else None


_watches: dict[int, int] = {}  # how many are watching right now, by the context's id
_watch_lock = threading.Lock()  # contexts are shared by event loops of several threads


def watch(context: ssl.SSLContext, callback: MessageCallback) -> None:
    """Have a context's messages told, until `unwatch`; nests, with the same callback only."""
    with _watch_lock:
        count = _watches.get(id(context), 0)
        _watches[id(context)] = count + 1
        if not count:
            _message_hook().__set__(context, callback)


def unwatch(context: ssl.SSLContext) -> None:
    """Undo one `watch`."""
    with _watch_lock:
        count = _watches.pop(id(context)) - 1
        if count:
            _watches[id(context)] = count
        else:
            _message_hook().__set__(context, None)


def hook(connection: ssl.SSLObject, context: ssl.SSLContext, callback: MessageCallback) -> None:
    """Move a connection to a context (its own, or another) and let it tell its messages."""
    watch(context, callback)
    try:
        connection.context = context
    finally:
        unwatch(context)


def unhook(connection: ssl.SSLObject) -> None:
    """Let a connection tell nothing any more: it is as fast as one that never did."""
    connection.context = connection.context  # a property; assigning is what counts


@functools.cache
def _message_hook() -> Any:
    # The attribute of the C type: the property of ssl.SSLContext wraps each callback anew, with
    # enumerations, at several times the cost.
    import _ssl

    return getattr(getattr(_ssl, "_SSLContext", None), "_msg_callback", None)
