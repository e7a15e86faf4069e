"""The options of connect(): one table for both dialects, read into one frozen dataclass.

How it works
------------
* `OPTIONS` has a row per option: its Python name, its Node name, and a check (`checks.py`,
  `tls_checks.py`) that turns a value into what `ConnectOptions` holds. The rows stand in the order
  in which Node checks: with several bad values, porters expect the same first complaint.
* A mapping is Node's dialect: camelCase names, milliseconds. Keywords are Python's: snake_case
  names, seconds. Both run through the same checks; messages use the caller's spelling.
* None means "not given" in both, save for `handshake_timeout`, where None lifts the limit.
* Nothing is ignored: an unknown name, an option that cannot be honoured, and the same option given
  twice with different values each raise. Values that ask for nothing (`requestOCSP: false`) are
  fine.
* Where Node overlooks a wrong type (`rejectUnauthorized: 0`, a malformed `onread`), we do not.
* PEM is only sorted here into content and paths; `context.py` looks inside.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from tlsevents import checks, tls_checks
from tlsevents.checks import (
    DEFAULT_ATTEMPT_TIMEOUT,
    DEFAULT_HANDSHAKE_TIMEOUT,
    DEFAULT_HIGH_WATER_MARK,
    SYSTEM,
    Asked,
    Check,
    Dialect,
    OnRead,
    Option,
    PemContent,
    PemPath,
    Sealed,
    Source,
    SystemTrust,
)
from tlsevents.errors import (
    OptionTypeError,
    option_type_error,
    options_error,
    received,
    unsupported_option,
)
from tlsevents.sessions import SessionCache

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


# --- The result -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectOptions:
    """What connect() was asked for: checked, in Python's units (seconds), with defaults.

    Where None is the default, the option was not given, and whoever uses it knows what that means.
    """

    # Where to connect.
    host: str | None = None  # None: "localhost"; or the host that a socket below was connected to
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
    session_cache: SessionCache | None = None
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


# --- The table ------------------------------------------------------------------------------------

# In the order in which Node 26 checks (measured pair by pair); our own stand where they fit.
OPTIONS: Final[tuple[Option, ...]] = (
    Option("reject_unauthorized", "rejectUnauthorized", checks.boolean),
    Option("check_server_identity", "checkServerIdentity", checks.function),
    Option("min_dh_size", "minDHSize", tls_checks.minimum_size),
    Option("context", "context", _context),
    Option("min_version", "minVersion", tls_checks.version, context=True),
    Option("max_version", "maxVersion", tls_checks.version, context=True),
    Option("secure_protocol", "secureProtocol", tls_checks.method, context=True),
    Option("secure_options", "secureOptions", tls_checks.secure_options, context=True),
    Option("ciphers", "ciphers", tls_checks.ciphers, context=True),
    Option("ca", "ca", tls_checks.ca, context=True),
    Option("cert", "cert", tls_checks.optional_sources, context=True),
    Option("key", "key", tls_checks.key, context=True, secret=True),
    Option("passphrase", "passphrase", checks.string, context=True, secret=True),
    Option(
        "certificate_compression", "certificateCompression", tls_checks.compression, context=True
    ),
    Option("sigalgs", "sigalgs", tls_checks.sigalgs, context=True),
    Option(
        "private_key_identifier", "privateKeyIdentifier", tls_checks.key_identifier, context=True
    ),
    Option("private_key_engine", "privateKeyEngine", tls_checks.key_engine, context=True),
    Option("ecdh_curve", "ecdhCurve", tls_checks.curve, context=True),
    Option("dhparam", "dhparam", tls_checks.dhparam, context=True),
    Option("crl", "crl", tls_checks.crl, context=True),
    Option("session_id_context", "sessionIdContext", checks.string, context=True),
    Option("pfx", "pfx", tls_checks.pfx, context=True, secret=True),
    Option("client_cert_engine", "clientCertEngine", tls_checks.engine, context=True),
    Option("ticket_keys", "ticketKeys", tls_checks.ticket_keys, context=True, secret=True),
    Option("session_timeout", "sessionTimeout", tls_checks.session_timeout, context=True),
    Option("honor_cipher_order", "honorCipherOrder", checks.truthy, context=True),
    Option("allow_partial_trust_chain", "allowPartialTrustChain", checks.truthy, context=True),
    Option("servername", "servername", tls_checks.servername, late=tls_checks.servername_type),
    Option("enable_trace", "enableTrace", checks.boolean),
    Option("secure_context", "secureContext", tls_checks.secure_context),
    Option("alpn_protocols", "ALPNProtocols", tls_checks.alpn),
    Option("request_ocsp", "requestOCSP", tls_checks.ocsp),
    Option("keep_alive_initial_delay", "keepAliveInitialDelay", checks.initial_delay),
    Option("keep_alive", "keepAlive", checks.truthy),
    Option("no_delay", "noDelay", checks.truthy),
    Option("allow_half_open", "allowHalfOpen", checks.truthy),
    Option("high_water_mark", "highWaterMark", checks.high_water_mark),
    Option("object_mode", "objectMode", checks.not_forwarded),
    Option("block_list", "blockList", checks.not_forwarded),
    Option("signal", "signal", checks.signal),
    Option("onread", "onread", checks.onread),
    Option("session", "session", tls_checks.session, secret=True),
    Option("session_cache", "sessionCache", tls_checks.session_cache),
    Option("psk_callback", "pskCallback", tls_checks.psk_function),
    Option("timeout", "timeout", checks.timer),
    Option("handshake_timeout", "handshakeTimeout", checks.deadline),
    Option("socket", "socket", checks.carrier),
    Option("path", "path", checks.path),
    Option("host", "host", checks.host),
    Option("local_address", "localAddress", checks.local_address),
    Option("local_port", "localPort", checks.local_port),
    Option("port", "port", checks.port_number),
    Option("auto_select_family", "autoSelectFamily", checks.boolean),
    Option(
        "auto_select_family_attempt_timeout",
        "autoSelectFamilyAttemptTimeout",
        checks.attempt_timeout,
    ),
    Option("lookup", "lookup", checks.function),
    Option("family", "family", checks.family),
    Option("hints", "hints", checks.hints),
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
        if value is not None or row.check is checks.deadline:
            found[row.python] = value
    return found


def _stranger(
    name: str, mine: Mapping[str, Option], theirs: Mapping[str, Option], dialect: Dialect
) -> OptionTypeError:
    other = theirs.get(name)
    if other is None:
        return checks.unknown(name, list(mine))
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
    return bool(first.strip()) and not checks.javascript_number(first) >= 0


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
    """Tell port, host, path, options and callback apart; None and nothing are left out."""
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
             OptionTypeError for wrong types, unknown names, and an option given twice with
             different values; UnsupportedOptionError for what this Python cannot do.
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
    if options is not None and not checks.is_mapping(options):
        raise option_type_error("options", "an instance of Object", options)
    if callback is not None and not callable(callback):
        raise option_type_error("callback", "function", callback)
    given = _Given(
        positional,
        _by_name(options or {}, "node"),
        _by_name(named, "python"),
    )
    return _read(given, target_needed=True), callback


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
