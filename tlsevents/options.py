"""The options of connect(): one table for both dialects, read into one frozen dataclass.

How it works
------------
* `OPTIONS` has a row per option: its Python name, its Node name, and a check that turns a value into
  what `ConnectOptions` holds. The rows stand in the order in which Node checks, because with several
  bad values porters expect the same first complaint.
* A mapping is Node's dialect: camelCase names, milliseconds. Keywords are Python's: snake_case names,
  seconds. Both run through the same checks; messages name the option as the caller spelled it.
* None means "not given" in both. The one exception is `handshake_timeout`, where None lifts the limit.
* Nothing is ignored: an unknown name, an option that cannot be honoured, the same option given twice
  with different values each raise. Values that ask for nothing (`requestOCSP: false`) are fine.
* Where Node overlooks a wrong type (`rejectUnauthorized: 0`, a malformed `onread`), we do not.
* Content (PEM, cipher lists) is only sorted here into content and paths; `context.py` looks inside.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import difflib
import ipaddress
import json
import math
import os
import re
import socket as sockets
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, NoReturn, TypeAlias, cast

from tlsevents.errors import (
    OptionsError,
    OptionTypeError,
    UnsupportedOptionError,
    option_range_error,
    option_type_error,
    option_value_error,
    options_error,
    received,
    unsupported_option,
)

__all__ = [
    "CONTEXT_OPTIONS",
    "OPTIONS",
    "SYSTEM",
    "ConnectOptions",
    "OnRead",
    "Option",
    "PemContent",
    "PemPath",
    "Sealed",
    "Source",
    "SystemTrust",
    "read_connect_arguments",
    "read_options",
]

DEFAULT_HANDSHAKE_TIMEOUT: Final = 60.0
DEFAULT_HIGH_WATER_MARK: Final = 65536
DEFAULT_ATTEMPT_TIMEOUT: Final = 0.5  # Node 26; 20 and 24 have 0.25
SHORTEST_ATTEMPT_TIMEOUT: Final = 0.01
LONGEST_TIMER: Final = 2**31 - 1  # milliseconds, of Node's timers


# --- Values ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PemContent:
    """Certificates, keys or lists given in memory (PEM, or PKCS#12 for pfx)."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PemPath:
    """A file that holds certificates, keys or lists; read later, off the event loop."""

    path: str


Source: TypeAlias = PemContent | PemPath


@dataclass(frozen=True, slots=True)
class Sealed:
    """A key or PKCS#12 bundle with the passphrase that opens it, if any."""

    source: Source
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SystemTrust:
    """`ca="system"`: trust what the operating system trusts."""


SYSTEM: Final = SystemTrust()


@dataclass(frozen=True, slots=True)
class OnRead:
    """`onread`: received data goes into the caller's buffer, and no `data` event is emitted."""

    buffer: bytearray | memoryview | Callable[[], bytearray | memoryview] = field(repr=False)
    callback: Callable[[int, Any], object]


# --- The result -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectOptions:
    """What connect() was asked for: checked, in Python's units (seconds), with defaults.

    Where None is the default, the option was not given, and whoever uses it knows what that means.
    """

    # Where to connect.
    host: str = "localhost"
    port: int | None = None
    path: str | None = None
    socket: Any = None
    family: Literal[0, 4, 6] = 0
    hints: int | None = None
    lookup: Callable[..., Any] | None = None
    local_address: str | None = None
    local_port: int | None = None
    auto_select_family: bool = True
    auto_select_family_attempt_timeout: float = DEFAULT_ATTEMPT_TIMEOUT

    # The stream.
    timeout: float | None = None
    handshake_timeout: float | None = DEFAULT_HANDSHAKE_TIMEOUT
    allow_half_open: bool = False
    high_water_mark: int = DEFAULT_HIGH_WATER_MARK
    no_delay: bool = False
    keep_alive: bool = False
    keep_alive_initial_delay: float = 0.0
    onread: OnRead | None = None

    # Whom to trust and whom to meet.
    reject_unauthorized: bool = True
    check_server_identity: Callable[..., Any] | None = None
    servername: str | None = None  # None: the host, if it is a name; "": no SNI

    # The TLS connection.
    alpn_protocols: tuple[bytes, ...] = ()
    session: Any = None
    min_dh_size: float = 1024
    psk_callback: Callable[..., Any] | None = None
    request_ocsp: bool = False
    enable_trace: bool = False

    # The secure context.
    secure_context: Any = None
    context: Any = None
    ca: tuple[Source, ...] | SystemTrust | None = None  # None: the default roots; (): nobody
    cert: tuple[Source, ...] = ()
    key: tuple[Sealed, ...] = ()
    pfx: tuple[Sealed, ...] = ()
    crl: tuple[Source, ...] = ()
    passphrase: str | None = None  # part of each item of key and pfx already
    ciphers: str | None = None
    min_version: str | None = None
    max_version: str | None = None
    secure_protocol: str | None = None
    secure_options: int = 0
    sigalgs: str | None = None
    ecdh_curve: str | None = None  # None and 'auto': OpenSSL's choice
    dhparam: bytes | None = None
    honor_cipher_order: bool = False
    session_id_context: str | None = None
    session_timeout: int | None = None
    ticket_keys: bytes | None = None
    allow_partial_trust_chain: bool = False
    certificate_compression: tuple[str, ...] = ()
    client_cert_engine: str | None = None
    private_key_identifier: str | None = None
    private_key_engine: str | None = None

    def __repr__(self) -> str:
        """Show what differs from the defaults, and of secrets only that they are there."""
        shown: list[str] = []
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                text = "..." if _BY_PYTHON_NAME[each.name].secret else repr(value)
                shown.append(f"{each.name}={text}")
        return f"ConnectOptions({', '.join(shown)})"


# --- Reading --------------------------------------------------------------------------------------

Dialect = Literal["node", "python"]

# What the types in Node's messages are called in Python.
_PYTHON_TYPES = {
    "string": "str",
    "number": "int or float",
    "boolean": "bool",
    "function": "callable",
    "an instance of Array": "list",
    "string or an instance of Buffer, TypedArray, or DataView": "str, bytes or os.PathLike",
    "an instance of Buffer, TypedArray, or DataView": "bytes",
    "string or one of null or undefined": "str or None",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One option as it was given, and how to complain about it."""

    option: Option
    value: Any
    dialect: Dialect
    given: Mapping[str, Any]  # by Python name, both dialects, for checks that look at a second one

    def name(self, node_name: str | None = None) -> str:
        """The option's name as messages show it; `node_name` where Node's differs from the rule."""
        if self.dialect == "python":
            return self.option.python
        return node_name or f"options.{self.option.node}"

    def wrong_type(
        self, expected: str, value: object = ..., *, node_name: str | None = None
    ) -> OptionTypeError:
        if self.dialect == "python":
            expected = _PYTHON_TYPES.get(expected, expected)
        return option_type_error(
            self.name(node_name),
            expected,
            self.value if value is ... else value,
            secret=self.option.secret,
        )

    def wrong_value(
        self, reason: str = "is invalid", value: object = ..., *, node_name: str | None = None
    ) -> OptionsError:
        shown = self.value if value is ... else value
        return option_value_error(self.name(node_name), shown, reason, secret=self.option.secret)

    def out_of_range(self, text: str, *, node_name: str | None = None) -> OptionsError:
        return option_range_error(self.name(node_name), text, self.value)

    def unsupported(self, remedy: str) -> UnsupportedOptionError:
        name = self.option.python if self.dialect == "python" else self.option.node
        return unsupported_option(name, remedy)


Check: TypeAlias = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the table.

    Args:
        python: the keyword, and the field of `ConnectOptions`.
        node: the key in an options mapping.
        check: makes the field's value of the one given, or raises.
        context: True if it belongs to the secure context: one that is passed ready-made replaces it.
        secret: True if its value may appear in no message.
        late: a second check, after those of all other options.
        supported: False refuses any value but the default, with `remedy` as the way out.
        remedy: what to do instead, a sentence.
    """

    python: str
    node: str
    check: Check
    context: bool = False
    secret: bool = False
    late: Check | None = None
    supported: bool = True
    remedy: str = "this version does not implement it yet; leave it out."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _truthy(asked: Asked) -> bool:
    """A boolean that Node coerces; Node's falsy values are fewer than Python's."""
    value = asked.value
    if _is_number(value) or isinstance(value, str):
        return bool(value) and value == value  # noqa: PLR0124 - NaN is falsy
    return value is not False


def _boolean(asked: Asked) -> bool:
    if not isinstance(asked.value, bool):
        raise asked.wrong_type("boolean")
    return asked.value


def _string(asked: Asked) -> str:
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string")
    return asked.value


def _function(asked: Asked) -> Callable[..., Any]:
    if not callable(asked.value):
        raise asked.wrong_type("function")
    return cast("Callable[..., Any]", asked.value)


def _psk_function(asked: Asked) -> Callable[..., Any]:
    if not callable(asked.value):
        raise asked.wrong_type("function", node_name="pskCallback")
    if not hasattr(ssl.SSLContext, "set_psk_client_callback"):
        raise asked.unsupported(
            "pre-shared keys need Python 3.13 or newer; use certificates on this one."
        )
    return cast("Callable[..., Any]", asked.value)


def _integer(asked: Asked, low: int, high: int, *, node_name: str | None = None) -> int:
    """A whole number within bounds; JavaScript's 5.0 is one too."""
    value = asked.value
    if not _is_number(value):
        raise asked.wrong_type("number", node_name=node_name)
    if isinstance(value, float) and not value.is_integer():
        raise asked.out_of_range("an integer", node_name=node_name)
    if not low <= value <= high:
        limits = f">= {low}" if high == sys.maxsize else f">= {low} && <= {high}"
        raise asked.out_of_range(limits, node_name=node_name)
    return int(value)


# Times: milliseconds in Node's dialect, seconds in Python's and in the result.


def _seconds(asked: Asked) -> float:
    value = float(asked.value)
    return value / 1000 if asked.dialect == "node" else value


def _timer(asked: Asked) -> float:
    if not _is_number(asked.value):
        raise asked.wrong_type("number", node_name="msecs")
    if not (asked.value >= 0 and math.isfinite(asked.value)):
        raise asked.out_of_range("a non-negative finite number", node_name="msecs")
    return _seconds(asked)


def _deadline(asked: Asked) -> float | None:
    if asked.value is None:
        return None
    if not _is_number(asked.value):
        raise asked.wrong_type("number")
    if not (asked.value > 0 and math.isfinite(asked.value)):
        raise asked.out_of_range("a positive finite number, or None for no limit")
    return _seconds(asked)


def _initial_delay(asked: Asked) -> float:
    if not _is_number(asked.value):
        raise asked.wrong_type("number")
    return _seconds(asked) if math.isfinite(asked.value) else 0.0


def _attempt_timeout(asked: Asked) -> float:
    if asked.dialect == "node":
        _integer(asked, 1, LONGEST_TIMER)
    elif not _is_number(asked.value):
        raise asked.wrong_type("number")
    elif not (asked.value > 0 and math.isfinite(asked.value)):
        raise asked.out_of_range("a positive finite number")
    return max(_seconds(asked), SHORTEST_ATTEMPT_TIMEOUT)


# Where to connect.


def _host(asked: Asked) -> str:
    host = _string(asked)
    if "\0" in host:
        raise asked.wrong_value("must be a string without null bytes")
    return host or "localhost"


def _javascript_number(text: str) -> float:
    """`Number(text)` for what may be a port: decimal, hexadecimal, octal, binary, exponents."""
    text = text.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", text):
        return int(text, 0)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return float(text)
    return math.nan


def _port_number(asked: Asked) -> int:
    value = asked.value
    if not (_is_number(value) or isinstance(value, str)):
        raise asked.wrong_type("one of type number or string")
    number: float = _javascript_number(value) if isinstance(value, str) else value
    # NaN and infinity fail the first comparison, fractions the second.
    if not (0 <= number <= 0xFFFF and number == int(number)):
        raise options_error(
            "ERR_SOCKET_BAD_PORT", f"Port should be >= 0 and < 65536. {received(value)}."
        )
    return int(number)


def _local_port(asked: Asked) -> int:
    if not _is_number(asked.value):
        raise asked.wrong_type("number")
    return _port_number(asked)


def _path(asked: Asked) -> str | None:
    value = asked.value
    if isinstance(value, os.PathLike):
        value = os.fsdecode(cast("os.PathLike[str]", value))
    if not isinstance(value, str):
        raise asked.wrong_type("string")
    return value or None


def _is_ip(text: object) -> bool:
    try:
        ipaddress.ip_address(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return True


def _local_address(asked: Asked) -> str:
    if not _is_ip(asked.value):
        shown = asked.value if isinstance(asked.value, str | int | float) else repr(asked.value)
        raise OptionTypeError(
            f"Invalid IP address: {shown}", code="ERR_INVALID_IP_ADDRESS", phase="options"
        )
    return cast("str", asked.value)


_FAMILIES: dict[Any, Literal[0, 4, 6]] = {0: 0, 4: 4, 6: 6, "IPv4": 4, "IPv6": 6}
_ADDRESS_FAMILIES: dict[Any, Literal[0, 4, 6]] = {
    sockets.AF_UNSPEC: 0,
    sockets.AF_INET: 4,
    sockets.AF_INET6: 6,
}


def _family(asked: Asked) -> Literal[0, 4, 6]:
    value = asked.value
    known = _ADDRESS_FAMILIES if isinstance(value, sockets.AddressFamily) else _FAMILIES
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value not in known:
        raise asked.wrong_value("must be one of: 0, 4, 6")
    return known[value]


_HINTS = sockets.AI_ADDRCONFIG | sockets.AI_ALL | sockets.AI_V4MAPPED


def _hints(asked: Asked) -> int:
    value = asked.value
    if not _is_number(value):
        raise asked.wrong_type("number")
    if not math.isfinite(value) or int(value) & ~_HINTS:
        raise asked.wrong_value(node_name="hints")
    return int(value)


def _carrier(asked: Asked) -> Any:
    """A socket, a reader and writer, or something with the methods of Node's streams."""
    value = asked.value
    if isinstance(value, sockets.socket):
        return value
    if isinstance(value, tuple):
        pair = cast("tuple[Any, ...]", value)
        if len(pair) == 2 and hasattr(pair[0], "read") and hasattr(pair[1], "write"):
            return pair
    elif all(callable(getattr(value, name, None)) for name in ("pause", "resume", "write", "on")):
        return value
    raise asked.wrong_type(
        "an instance of Socket, TLSSocket or socket.socket, or a pair of StreamReader and"
        " StreamWriter"
    )


# The stream.


def _high_water_mark(asked: Asked) -> int:
    value = asked.value
    if not _is_number(value) or value < 0 or value != value // 1:
        raise asked.wrong_value(node_name="options.readableHighWaterMark")
    return int(value)


def _onread(asked: Asked) -> OnRead:
    if not isinstance(asked.value, Mapping):
        raise asked.wrong_type("an instance of Object")
    given = cast("Mapping[Any, Any]", asked.value)
    strangers = given.keys() - {"buffer", "callback"}
    if strangers:
        raise _unknown(f"{asked.name()}.{min(map(str, strangers))}", ["buffer", "callback"])
    buffer, callback = given.get("buffer"), given.get("callback")
    if not callable(buffer):
        writable = isinstance(buffer, bytearray) or (
            isinstance(buffer, memoryview) and not buffer.readonly
        )
        if not writable or not len(cast("bytearray", buffer)):
            raise option_type_error(
                f"{asked.name()}.buffer",
                "an instance of bytearray or a writable memoryview (not empty), or a function"
                " that returns one",
                buffer,
            )
    if not callable(callback):
        raise option_type_error(f"{asked.name()}.callback", "function", callback)
    return OnRead(cast("bytearray", buffer), cast("Callable[[int, Any], object]", callback))


def _signal(asked: Asked) -> NoReturn:
    # Whatever has no attributes of its own can be no AbortSignal, and gets Node's answer.
    if isinstance(asked.value, str | bytes | int | float | Mapping | list | tuple):
        raise asked.wrong_type("an instance of AbortSignal", node_name="signal")
    raise asked.unsupported(
        "cancel the task that awaits the socket (asyncio.timeout() does), or call destroy()."
    )


def _not_forwarded(asked: Asked) -> None:
    if _truthy(asked):
        raise asked.unsupported("Node's tls.connect() does not forward it either; leave it out.")


# Whom to trust and whom to meet.


def _servername(asked: Asked) -> str:
    if isinstance(asked.value, str) and _is_ip(asked.value):
        raise asked.wrong_value(
            "Setting the TLS ServerName to an IP address is not permitted.",
        )
    return cast("str", asked.value)


def _servername_type(asked: Asked) -> str:
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string", node_name="name")
    return asked.value


# The TLS connection.


def _alpn(asked: Asked) -> tuple[bytes, ...]:
    value = asked.value
    if isinstance(value, list | tuple):
        return tuple(
            _alpn_name(asked, index, item)
            for index, item in enumerate(cast("Sequence[object]", value))
        )
    if isinstance(value, bytes | bytearray | memoryview):
        return _alpn_wire(asked, bytes(value))
    raise OptionTypeError(
        "Must give a Buffer as first argument",
        phase="options",
        hint=f"{asked.name()} takes a list of str, or bytes with a length before each name.",
    )


def _alpn_name(asked: Asked, index: int, item: object) -> bytes:
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


def _session(asked: Asked) -> Any:
    value = asked.value
    if value is False or value == 0 or value in ("", b""):
        return None  # falsy, as in Node: no session to resume
    if isinstance(value, str | bytes | bytearray | int | float | Mapping | list | tuple):
        raise OptionTypeError(
            "Session must be a buffer",
            code="ERR_INVALID_ARG_TYPE",
            phase="options",
            hint="Pass what get_session() or a `session` event gave; it is opaque here.",
        )
    return value


def _minimum_size(asked: Asked) -> float:
    if not _is_number(asked.value):
        raise asked.wrong_type("number")
    if not asked.value >= 1:
        raise asked.out_of_range(">= 1")
    return cast("float", asked.value)


def _ocsp(asked: Asked) -> bool:
    if _truthy(asked):
        raise asked.unsupported(
            "Python's ssl cannot ask for stapled OCSP responses; pass revocation lists with crl=."
        )
    return False


# The secure context.


def _secure_context(asked: Asked) -> Any:
    if not callable(getattr(asked.value, "client_context", None)):
        raise OptionTypeError(code="ERR_TLS_INVALID_CONTEXT", phase="options")
    return asked.value


# What a ready ssl.SSLContext decides itself, so that giving both would silently drop one.
def _context(asked: Asked) -> Any:
    if not callable(getattr(asked.value, "wrap_bio", None)):
        raise asked.wrong_type("an instance of ssl.SSLContext (or anything with its wrap_bio)")
    others = [row.python for row in OPTIONS if row.context or row.python == "secure_context"]
    for other in others:
        if other in asked.given:
            raise options_error(
                "ERR_INVALID_ARG_VALUE",
                f'The "context" option cannot be combined with "{other}": a ready context has its'
                " own settings",
            )
    return asked.value


_PEM_TYPES = "string or an instance of Buffer, TypedArray, or DataView"


def _source(asked: Asked, item: object) -> Source:
    """One item: content or path."""
    if isinstance(item, bytes | bytearray | memoryview):
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
    if isinstance(value, list | tuple):
        return tuple(_source(asked, item) for item in cast("Sequence[object]", value))
    return (_source(asked, value),)


def _optional_sources(asked: Asked) -> tuple[Source, ...]:
    return () if _falsy(asked.value) else _sources(asked)


def _falsy(value: object) -> bool:
    """What Node takes for "not given" in ca, cert and key; an empty Buffer is none of them."""
    return value is False or value == "" or (_is_number(value) and value == 0)


def _ca(asked: Asked) -> tuple[Source, ...] | SystemTrust | None:
    if asked.value == "system":
        return SYSTEM
    return None if _falsy(asked.value) else _sources(asked)


def _crl(asked: Asked) -> tuple[Source, ...]:
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
    listed = isinstance(value, list | tuple)
    items = cast("Sequence[object]", value) if listed else (cast("object", value),)
    found: list[Sealed] = []
    for item in items:
        opener: object = asked.given.get("passphrase")
        data = item
        if listed and isinstance(item, Mapping):
            entry = cast("Mapping[Any, Any]", item)
            strangers = entry.keys() - {content, "passphrase"}
            if strangers:
                name = f"{asked.name()}[].{min(map(str, strangers))}"
                raise _unknown(name, [content, "passphrase"])
            if content not in entry:
                raise refuse(entry)
            data = entry[content]
            own = entry.get("passphrase")
            opener = opener if own is None else own
        if not isinstance(data, str | bytes | bytearray | memoryview | os.PathLike):
            raise refuse(data)
        found.append(Sealed(_source(asked, data), _checked_passphrase(asked, opener)))
    return tuple(found)


def _key(asked: Asked) -> tuple[Sealed, ...]:
    if _falsy(asked.value):
        return ()
    return _sealed(asked, "pem", lambda item: asked.wrong_type(_PEM_TYPES, item))


def _pfx(asked: Asked) -> tuple[Sealed, ...]:
    if _falsy(asked.value):
        return ()
    text = "Unable to load PFX certificate"
    return _sealed(asked, "buf", lambda _: options_error("ERR_CRYPTO_OPERATION_FAILED", text))


def _ciphers(asked: Asked) -> str | None:
    names = _string(asked)
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


def _version(asked: Asked) -> str:
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


def _method(asked: Asked) -> str | None:
    name = _string(asked)
    if not name or _METHOD.fullmatch(name):
        return name or None
    old = _OLD_METHOD.fullmatch(name)
    raise OptionTypeError(
        f"{old[1]} methods disabled" if old else f"Unknown method: {name}",
        code="ERR_TLS_INVALID_PROTOCOL_METHOD",
        phase="options",
    )


def _secure_options(asked: Asked) -> int:
    return _integer(asked, -(2**53) + 1, 2**53 - 1, node_name="secureOptions")


def _compression(asked: Asked) -> tuple[str, ...]:
    if not isinstance(asked.value, list | tuple):
        raise asked.wrong_type("an instance of Array")
    names = cast("Sequence[object]", asked.value)
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


def _sigalgs(asked: Asked) -> str:
    names = _string(asked)
    if not names:
        raise asked.wrong_value()
    if not hasattr(ssl.SSLContext, "set_server_sigalgs"):
        raise asked.unsupported("choosing signature algorithms needs Python 3.15 or newer.")
    return names


def _engine(asked: Asked) -> None:
    """Hardware keys by OpenSSL's engines, which OpenSSL 3 deprecates and Python never had."""
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string or one of null or undefined")
    raise asked.unsupported(
        "Python's ssl has no OpenSSL engines; load keys with key=, or configure a provider in"
        " openssl.cnf."
    )


def _key_identifier(asked: Asked) -> None:
    if asked.given.get("private_key_engine") is None:
        name = "private_key_engine" if asked.dialect == "python" else "options.privateKeyEngine"
        raise option_value_error(name, None, "is invalid. Received undefined", secret=True)
    if not isinstance(asked.given["private_key_engine"], str):
        return  # the next row complains, as in Node
    _engine(asked)


def _key_engine(asked: Asked) -> None:
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string or one of null or undefined")
    raise asked.unsupported("without private_key_identifier it has no effect; leave it out.")


def _curve(asked: Asked) -> str | None:
    groups = _string(asked)
    if groups in ("", "auto"):
        return None
    one = re.fullmatch(r"[A-Za-z0-9_.-]+", groups)
    if not one and not hasattr(ssl.SSLContext, "set_groups"):
        raise asked.unsupported("a list of groups needs Python 3.15 or newer; name one group.")
    return groups


def _dhparam(asked: Asked) -> bytes:
    """No effect on a client, in Node too, but checked there: at least 1024 bits."""
    value = asked.value
    if isinstance(value, str):
        data = value.encode("utf-8", "replace")
    elif isinstance(value, bytes | bytearray | memoryview):
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


def _session_timeout(asked: Asked) -> int:
    return _integer(asked, 0, LONGEST_TIMER)


def _ticket_keys(asked: Asked) -> bytes:
    if not isinstance(asked.value, bytes | bytearray | memoryview):
        raise asked.wrong_type("an instance of Buffer, TypedArray, or DataView")
    keys = bytes(asked.value)
    if len(keys) != 48:
        raise option_value_error(asked.name(), len(keys), "must be exactly 48 bytes")
    return keys


# --- The table ------------------------------------------------------------------------------------

# In the order in which Node 26 checks (measured pair by pair); our own options stand where they fit.
OPTIONS: Final[tuple[Option, ...]] = (
    Option("reject_unauthorized", "rejectUnauthorized", _boolean),
    Option("check_server_identity", "checkServerIdentity", _function),
    Option("min_dh_size", "minDHSize", _minimum_size),
    Option("context", "context", _context),
    Option("min_version", "minVersion", _version, context=True),
    Option("max_version", "maxVersion", _version, context=True),
    Option("secure_protocol", "secureProtocol", _method, context=True),
    Option("secure_options", "secureOptions", _secure_options, context=True),
    Option("ciphers", "ciphers", _ciphers, context=True),
    Option("ca", "ca", _ca, context=True),
    Option("cert", "cert", _optional_sources, context=True),
    Option("key", "key", _key, context=True, secret=True),
    Option("passphrase", "passphrase", _string, context=True, secret=True),
    Option("certificate_compression", "certificateCompression", _compression, context=True),
    Option("sigalgs", "sigalgs", _sigalgs, context=True),
    Option("private_key_identifier", "privateKeyIdentifier", _key_identifier, context=True),
    Option("private_key_engine", "privateKeyEngine", _key_engine, context=True),
    Option("ecdh_curve", "ecdhCurve", _curve, context=True),
    Option("dhparam", "dhparam", _dhparam, context=True),
    Option("crl", "crl", _crl, context=True),
    Option("session_id_context", "sessionIdContext", _string, context=True),
    Option("pfx", "pfx", _pfx, context=True, secret=True),
    Option("client_cert_engine", "clientCertEngine", _engine, context=True),
    Option("ticket_keys", "ticketKeys", _ticket_keys, context=True, secret=True),
    Option("session_timeout", "sessionTimeout", _session_timeout, context=True),
    Option("honor_cipher_order", "honorCipherOrder", _truthy, context=True),
    Option("allow_partial_trust_chain", "allowPartialTrustChain", _truthy, context=True),
    Option("servername", "servername", _servername, late=_servername_type),
    Option("enable_trace", "enableTrace", _boolean),
    Option("secure_context", "secureContext", _secure_context),
    Option("alpn_protocols", "ALPNProtocols", _alpn),
    Option("request_ocsp", "requestOCSP", _ocsp),
    Option("keep_alive_initial_delay", "keepAliveInitialDelay", _initial_delay),
    Option("keep_alive", "keepAlive", _truthy),
    Option("no_delay", "noDelay", _truthy),
    Option("allow_half_open", "allowHalfOpen", _truthy),
    Option("high_water_mark", "highWaterMark", _high_water_mark),
    Option("object_mode", "objectMode", _not_forwarded),
    Option("block_list", "blockList", _not_forwarded),
    Option("signal", "signal", _signal),
    Option("onread", "onread", _onread),
    Option("session", "session", _session, secret=True),
    Option("psk_callback", "pskCallback", _psk_function),
    Option("timeout", "timeout", _timer),
    Option("handshake_timeout", "handshakeTimeout", _deadline),
    Option("socket", "socket", _carrier),
    Option("path", "path", _path),
    Option("host", "host", _host),
    Option("local_address", "localAddress", _local_address),
    Option("local_port", "localPort", _local_port),
    Option("port", "port", _port_number),
    Option("auto_select_family", "autoSelectFamily", _boolean),
    Option(
        "auto_select_family_attempt_timeout", "autoSelectFamilyAttemptTimeout", _attempt_timeout
    ),
    Option("lookup", "lookup", _function),
    Option("family", "family", _family),
    Option("hints", "hints", _hints),
)

CONTEXT_OPTIONS: Final = tuple(row.python for row in OPTIONS if row.context)

_BY_PYTHON_NAME = {row.python: row for row in OPTIONS}
_BY_NODE_NAME = {row.node: row for row in OPTIONS}
_DEFAULTS = {each.name: each.default for each in dataclasses.fields(ConnectOptions)}

# Where Node finds out that there is nothing to connect to: before it looks at the address options.
_TARGET = _BY_PYTHON_NAME["path"]


# --- From arguments to options --------------------------------------------------------------------


class _Given(NamedTuple):
    """The arguments of one call, sorted: raw values by Python name, None left out."""

    positional: dict[str, Any]
    mapping: dict[str, Any]
    keywords: dict[str, Any]


def _unknown(name: str, known: Sequence[str]) -> OptionTypeError:
    nearest = difflib.get_close_matches(name.rpartition(".")[2], known, 1, 0.0)
    return OptionTypeError(
        f'Unknown option "{name}"; the nearest known one is "{nearest[0]}"',
        code="ERR_UNKNOWN_OPTION",
        phase="options",
    )


def _by_name(given: Mapping[Any, Any], dialect: Dialect) -> dict[str, Any]:
    """Sort by Python name what was given in one dialect; no name may be unknown."""
    mine, theirs = _BY_NODE_NAME, _BY_PYTHON_NAME
    if dialect == "python":
        mine, theirs = theirs, mine
    found: dict[str, Any] = {}
    for name, value in given.items():
        row = mine.get(name)
        if row is None:
            raise _stranger(str(name), mine, theirs, dialect)
        if value is not None or row.check is _deadline:
            found[row.python] = value
    return found


def _stranger(
    name: str, mine: Mapping[str, Option], theirs: Mapping[str, Option], dialect: Dialect
) -> OptionTypeError:
    other = theirs.get(name)
    if other is None:
        return _unknown(name, list(mine))
    right, where = (
        (other.python, "as a keyword (with times in seconds)")
        if dialect == "python"
        else (other.node, "in an options mapping (with times in milliseconds)")
    )
    return OptionTypeError(
        f'Unknown option "{name}"; {where} it is spelled "{right}"',
        code="ERR_UNKNOWN_OPTION",
        phase="options",
    )


def _is_path(first: str) -> bool:
    """Node's rule: a string that is no number from zero up is a path."""
    return bool(first.strip()) and not _javascript_number(first) >= 0


_Slot = Literal["host", "options", "callback"]
_FORMS: dict[str, tuple[_Slot, ...]] = {
    "options": ("callback",),
    "path": ("options", "callback"),
    "port": ("host", "options", "callback"),
}


def _fits(slot: _Slot, value: object) -> bool:
    if slot == "host":
        return isinstance(value, str)
    return isinstance(value, Mapping) if slot == "options" else callable(value)


def _sort_positional(args: Sequence[object]) -> dict[str, Any]:
    """Tell port, host, path, options and callback apart; what is left out may be None or missing."""
    if not args:
        return {}
    first = args[0]
    if isinstance(first, Mapping):
        form = "options"
    elif isinstance(first, os.PathLike) or (isinstance(first, str) and _is_path(first)):
        form = "path"
    else:
        form = "port"
    found: dict[str, Any] = {} if first is None else {form: first}
    slots = list(_FORMS[form])
    for value in args[1:]:
        if value is None and slots:
            slots.pop(0)
            continue
        while slots and not _fits(slots[0], value):
            slots.pop(0)
        if not slots:
            expected = f"connect({', '.join((form, *_FORMS[form]))})"
            raise OptionTypeError(
                f"Arguments do not fit {expected}. {received(value)}",
                code="ERR_INVALID_ARG_TYPE",
                phase="options",
            )
        found[slots.pop(0)] = value
    return found


def read_connect_arguments(
    args: tuple[object, ...], keywords: Mapping[str, object]
) -> tuple[ConnectOptions, Callable[..., object] | None]:
    """Read the arguments of connect(), in any of its forms, and check all of them.

    Mirrors the argument handling of Node's `tls.connect()`: (port[, host][, options][, callback]),
    (path[, options][, callback]), (options[, callback]); a mapping is laid over positional port and
    host. Adds keywords, which may include `options` and `callback`.

    Raises:  OptionsError (ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE, ERR_MISSING_ARGS, ...);
             OptionTypeError for wrong types, unknown names, and an option given twice with different
             values; UnsupportedOptionError for what this Python cannot do.
    """
    positional = _sort_positional(args)
    named = dict(keywords)
    for slot in ("options", "callback"):
        value = named.pop(slot, None)
        if value is None:
            continue
        if slot in positional and positional[slot] is not value:
            raise _twice(slot)
        positional[slot] = value
    options = positional.pop("options", None)
    callback = positional.pop("callback", None)
    if options is not None and not isinstance(options, Mapping):
        raise option_type_error("options", "an instance of Object", options)
    if callback is not None and not callable(callback):
        raise option_type_error("callback", "function", callback)
    given = _Given(
        positional,
        _by_name(cast("Mapping[Any, Any]", options or {}), "node"),
        _by_name(named, "python"),
    )
    return _read(given, target_needed=True), cast("Callable[..., object] | None", callback)


def read_options(
    options: Mapping[str, object] | None, keywords: Mapping[str, object]
) -> ConnectOptions:
    """Read options in both dialects where nothing is to be connected, as for a secure context."""
    given = _Given({}, _by_name(options or {}, "node"), _by_name(keywords, "python"))
    return _read(given, target_needed=False)


def _twice(name: str) -> OptionTypeError:
    return OptionTypeError(
        f'The "{name}" option was given twice, with different values',
        code="ERR_INVALID_ARG_VALUE",
        phase="options",
    )


def _read(given: _Given, *, target_needed: bool) -> ConnectOptions:
    both = given.positional | given.mapping | given.keywords
    # A ready secure context replaces all that belongs to one; Node does not look at it then.
    skip_context = "secure_context" in both
    values: dict[str, Any] = {}
    for row in OPTIONS:
        if row is _TARGET and target_needed and not _has_target(both):
            raise OptionTypeError(code="ERR_MISSING_ARGS", phase="options")
        if row.python in both and not (skip_context and row.context):
            value = _value(row, given, both, row.check)
            if not row.supported and value != _DEFAULTS.get(row.python):
                raise unsupported_option(row.python, row.remedy)
            if row.python in _DEFAULTS:
                values[row.python] = value
    for row in OPTIONS:
        if row.late is not None and row.python in both:
            _value(row, given, both, row.late)
    if values.get("path", ...) is None:
        del values["path"]
    return ConnectOptions(**values)


def _has_target(given: Mapping[str, Any]) -> bool:
    return "port" in given or "socket" in given or given.get("path", "") != ""


def _value(row: Option, given: _Given, both: Mapping[str, Any], check: Check) -> Any:
    """Check an option wherever it was given; if that is twice, it must come to the same."""
    name = row.python
    found: list[Any] = []
    if name in given.mapping:
        found.append(check(Asked(row, given.mapping[name], "node", both)))
    elif name in given.positional:
        found.append(check(Asked(row, given.positional[name], "python", both)))
    if name in given.keywords:
        found.append(check(Asked(row, given.keywords[name], "python", both)))
    if found[0] is not found[-1] and found[0] != found[-1]:
        raise _twice(name)
    return found[-1]
