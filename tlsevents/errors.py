"""The exceptions of tlsevents, and the one place where foreign errors become ours.

Theory of operation
-------------------
* The public classes say *whose* problem it is (certificate, negotiation, network, options, stream);
  `code` says *which* one, in Node's words. What is known about a code is a row in `codes.py`.
* Codes that follow a rule are computed: `ERR_SSL_` plus OpenSSL's reason. They have a row only
  where there is something to advise.
* Existing Python code must go on working, so every class is also the standard library's class for
  the same thing. For network and file errors that depends on the code (`ECONNREFUSED` is a
  `ConnectionRefusedError`): `NetworkError(text, code=code)` makes an instance of a private twin
  class, derived from both. Twins carry the public name: that is what a traceback should show.
* Translation goes by attribute (`errno`, `reason`, `verify_code`). Message text is read only where
  CPython leaves `reason` None: its own table lacks the alerts 115 and 120 (seen on 3.11, 3.12 and
  3.13 with OpenSSL 3.0), and nobody names an alert without an assigned number.
* Nothing here shows a secret: with `secret=True` a received value is described by its type alone.
"""

from __future__ import annotations

import errno as _numbers
import json
import math
import os
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, TypedDict, TypeVar, Unpack, cast

from tlsevents.codes import ALERTS, CODES, LIBRARIES, NEGOTIATION_HINT, VERDICTS, Code

__all__ = [
    "CertificateError",
    "NegotiationError",
    "NetworkError",
    "OptionTypeError",
    "OptionsError",
    "Phase",
    "StreamError",
    "TLSEventsError",
    "UnsupportedOptionError",
    "aggregate_error",
    "altname_error",
    "content_error",
    "disconnected_error",
    "file_error",
    "handshake_timeout_error",
    "lookup_error",
    "option_range_error",
    "option_type_error",
    "option_value_error",
    "options_error",
    "received",
    "stream_error",
    "translate_os_error",
    "translate_ssl_error",
    "unsupported_option",
    "verify_error",
]

Phase = Literal["options", "lookup", "connect", "handshake", "verify", "open"]


class Properties(TypedDict, total=False):
    """What an error may carry beside code, phase, hint and temporary."""

    alert: str | None
    errno: int | None
    syscall: str | None
    address: str | None
    port: int | None
    host: str | None
    hostname: str | None
    path: str | None
    local_address: str | None
    library: str | None
    reason: str | None
    cert: Mapping[str, Any] | None
    errors: Sequence[BaseException]
    chain: Sequence[bytes]
    verify_code: int | None
    strerror: str | None


# Built-in exceptions that `OSError` does not choose by number itself.
_BUILTINS: dict[str, type[OSError]] = {
    "ENOTFOUND": socket.gaierror,
    "ERR_TLS_HANDSHAKE_TIMEOUT": TimeoutError,
    "ERR_SOCKET_CONNECTION_TIMEOUT": TimeoutError,
}


def _builtin(code: str | None) -> type[OSError] | None:
    """The built-in exception that stands for `code`, or None when it is no code of the system."""
    if code is None:
        return None
    if code.startswith("EAI_"):
        return socket.gaierror
    number = getattr(_numbers, code, None)
    return _BUILTINS.get(code) if number is None else type(OSError(number, ""))


