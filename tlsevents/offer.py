"""What a client offers in its ClientHello, as far as a context decides it.

Versions, ciphers, groups, signature algorithms and application protocols: from Node's words to
calls of `ssl.SSLContext`. Each function sets one thing on a context and raises OptionsError, with
Node's code, for what OpenSSL refuses; Python's `ssl` says less than OpenSSL, so the reason is
often found here.

What OpenSSL could do and Python's `ssl` cannot (TLS 1.3 suites, lists of groups, signature
algorithms, all up to Python 3.14) is refused by name. Its calls in Python 3.15 are used where they
exist.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import ssl
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from typing import cast

from tlsevents import errors
from tlsevents.options import read_options

__all__ = [
    "NO_VERSIONS",
    "SECURITY_LEVEL",
    "alpn_names",
    "convert_alpn_protocols",
    "get_ciphers",
    "security_level",
    "set_ciphers",
    "set_groups",
    "set_sigalgs",
    "set_versions",
    "version_range",
]

SECURITY_LEVEL = 2  # Node 24 and 26: RSA below 2048 bits and SHA-1 signatures are refused

# --- Versions -------------------------------------------------------------------------------------

_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_TLS = (
    ssl.TLSVersion.TLSv1,
    ssl.TLSVersion.TLSv1_1,
    ssl.TLSVersion.TLSv1_2,
    ssl.TLSVersion.TLSv1_3,
)
_NO_VERSION = (ssl.OP_NO_TLSv1, ssl.OP_NO_TLSv1_1, ssl.OP_NO_TLSv1_2, ssl.OP_NO_TLSv1_3)
NO_VERSIONS = sum(map(int, _NO_VERSION))  # one bit each
_METHODS = {
    "TLS": ("TLSv1", "TLSv1.3"),
    "SSLv23": ("TLSv1", "TLSv1.2"),
    "TLSv1": ("TLSv1", "TLSv1"),
    "TLSv1_1": ("TLSv1.1", "TLSv1.1"),
    "TLSv1_2": ("TLSv1.2", "TLSv1.2"),
}


def version_range(
    minimum: object, maximum: object, secure_protocol: str | None
) -> tuple[str, str, bool]:
    """Return lowest and highest version, and whether the method is one of servers.

    Args:    minimum, maximum: checked here, for they may be what DEFAULT_MIN_VERSION and
             DEFAULT_MAX_VERSION were set to.
             secure_protocol: a method's name, already checked; decides alone if given.
    Raises:  OptionTypeError (ERR_TLS_INVALID_PROTOCOL_VERSION).
    """
    if secure_protocol is not None:
        name = secure_protocol.removesuffix("_method")
        family = name.removesuffix("_client").removesuffix("_server")
        return (*_METHODS[family], name.endswith("_server"))
    for which, version in (("minimum", minimum), ("maximum", maximum)):
        if version not in _VERSIONS:
            raise errors.OptionTypeError(
                f"{json.dumps(version, default=repr)} is not a valid {which} TLS protocol version",
                code="ERR_TLS_INVALID_PROTOCOL_VERSION",
                phase="options",
            )
    return cast("str", minimum), cast("str", maximum), False


def set_versions(
    context: ssl.SSLContext, lowest: str, highest: str, forbidden: int, level: int
) -> None:
    """Set the range of versions, without those that OP_NO_TLSv1_x bits in `forbidden` exclude.

    Python warns about these bits, and about naming TLS 1.0 and 1.1. As in OpenSSL, a gap leaves
    what is below it, and security levels above 0 allow nothing below TLS 1.2.
    """
    chosen: list[int] = []
    for index in range(_VERSIONS.index(lowest), _VERSIONS.index(highest) + 1):
        if forbidden & _NO_VERSION[index] or (index < 2 and level > 0):
            if chosen:
                break
        else:
            chosen.append(index)
    if not chosen:
        # Accepted here, as in Node: the handshake fails with NO_PROTOCOLS_AVAILABLE.
        context.minimum_version, context.maximum_version = _TLS[3], _TLS[2]
        return
    first, last = chosen[0], chosen[-1]
    with _quiet() if first == 1 or last < 2 else contextlib.nullcontext():
        # SSL 3.0 is excluded by OP_NO_SSLv3, which Python sets on every context.
        supported = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.minimum_version = _TLS[first] if first else supported
        context.maximum_version = _TLS[last]


_quiet_lock = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Generator[None, None, None]:
    """Do not warn: who asks for an old version knows. Filters are the process's: one at a time."""
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


# --- Ciphers, groups, signature algorithms --------------------------------------------------------

_SUITES = (  # RFC 8446 section B.4
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
)
_COMMAND = re.compile(r"@([^:, ;]*)")
_KNOWN_COMMAND = re.compile(r"STRENGTH|SECLEVEL=[0-5]")
_LEVEL = re.compile(r"@SECLEVEL=([0-5])")


def security_level(ciphers: str) -> int:
    """Return the security level that a cipher string names, or the default one."""
    named = _LEVEL.findall(ciphers)
    return int(named[-1]) if named else SECURITY_LEVEL


@functools.cache
def _default_suites() -> tuple[str, ...]:
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).get_ciphers()
    return tuple(suite["name"] for suite in offered if suite["protocol"] == "TLSv1.3")


