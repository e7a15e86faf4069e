"""Checks of the options that concern TLS itself: trust, identity, keys, versions, ciphers.

Only form is looked at here; `context.py` looks inside certificates, keys and cipher lists.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import ssl
from collections.abc import Callable, Sequence
from typing import Any, cast

from tlsevents.checks import (
    LONGEST_TIMER,
    SYSTEM,
    Asked,
    PemContent,
    PemPath,
    Sealed,
    Source,
    SystemTrust,
    integer,
    is_buffer,
    is_ip,
    is_list,
    is_mapping,
    is_number,
    string,
    truthy,
    unknown,
)
from tlsevents.errors import (
    OptionTypeError,
    option_type_error,
    option_value_error,
    options_error,
)
from tlsevents.sessions import Session, SessionCache, default_cache

__all__ = [
    "alpn",
    "ca",
    "ciphers",
    "compression",
    "crl",
    "curve",
    "dhparam",
    "engine",
    "key",
    "key_engine",
    "key_identifier",
    "method",
    "minimum_size",
    "ocsp",
    "optional_sources",
    "pfx",
    "psk_function",
    "secure_context",
    "secure_options",
    "servername",
    "servername_type",
    "session",
    "session_cache",
    "session_timeout",
    "sigalgs",
    "ticket_keys",
    "version",
]

# Whom to trust and whom to meet.


def servername(asked: Asked) -> str:
    """Refuse IP addresses: RFC 6066 section 3 has only names in SNI."""
    if isinstance(asked.value, str) and is_ip(asked.value):
        raise asked.wrong_value(
            "Setting the TLS ServerName to an IP address is not permitted.",
        )
    return cast("str", asked.value)


def servername_type(asked: Asked) -> str:
    """Take a str; Node notices this last."""
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string", node_name="name")
    return asked.value


# The TLS connection.


def psk_function(asked: Asked) -> Callable[..., Any]:
    """Take a function where this Python can use it."""
    if not callable(asked.value):
        raise asked.wrong_type("function", node_name="pskCallback")
    if not hasattr(ssl.SSLContext, "set_psk_client_callback"):
        raise asked.unsupported(
            "pre-shared keys need Python 3.13 or newer; use certificates on this one."
        )
    return cast("Callable[..., Any]", asked.value)


def alpn(asked: Asked) -> tuple[bytes, ...]:
    """Take a list of names, or their wire form."""
    value = asked.value
    if is_list(value):
        return tuple(_alpn_name(index, item) for index, item in enumerate(value))
    if is_buffer(value):
        return _alpn_wire(asked, bytes(value))
    raise OptionTypeError(
        "Must give a Buffer as first argument",
        phase="options",
        hint=f"{asked.name()} takes a list of str, or bytes with a length before each name.",
    )


def _alpn_name(index: int, item: object) -> bytes:
    if not isinstance(item, str):
        raise option_type_error(f"protocols[{index}]", "string", item)
    if not item:
        raise option_value_error(f"protocols[{index}]", item, "must be a non-empty string")
    encoded = item.encode("utf-8", "surrogateescape")
    if len(encoded) > 255:
        raise options_error(
            "ERR_OUT_OF_RANGE",
            f"The byte length of the protocol at index {index} exceeds the maximum length. "
            f"It must be <= 255. Received {len(encoded)}",
        )
    return encoded


def _alpn_wire(asked: Asked, data: bytes) -> tuple[bytes, ...]:
    """The form of RFC 7301: each name with its length in one byte before it."""
    name = asked.name("ALPNProtocols")
    names: list[bytes] = []
    position = 0
    while position < len(data):
        length = data[position]
        if length == 0:
            raise option_value_error(name, data, "contains zero-length protocol")
        if position + 1 + length > len(data):
            raise option_value_error(name, data, "contains truncated protocol")
        names.append(data[position + 1 : position + 1 + length])
        position += 1 + length
    return tuple(names)


def session(asked: Asked) -> Any:
    """Take what get_session() gave."""
    value = asked.value
    if value is False or value == 0 or value in ("", b""):
        return None  # falsy, as in Node: no session to resume
    if not isinstance(value, Session | ssl.SSLSession):
        raise OptionTypeError(
            "Session must be a buffer",
            code="ERR_INVALID_ARG_TYPE",
            phase="options",
            hint="Pass what get_session() or a `session` event gave; it is opaque here.",
        )
    return value


def session_cache(asked: Asked) -> SessionCache | None:
    """Take a cache, or a yes or no to that of the process."""
    if isinstance(asked.value, SessionCache):
        return asked.value
    if not isinstance(asked.value, bool):
        raise asked.wrong_type("one of type boolean or an instance of SessionCache")
    return default_cache if asked.value else None


def minimum_size(asked: Asked) -> float:
    """Take a number of bits."""
    if not is_number(asked.value):
        raise asked.wrong_type("number")
    if not asked.value >= 1:
        raise asked.out_of_range(">= 1")
    return cast("float", asked.value)


def ocsp(asked: Asked) -> bool:
    """Refuse stapling."""
    if truthy(asked):
        raise asked.unsupported(
            "Python's ssl cannot ask for stapled OCSP responses; pass revocation lists with crl=."
        )
    return False


# The secure context.


def secure_context(asked: Asked) -> Any:
    """Take a SecureContext, known by its face."""
    if not callable(getattr(asked.value, "client_context", None)):
        raise OptionTypeError(code="ERR_TLS_INVALID_CONTEXT", phase="options")
    return asked.value


_PEM_TYPES = "string or an instance of Buffer, TypedArray, or DataView"


def _source(asked: Asked, item: object) -> Source:
    """One item: content or path."""
    if is_buffer(item):
        return PemContent(bytes(item))
    if isinstance(item, os.PathLike):
        item = os.fsdecode(cast("os.PathLike[str]", item))
    if not isinstance(item, str):
        raise asked.wrong_type(_PEM_TYPES, item)
    if "-----BEGIN" in item:
        return PemContent(item.encode("utf-8", "replace"))
    if "\0" in item:
        raise option_value_error(
            asked.name(), item, "must be a string without null bytes", secret=True
        )
    return PemPath(item)


def _sources(asked: Asked) -> tuple[Source, ...]:
    value = asked.value
    if is_list(value):
        return tuple(_source(asked, item) for item in value)
    return (_source(asked, value),)


def optional_sources(asked: Asked) -> tuple[Source, ...]:
    """Take certificates."""
    return () if _falsy(asked.value) else _sources(asked)


def _falsy(value: object) -> bool:
    """What Node takes for "not given" in ca, cert and key; an empty Buffer is none of them."""
    return value is False or value == "" or (is_number(value) and value == 0)


def ca(asked: Asked) -> tuple[Source, ...] | SystemTrust | None:
    """Take certificates, or 'system'."""
    if asked.value == "system":
        return SYSTEM
    return None if _falsy(asked.value) else _sources(asked)


def crl(asked: Asked) -> tuple[Source, ...]:
    """Take revocation lists."""
    if asked.value == "":
        raise options_error("ERR_CRYPTO_OPERATION_FAILED", "Failed to parse CRL")
    return _sources(asked)


def _checked_passphrase(asked: Asked, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise option_type_error(
            "passphrase" if asked.dialect == "python" else "options.passphrase",
            "str" if asked.dialect == "python" else "string",
            value,
            secret=True,
        )
    return value


def _sealed(
    asked: Asked, content: str, refuse: Callable[[object], Exception]
) -> tuple[Sealed, ...]:
    """Keys or bundles; in a list, an item may be a mapping with a passphrase of its own."""
    value = asked.value
    listed = is_list(value)
    found: list[Sealed] = []
    for item in value if listed else [value]:
        opener: object = asked.given.get("passphrase")
        data: Any = item
        if listed and is_mapping(item):
            strangers = item.keys() - {content, "passphrase"}
            if strangers:
                name = f"{asked.name()}[].{min(map(str, strangers))}"
                raise unknown(name, [content, "passphrase"])
            if content not in item:
                raise refuse(item)
            data = item[content]
            own: object = item.get("passphrase")
            opener = opener if own is None else own
        if not (isinstance(data, str | os.PathLike) or is_buffer(data)):
            raise refuse(data)
        found.append(
            Sealed(_source(asked, cast("object", data)), _checked_passphrase(asked, opener))
        )
    return tuple(found)


def key(asked: Asked) -> tuple[Sealed, ...]:
    """Take keys, each with the passphrase that opens it."""
    if _falsy(asked.value):
        return ()
    return _sealed(asked, "pem", lambda item: asked.wrong_type(_PEM_TYPES, item))


def pfx(asked: Asked) -> tuple[Sealed, ...]:
    """Take PKCS#12 bundles, each with the passphrase that opens it."""
    if _falsy(asked.value):
        return ()
    text = "Unable to load PFX certificate"
    return _sealed(asked, "buf", lambda _: options_error("ERR_CRYPTO_OPERATION_FAILED", text))