class TLSEventsError(Exception):
    """Base of every exception that this library makes itself.

    Mirrors the errors of Node's tls and net: `str(error)` is Node's message (never empty), and
    Node's properties are attributes in snake_case. Attributes that do not apply are None (`errors`
    and `chain`: an empty tuple), never missing.

    Args:
        message: the text; the default text of the code if empty.
        code: Node's code, such as `CERT_HAS_EXPIRED` or `ECONNREFUSED`.
        phase: when it happened: `options`, `lookup`, `connect`, `handshake`, `verify` or `open`.
        hint: what is likely and what to do next; by default what is known about the code.
        temporary: whether a retry is worth while; by default what is known about the code.
        properties: the attributes listed in `Properties`.
    """

    code: str | None
    phase: Phase | None
    hint: str | None
    temporary: bool
    alert: str | None = None
    errno: int | None = None
    syscall: str | None = None
    address: str | None = None
    port: int | None = None
    host: str | None = None
    hostname: str | None = None
    path: str | None = None
    local_address: str | None = None
    library: str | None = None
    reason: str | None = None
    cert: Mapping[str, Any] | None = None
    errors: tuple[BaseException, ...] = ()
    chain: tuple[bytes, ...] = ()
    verify_code: int | None = None

    _message: str
    _public: ClassVar[type[TLSEventsError] | None] = None  # in a twin: the class it stands for

    def __new__(cls, message: str = "", *, code: str | None = None, **properties: Any) -> Self:
        """Choose the twin class, and give OSError what only its `__new__` takes."""
        made: type[Self] = _twin(cls, _builtin(code)) if cls._has_twins() else cls
        message = _text(message, code, cls)
        builtin = cast("type[object]", made)  # for type checkers the intersection is empty
        if not issubclass(builtin, OSError):
            return super().__new__(made, message)
        # OSError keeps errno, strerror and filename in C, and takes them in __new__ once a subclass
        # defines it; this also makes `args` what handlers of the built-in classes expect.
        number, text, path = (properties.get(key) for key in ("errno", "strerror", "path"))
        arguments: list[Any]
        if issubclass(builtin, ssl.SSLError):
            arguments = [int(ssl.SSL_ERROR_SSL), message]
        elif number is None:
            arguments = [text or message]
        else:
            arguments = [number, text or os.strerror(number)]
            if path is not None:
                arguments.append(path)
        return OSError.__new__(made, *arguments)

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        phase: Phase | None = None,
        hint: str | None = None,
        temporary: bool | None = None,
        **properties: Unpack[Properties],
    ) -> None:
        row = _row(code)
        self._message = _text(message, code, type(self))
        self.code = code
        self.phase = phase
        self.hint = (row.hint or None) if hint is None else hint
        self.temporary = row.temporary if temporary is None else temporary
        unknown = properties.keys() - Properties.__annotations__.keys()
        if unknown:
            raise TypeError(f"unknown properties of {type(self).__name__}: {sorted(unknown)}")
        for name, value in properties.items():
            if name != "strerror":  # OSError has it already, as far as it wants it
                setattr(self, name, value)
        self.errors = tuple(self.errors)
        self.chain = tuple(self.chain)

    @classmethod
    def _has_twins(cls) -> bool:
        return False

    @property
    def message(self) -> str:
        """Node's `error.message`; the same as `str(error)`."""
        return self._message

    def __str__(self) -> str:
        return self._message

    def __repr__(self) -> str:
        facts = "".join(
            f", {name}={value!r}"
            for name, value in (("code", self.code), ("phase", self.phase))
            if value is not None
        )
        return f"{type(self).__name__}({self._message!r}{facts})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the class with `args`, which an OSError has of its own kind.
        # A cause is lost by pickling, as with every exception.
        state = dict(self.__dict__)
        known = Properties.__annotations__.keys()
        properties = {name: state.pop(name) for name in list(state) if name in known}
        if isinstance(self, OSError):
            properties["strerror"] = self.strerror
        for name in ("code", "phase", "hint", "temporary"):
            properties[name] = state.pop(name)
        message = state.pop("_message")
        return _rebuild, (self._public or type(self), message, properties), state or None


def _rebuild(cls: type[TLSEventsError], message: str, properties: dict[str, Any]) -> TLSEventsError:
    error = cls.__new__(cls, message, **properties)
    TLSEventsError.__init__(error, message, **properties)
    return error


class CertificateError(TLSEventsError, ssl.SSLCertVerificationError):
    """The chain or the identity was not accepted; `chain` holds what was presented (DER)."""

    library: str | None = None  # type: ignore[assignment]
    reason: str | None = None  # type: ignore[assignment]
    verify_code: int | None = None  # type: ignore[assignment]

    @property
    def verify_message(self) -> str:  # type: ignore[override]
        """OpenSSL's text for `verify_code`, as on the built-in class."""
        return str(self)


class NegotiationError(TLSEventsError, ssl.SSLError):
    """The two sides found no common ground: protocol, cipher, ALPN, an alert, or garbage."""

    library: str | None = None  # type: ignore[assignment]
    reason: str | None = None  # type: ignore[assignment]


class NetworkError(TLSEventsError, OSError):
    """Lookup, connection or carrier failed; also the built-in class that fits `code`."""

    @classmethod
    def _has_twins(cls) -> bool:
        return cls is NetworkError


class OptionsError(TLSEventsError, ValueError):
    """What was configured cannot be used; also the built-in class that fits a file's `code`."""

    @classmethod
    def _has_twins(cls) -> bool:
        return cls is OptionsError