def set_ciphers(context: ssl.SSLContext, ciphers: str, highest: str) -> bool:
    """Set both cipher lists; True if only TLS 1.3 suites are named."""
    names = ciphers.split(":")
    older = [name for name in names if name and not name.startswith("TLS_")]
    suites = [name for name in names if name.startswith("TLS_")]
    if not older and not suites:
        raise errors.option_value_error("options.ciphers", names)
    if suites:
        known = [name for name in dict.fromkeys(suites) if name in _SUITES]
        if not known:
            raise _cipher_error("ERR_SSL_NO_CIPHER_MATCH", "0A0000B9", "no cipher match")
        set_suites = getattr(context, "set_ciphersuites", None)  # Python 3.15
        if set_suites is not None:
            set_suites(":".join(known))
        elif tuple(known) != _default_suites() and highest == "TLSv1.3":
            raise errors.unsupported_option(
                "ciphers",
                "a choice among TLS 1.3 suites needs Python 3.15. Name all of "
                f"{', '.join(_default_suites())} in this order, or none of them, or set "
                "max_version to TLSv1.2.",
            )
    text = ":".join(older) or "DEFAULT"
    if "@SECLEVEL=" not in text:
        text += f":@SECLEVEL={SECURITY_LEVEL}"
    try:
        context.set_ciphers(text)
    except ssl.SSLError as exc:  # it says the same for everything
        if all(_KNOWN_COMMAND.fullmatch(command) for command in _COMMAND.findall(text)):
            raise _cipher_error("ERR_SSL_NO_CIPHER_MATCH", "0A0000B9", "no cipher match") from exc
        raise _cipher_error("ERR_SSL_INVALID_COMMAND", "0A000118", "invalid command") from exc
    return not older


def only_tls13_suites(ciphers: str) -> bool:
    """Whether a cipher string names suites of TLS 1.3 and nothing else."""
    names = [name for name in ciphers.split(":") if name]
    return bool(names) and all(name.startswith("TLS_") for name in names)


def _cipher_error(code: str, number: str, reason: str) -> errors.OptionsError:
    message = f"error:{number}:SSL routines::{reason}"
    return errors.options_error(code, message, library="SSL routines", reason=reason)


# OpenSSL takes TLS names in any case; Python asks for OpenSSL's short names, which are these.
_SHORT_NAMES = {
    "p-256": "prime256v1",
    "secp256r1": "prime256v1",
    "p-384": "secp384r1",
    "p-521": "secp521r1",
    "x25519": "X25519",
    "x448": "X448",
}
# Groups with no short name: post-quantum hybrids (OpenSSL 3.5).
_HYBRIDS = {
    "x25519mlkem768",
    "secp256r1mlkem768",
    "secp384r1mlkem1024",
    "mlkem512",
    "mlkem768",
    "mlkem1024",
}


def set_groups(context: ssl.SSLContext, curve: str) -> None:
    """Set the groups for key exchange, which would else be OpenSSL's own choice."""
    failed = errors.options_error("ERR_CRYPTO_OPERATION_FAILED", "Failed to set ECDH curve")
    set_groups = getattr(context, "set_groups", None)  # Python 3.15
    if set_groups is not None:
        try:
            set_groups(curve)
        except (ssl.SSLError, ValueError) as exc:
            raise failed from exc
        return
    names = [name.lower() for name in curve.split(":")]
    for name in names:
        if name not in _HYBRIDS:
            try:
                context.set_ecdh_curve(_SHORT_NAMES.get(name, name))
            except (ssl.SSLError, ValueError) as exc:
                raise failed from exc
    if len(names) > 1 or names[0] in _HYBRIDS:
        raise errors.unsupported_option(
            "ecdh_curve",
            "a list of groups, or a hybrid group, needs Python 3.15. Name one curve, or 'auto'.",
        )


def set_sigalgs(context: ssl.SSLContext, sigalgs: str) -> None:
    """Set the signature algorithms a server may use."""
    # Python 3.15; before, the option is refused. The name means: what a server may sign with.
    set_sigalgs: Callable[[str], None] = getattr(context, "set_server_sigalgs")  # noqa: B009
    try:
        set_sigalgs(sigalgs)
    except (ssl.SSLError, ValueError) as exc:
        raise errors.options_error(None, "error:00000000:lib(0)::reason(0)") from exc


def get_ciphers() -> list[str]:
    """Names of the ciphers that OpenSSL has here, in lower case and sorted.

    Mirrors `tls.getCiphers()`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
    return sorted(
        {suite["name"].lower() for suite in context.get_ciphers()}
        | {name.lower() for name in _SUITES}
    )


# --- ALPN -----------------------------------------------------------------------------------------


def alpn_names(protocols: Sequence[bytes]) -> list[str]:
    """Return protocols as `ssl.SSLContext.set_alpn_protocols` wants them."""
    if not all(name.isascii() for name in protocols):
        raise errors.unsupported_option("alpn_protocols", "Python's ssl takes ASCII names only.")
    return [name.decode() for name in protocols]


def convert_alpn_protocols(protocols: object) -> bytes:
    """Return protocols as they are on the wire: each with its length before it (RFC 7301 3.1).

    Mirrors `tls.convertALPNProtocols(protocols, out)`, but returns the result. What has that form
    already is checked and returned.

    Args:    protocols: a list of str, or bytes in wire form; None is nothing.
    Raises:  OptionTypeError, OptionsError (ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE).
    """
    names = read_options({"ALPNProtocols": protocols}, {}).alpn_protocols
    return b"".join(bytes((len(name),)) + name for name in names)