def ciphers(asked: Asked) -> str | None:
    """Take a cipher list, as text."""
    names = string(asked)
    if names and not names.strip(":"):
        raise asked.wrong_value(value=names.split(":"))
    return names or None


_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
# By name: naming the members for TLS 1.0 and 1.1 is deprecated (PEP 644).
_VERSION_OF_MEMBER = {
    "MINIMUM_SUPPORTED": "TLSv1",
    "TLSv1": "TLSv1",
    "TLSv1_1": "TLSv1.1",
    "TLSv1_2": "TLSv1.2",
    "TLSv1_3": "TLSv1.3",
    "MAXIMUM_SUPPORTED": "TLSv1.3",
}


def version(asked: Asked) -> str:
    """Take one of Node's version names, or an ssl.TLSVersion."""
    value = asked.value
    method = asked.given.get("secure_protocol")
    if isinstance(method, str) and method:
        raise OptionTypeError(
            f"TLS protocol version {_as_json(value)} conflicts with secureProtocol"
            f" {_as_json(method)}",
            code="ERR_TLS_PROTOCOL_VERSION_CONFLICT",
            phase="options",
        )
    if isinstance(value, ssl.TLSVersion):
        value = _VERSION_OF_MEMBER.get(value.name, value.name)
    if value not in _VERSIONS:
        which = "minimum" if asked.option.python == "min_version" else "maximum"
        raise OptionTypeError(
            f"{_as_json(value)} is not a valid {which} TLS protocol version",
            code="ERR_TLS_INVALID_PROTOCOL_VERSION",
            phase="options",
        )
    return cast("str", value)


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