class OptionTypeError(OptionsError, TypeError):
    """An option has the wrong type, or is not known at all."""


class UnsupportedOptionError(OptionsError, NotImplementedError):
    """An option of Node's that this Python cannot honour; the message names what would help."""


class StreamError(TLSEventsError):
    """The stream cannot do that any more, or not yet: written after end, destroyed, ..."""


_Error = TypeVar("_Error", bound=TLSEventsError)
_TWINS: dict[tuple[type[TLSEventsError], type[OSError]], type[TLSEventsError]] = {}


def _twin(public: type[_Error], builtin: type[OSError] | None) -> type[_Error]:
    """`public`, or where `builtin` adds something, the class that is also `builtin`."""
    if builtin is None or issubclass(public, builtin):
        return public
    made = _TWINS.get((public, builtin))
    if made is None:  # in threads, the first one made is everybody's
        made = _TWINS.setdefault((public, builtin), _make_twin(public, builtin))
    return cast("type[_Error]", made)


def _make_twin(public: type[TLSEventsError], builtin: type[OSError]) -> type[TLSEventsError]:
    members: dict[str, Any] = {
        "__module__": public.__module__,
        "__qualname__": public.__qualname__,
        "__doc__": public.__doc__,
        "_public": public,
    }
    return cast("type[TLSEventsError]", type(public.__name__, (public, builtin), members))


def _row(code: str | None) -> Code:
    known = CODES.get(code or "")
    if known is not None:
        return known
    if code is not None and code.startswith("ERR_SSL_"):
        return Code("negotiation", "", NEGOTIATION_HINT)
    return Code("stream", "", "")


def _text(message: str, code: str | None, cls: type[TLSEventsError]) -> str:
    return message or _row(code).message or code or cls.__name__


def _because(error: _Error, cause: BaseException | None) -> _Error:
    error.__cause__ = cause
    return error


# --- Options ------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    """A string the way Node's messages show it: single quotes, else double ones."""
    return json.dumps(text, ensure_ascii=False) if "'" in text else repr(text)


def _number(value: float) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
    return str(value)


# What JavaScript calls the types that both languages have.
_NODE_CLASSES: dict[type, str] = {dict: "Object", list: "Array", tuple: "Array", bytes: "Buffer"}


def received(value: object, *, secret: bool = False) -> str:
    """The end of Node's type errors: `Received type number (5)`; of a secret only the type."""
    if value is None:
        return "Received null"
    if isinstance(value, bool):
        kind, shown = "boolean", str(value).lower()
    elif isinstance(value, int | float):
        kind, shown = "number", _number(value)
    elif isinstance(value, str):
        kind, shown = "string", _quoted(value if len(value) <= 28 else value[:25] + "...")
    elif isinstance(value, type) or not callable(value):
        name = _NODE_CLASSES.get(type(value), type(value).__name__)
        return f"Received an instance of {name}"
    else:
        return f"Received function {getattr(value, '__name__', '')}".rstrip()
    return f"Received type {kind}" if secret else f"Received type {kind} ({shown})"


def _inspected(value: object) -> str:
    """A value the way Node's value errors show it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        text = _quoted(value)
    elif isinstance(value, bytes):
        more = f" ... {len(value) - 50} more bytes" if len(value) > 50 else ""
        text = f"<Buffer{''.join(f' {byte:02x}' for byte in value[:50])}{more}>"
    elif isinstance(value, list | tuple):
        items = [_inspected(item) for item in cast("Sequence[object]", value)]
        text = f"[ {', '.join(items)} ]" if items else "[]"
    else:
        text = repr(value)
    return text if len(text) <= 128 else text[:128] + "..."


def _subject(name: str) -> str:
    """Node calls a dotted name a property, any other an argument."""
    return "property" if "." in name else "argument"


def option_type_error(
    name: str, expected: str, value: object, *, secret: bool = False
) -> OptionTypeError:
    """Node's ERR_INVALID_ARG_TYPE: `expected` follows "must be", or is only a type's name."""
    if not expected.startswith(("of ", "one of ", "an instance ")):
        expected = f"of type {expected}"
    text = f'The "{name}" {_subject(name)} must be {expected}. {received(value, secret=secret)}'
    return OptionTypeError(text, code="ERR_INVALID_ARG_TYPE", phase="options")


def option_value_error(
    name: str, value: object, reason: str = "is invalid", *, secret: bool = False
) -> OptionsError:
    """Node's ERR_INVALID_ARG_VALUE: `reason` is the text between name and value."""
    shown = "" if secret else f". Received {_inspected(value)}"
    text = f"The {_subject(name)} '{name}' {reason}{shown}"
    return OptionsError(text, code="ERR_INVALID_ARG_VALUE", phase="options")


