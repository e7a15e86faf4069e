"""The private parts of CPython that the library leans on, each with an answer where it is missing.

* A certificate chain of a connection: `SSLObject.get_unverified_chain()` is public from 3.13 on;
  3.10 to 3.12 have it on the C object inside, with certificates instead of bytes.
* What OpenSSL's decoder says about a certificate: `get_info()` of those C certificates, on all
  versions. It is the same dictionary as `getpeercert()` returns, without a connection's verdict.
* Short names of attributes ("CN"): `txt2obj`, which also `ssl.Purpose` is made with.
"""

from __future__ import annotations

import functools
from typing import Any, cast

__all__ = ["built_chain", "decoded_chain", "sent_chain", "short_name"]


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