_METHOD = re.compile(r"(TLS|SSLv23|TLSv1|TLSv1_1|TLSv1_2)(_client|_server)?_method")
_OLD_METHOD = re.compile(r"(SSLv[23])(_client|_server)?_method")


def method(asked: Asked) -> str | None:
    """Take one of OpenSSL's old method names."""
    name = string(asked)
    if not name or _METHOD.fullmatch(name):
        return name or None
    old = _OLD_METHOD.fullmatch(name)
    raise OptionTypeError(
        f"{old[1]} methods disabled" if old else f"Unknown method: {name}",
        code="ERR_TLS_INVALID_PROTOCOL_METHOD",
        phase="options",
    )


def secure_options(asked: Asked) -> int:
    """Take SSL_OP_ bits."""
    return integer(asked, -(2**53) + 1, 2**53 - 1, node_name="secureOptions")


def compression(asked: Asked) -> tuple[str, ...]:
    """Refuse certificate compression (RFC 8879), after checking the names."""
    if not is_list(asked.value):
        raise asked.wrong_type("an instance of Array")
    names: Sequence[object] = asked.value
    if len(names) > 3:
        raise asked.wrong_value("can specify at most 3 algorithms")
    for index, name in enumerate(names):
        if name not in ("zlib", "brotli", "zstd"):
            raise option_value_error(
                f"{asked.name()}[{index}]", name, "must be 'zlib', 'brotli', or 'zstd'"
            )
    if len(set(names)) < len(names):
        raise options_error(
            "ERR_CRYPTO_OPERATION_FAILED", "Failed to set certificate compression preference"
        )
    if names:
        raise asked.unsupported("Python's ssl cannot compress certificates; leave it out.")
    return ()