def option_range_error(name: str, range_text: str, value: object) -> OptionsError:
    """Node's ERR_OUT_OF_RANGE: `range_text` is the text after "It must be", e.g. ">= 1"."""
    shown = _inspected(value)
    if isinstance(value, int) and abs(value) > 2**32:
        shown = f"{value:_}"  # Node writes large numbers like this
    text = f'The value of "{name}" is out of range. It must be {range_text}. Received {shown}'
    return OptionsError(text, code="ERR_OUT_OF_RANGE", phase="options")


def options_error(
    code: str | None,
    message: str = "",
    *,
    phase: Phase = "options",
    hint: str | None = None,
    **properties: Unpack[Properties],
) -> OptionsError:
    """Any other mistake in the options; the message defaults to what is known about the code."""
    return OptionsError(message, code=code, phase=phase, hint=hint, **properties)


def unsupported_option(name: str, remedy: str) -> UnsupportedOptionError:
    """`name` cannot be honoured; `remedy` is a sentence that says what would make it work."""
    return UnsupportedOptionError(
        f'The "{name}" option is not supported: {remedy}',
        code="ERR_UNSUPPORTED_OPTION",
        phase="options",
        hint=remedy,
    )


def file_error(exc: OSError, path: str | os.PathLike[str]) -> OptionsError:
    """A file named in the options cannot be read."""
    code, number = _system_code(exc)
    where = os.fspath(path)
    error = OptionsError(
        f"open {code} {where}",
        code=code,
        phase="options",
        errno=number,
        strerror=exc.strerror,
        syscall="open",
        path=where,
    )
    return _because(error, exc)


def content_error(exc: ssl.SSLError, *, name: str | None = None) -> OptionsError:
    """OpenSSL cannot use what an option holds: a certificate, key, cipher list, ...

    `name` is the option, for the caller's sake; it is added to the hint.
    """
    library, mnemonic = _ssl_facts(exc)
    prefix = {"SSL": "ERR_SSL_", "PROV": "ERR_OSSL_"}.get(library, f"ERR_OSSL_{library}_")
    code = prefix + mnemonic
    reason = mnemonic.lower().replace("_", " ")
    text = LIBRARIES.get(library, library)
    hint = _row(code).hint or _row("ERR_CRYPTO_OPERATION_FAILED").hint
    error = OptionsError(
        f"error:{text}:{reason}",
        code=code,
        phase="options",
        hint=f"Look at {name}. {hint}" if name else hint,
        library=text,
        reason=reason,
    )
    return _because(error, exc)


# --- TLS ----------------------------------------------------------------------------------------

_ALERT_OF_REASON = {reason: number for number, (_, reason) in ALERTS.items()}

# OpenSSL up to 3.1 and from 3.2 on say different things about the same record: old reason, (phase,
# protocol) where they differ (None: always), new reason. Users see the new one.
_RENAMED: dict[str, tuple[tuple[Phase, str] | None, str]] = {
    "PACKET_LENGTH_TOO_LONG": (None, "DATA_LENGTH_TOO_LONG"),
    "WRONG_VERSION_NUMBER": (("open", "TLSv1.3"), "BAD_RECORD_TYPE"),
}

# Names for registered alerts that OpenSSL has no text for: RFC 9146, RFC 9849.
_ALERTS_UNKNOWN_TO_OPENSSL = {0: "close_notify", 52: "too_many_cids_requested", 121: "ech_required"}

# What CPython says in its own words, or without OpenSSL's reason: how it starts, what it means.
_CPYTHON_TEXTS = {
    "No cipher can be selected.": ("SSL", "NO_CIPHER_MATCH"),
    "no start line: cadata": ("PEM", "NO_START_LINE"),
    "not enough data: cadata": ("ASN1", "NOT_ENOUGH_DATA"),
    "[SSL] PEM lib": ("PEM", "PEM_LIB"),
}

_LOCATION = re.compile(r"\s*\(_ssl\.c:\d+\)$")
_PREFIX = re.compile(r"^\[([A-Z0-9]*)(?:: ?([^\]]*))?\]\s*")


def _ssl_facts(exc: ssl.SSLError) -> tuple[str, str]:
    """OpenSSL's library and reason, both in CPython's short form (`SSL`, `NO_CIPHER_MATCH`)."""
    library: str | None = getattr(exc, "library", None)
    mnemonic: str | None = getattr(exc, "reason", None)
    if isinstance(exc, ssl.SSLEOFError):
        return library or "SSL", "UNEXPECTED_EOF_WHILE_READING"
    if not mnemonic:
        text = _LOCATION.sub("", str(exc.args[-1]) if exc.args else "")
        for start, facts in _CPYTHON_TEXTS.items():
            if text.startswith(start):
                return facts
        found = _PREFIX.match(text)
        if found is not None:
            library, mnemonic = library or found[1], found[2]
            text = text[found.end() :]
        mnemonic = mnemonic or text.strip().upper().replace(" ", "_") or "UNKNOWN_ERROR"
    return library or "SSL", mnemonic


def translate_ssl_error(
    exc: ssl.SSLError,
    *,
    phase: Phase,
    alert_number: int | None = None,
    protocol: str | None = None,
) -> NegotiationError | CertificateError:
    """What `ssl` raised, as Node names it.

    Args:
        alert_number: the number of the alert just received, where the caller knows it. For one
            that OpenSSL has no name for, the exception says "unknown error" and not the number;
            `alert` is then its registered name, or like `unknown_200`.
        protocol: the version agreed on, such as `TLSv1.3`, where the caller knows it.
    """
    if isinstance(exc, ssl.SSLCertVerificationError):
        return verify_error(exc.verify_code, cause=exc)
    library, mnemonic = _ssl_facts(exc)
    if mnemonic.startswith("SSLV3_ALERT_"):
        mnemonic = "SSL/TLS_ALERT_" + mnemonic.removeprefix("SSLV3_ALERT_")
    where, renamed = _RENAMED.get(mnemonic, (None, mnemonic))
    if where is None or where == (phase, protocol):
        mnemonic = renamed
    number = _ALERT_OF_REASON.get(mnemonic)
    alert = None if number is None else ALERTS[number][0]
    if number is None and alert_number is not None and mnemonic == "UNKNOWN_ERROR":
        number, mnemonic = alert_number, "UNKNOWN_ALERT_TYPE"
        alert = _ALERTS_UNKNOWN_TO_OPENSSL.get(number, f"unknown_{number}")
    reason = mnemonic.lower().replace("_", " ")
    text = LIBRARIES.get(library, library)
    details = "" if number is None else f":SSL alert number {number}"
    code = f"ERR_SSL_{mnemonic}"
    error = NegotiationError(
        f"error:{text}:{reason}{details}",
        code=code,
        phase=phase,
        library=text,
        reason=reason,
        alert=alert,
    )
    return _because(error, exc)


def verify_error(
    verify_code: int, *, chain: Sequence[bytes] = (), cause: BaseException | None = None
) -> CertificateError:
    """OpenSSL's verdict on a chain, by its X509_V_ERR number."""
    code, message = VERDICTS.get(
        verify_code, ("UNSPECIFIED", "unknown certificate verification error")
    )
    error = CertificateError(
        message, code=code, phase="verify", verify_code=verify_code, chain=chain
    )
    return _because(error, cause)


def altname_error(
    reason: str, host: str, cert: Mapping[str, Any], *, chain: Sequence[bytes] = ()
) -> CertificateError:
    """The certificate is for other names. `reason` is Node's; `host` has no trailing dot."""
    code = "ERR_TLS_CERT_ALTNAME_INVALID"
    return CertificateError(
        f"{CODES[code].message}: {reason}",
        code=code,
        phase="verify",
        reason=reason,
        host=host,
        cert=cert,
        chain=chain,
        verify_code=62,  # X509_V_ERR_HOSTNAME_MISMATCH, for handlers of the built-in class
    )


# --- Network ------------------------------------------------------------------------------------

# For errors without a number, as asyncio makes some.
_CODE_OF_BUILTIN: dict[type[OSError], str] = {
    BrokenPipeError: "EPIPE",
    ConnectionAbortedError: "ECONNABORTED",
    ConnectionRefusedError: "ECONNREFUSED",
    ConnectionResetError: "ECONNRESET",
    FileNotFoundError: "ENOENT",
    PermissionError: "EACCES",
    TimeoutError: "ETIMEDOUT",
}