def sigalgs(asked: Asked) -> str:
    """Take signature algorithms where this Python can set them."""
    names = string(asked)
    if not names:
        raise asked.wrong_value()
    if not hasattr(ssl.SSLContext, "set_server_sigalgs"):
        raise asked.unsupported("choosing signature algorithms needs Python 3.15 or newer.")
    return names


def engine(asked: Asked) -> None:
    """Hardware keys by OpenSSL's engines, which OpenSSL 3 deprecates and Python never had."""
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string or one of null or undefined")
    raise asked.unsupported(
        "Python's ssl has no OpenSSL engines; load keys with key=, or configure a provider in"
        " openssl.cnf."
    )


def key_identifier(asked: Asked) -> None:
    """Refuse keys kept in an engine."""
    if asked.given.get("private_key_engine") is None:
        name = "private_key_engine" if asked.dialect == "python" else "options.privateKeyEngine"
        raise option_value_error(name, None, "is invalid. Received undefined", secret=True)
    if not isinstance(asked.given["private_key_engine"], str):
        return  # the next row complains, as in Node
    engine(asked)


def key_engine(asked: Asked) -> None:
    """Refuse engines for keys."""
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string or one of null or undefined")
    raise asked.unsupported("without private_key_identifier it has no effect; leave it out.")


def curve(asked: Asked) -> str | None:
    """Take groups as far as this Python can set them; 'auto' is OpenSSL's choice."""
    groups = string(asked)
    if groups in ("", "auto"):
        return None
    one = re.fullmatch(r"[A-Za-z0-9_.-]+", groups)
    if not one and not hasattr(ssl.SSLContext, "set_groups"):
        raise asked.unsupported("a list of groups needs Python 3.15 or newer; name one group.")
    return groups


def dhparam(asked: Asked) -> bytes:
    """No effect on a client, in Node too, but checked there: at least 1024 bits."""
    value = asked.value
    if isinstance(value, str):
        data = value.encode("utf-8", "replace")
    elif is_buffer(value):
        data = bytes(value)
    else:
        raise asked.wrong_type(_PEM_TYPES)
    bits = _dh_bits(data)
    if bits is not None and bits < 1024:
        raise options_error("ERR_INVALID_ARG_VALUE", "DH parameter is less than 1024 bits")
    return data


def _dh_bits(pem: bytes) -> int | None:
    """The size of the prime in DH parameters; None for garbage, which Node ignores too."""
    block = re.search(
        rb"-----BEGIN DH PARAMETERS-----(.*?)-----END DH PARAMETERS-----", pem, re.DOTALL
    )
    if block is None:
        return None
    try:
        der = base64.b64decode(b"".join(block[1].split()), validate=True)
    except binascii.Error:
        return None
    prime = _der_value(_der_value(der, 0x30), 0x02)  # PKCS#3: SEQUENCE { prime INTEGER, ... }
    return int.from_bytes(prime, "big").bit_length() or None


def _der_value(der: bytes, tag: int) -> bytes:
    """The content of the value that `der` starts with; empty if it is not of that kind."""
    if len(der) < 2 or der[0] != tag:
        return b""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    return der[start : start + length]


def session_timeout(asked: Asked) -> int:
    """Take seconds; no effect on a client."""
    return integer(asked, 0, LONGEST_TIMER)


def ticket_keys(asked: Asked) -> bytes:
    """Take 48 bytes; no effect on a client."""
    if not is_buffer(asked.value):
        raise asked.wrong_type("an instance of Buffer, TypedArray, or DataView")
    keys = bytes(asked.value)
    if len(keys) != 48:
        raise option_value_error(asked.name(), len(keys), "must be exactly 48 bytes")
    return keys