def _system_code(exc: OSError) -> tuple[str, int | None]:
    """The name of an error of the system, and its number."""
    if exc.errno is not None and exc.errno in _numbers.errorcode:
        return _numbers.errorcode[exc.errno].removeprefix("WSA"), exc.errno  # WSA: Windows
    for builtin, code in _CODE_OF_BUILTIN.items():
        if isinstance(exc, builtin):
            return code, getattr(_numbers, code)
    return "UNKNOWN", exc.errno


def translate_os_error(
    exc: OSError,
    *,
    syscall: str,
    phase: Phase,
    address: str | None = None,
    port: int | None = None,
    path: str | None = None,
    local: tuple[str, int] | str | None = None,
) -> NetworkError:
    """What the system or asyncio raised, as Node words it: `connect ECONNREFUSED 127.0.0.1:443`.

    Args:
        address, port: the peer of a connect, our side of a bind; port 0 is not shown, as in Node.
        path: a Unix socket's path; Node calls it the address.
        local: our side of a connection that the system refused at once.
    """
    code, number = _system_code(exc)
    address = path if path is not None else address
    text = f"{syscall} {code}"
    if address is not None:
        text += f" {address}:{port}" if port else f" {address}"
    if local is not None:
        ours = local if isinstance(local, str) else f"{local[0]}:{local[1]}"
        text += f" - Local ({ours})"
    error = NetworkError(
        text,
        code=code,
        phase=phase,
        errno=number,
        strerror=exc.strerror,
        syscall=syscall,
        address=address,
        port=port or None,
    )
    return _because(error, exc)


_LOOKUP_CODES = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")} | {
    # Node says ENOTFOUND for both, as its resolver library c-ares always did.
    getattr(socket, name): "ENOTFOUND"
    for name in ("EAI_NONAME", "EAI_NODATA")
    if hasattr(socket, name)
}


def lookup_error(exc: socket.gaierror, hostname: str) -> NetworkError:
    """The name could not be resolved; also a `socket.gaierror`, with its `errno`."""
    code = _LOOKUP_CODES.get(exc.errno, "EAI_FAIL")
    error = NetworkError(
        f"getaddrinfo {code} {hostname}",
        code=code,
        phase="lookup",
        errno=exc.errno,
        strerror=exc.strerror,
        syscall="getaddrinfo",
        hostname=hostname,
    )
    return _because(error, exc)


def aggregate_error(errors: Sequence[BaseException]) -> NetworkError:
    """Every address failed: the first one's code, as in Node, and a message that tells them all."""
    if not errors:
        raise ValueError("there must be at least one error")
    first = errors[0]
    known = first if isinstance(first, TLSEventsError) else None
    details = "; ".join(dict.fromkeys(str(error) or type(error).__name__ for error in errors))
    error = NetworkError(
        f"all {len(errors)} connection attempts failed: {details}",
        code=None if known is None else known.code,
        phase="connect",
        errno=None if known is None else known.errno,
        strerror=first.strerror if isinstance(first, OSError) else None,
        errors=errors,
        temporary=any(getattr(error, "temporary", False) for error in errors),
    )
    return _because(error, first)


def disconnected_error(
    *,
    host: str | None = None,
    port: int | None = None,
    path: str | None = None,
    local_address: str | None = None,
) -> NetworkError:
    """The server closed the connection before the handshake was complete."""
    return NetworkError(
        "Client network socket disconnected before secure TLS connection was established",
        code="ECONNRESET",
        phase="handshake",
        host=host,
        port=port,
        path=path,
        local_address=local_address,
    )


def handshake_timeout_error(seconds: float) -> NetworkError:
    """`secureConnect` was not reached in time; also a `TimeoutError`."""
    code = "ERR_TLS_HANDSHAKE_TIMEOUT"
    text = f"{CODES[code].message}: not secure after {seconds:g} seconds"
    return NetworkError(text, code=code, phase="handshake")


# --- Streams ------------------------------------------------------------------------------------


def stream_error(code: str, message: str = "") -> StreamError:
    """What a stream answers when it cannot do as asked; the default text is Node's."""
    if code == "EPIPE":  # as an error of the system it has another text, and is a NetworkError
        message = message or "This socket has been ended by the other party"
        return StreamError(message, code=code, phase="open", temporary=False)
    if code in ("EBADF", "ECANCELED"):
        number = getattr(_numbers, code)
        return StreamError(message, code=code, phase="open", errno=number, syscall="write")
    return StreamError(message, code=code, phase="open")
