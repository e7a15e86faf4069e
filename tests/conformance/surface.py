"""Writes SURFACE.md: what Node's client has, what is here, what reaches it, what differs.

    python -m tests.conformance.surface

Nothing in the file is written by hand. Our side is read off the option table, the classes and
the table of codes; the differences are those of `differences.py`; "reached by" counts the
recorded scenarios that use a thing, and names a test where no scenario does. Only Node's names
stand here, and the few of them that have no counterpart, with the reason.
"""

from __future__ import annotations

import ast
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, get_args

import tlsevents
from tests.conformance import differences, harness, scenarios, test_codes
from tests.conformance.python_client import snake
from tlsevents.codes import ALERTS, CODES, VERDICTS
from tlsevents.events import SocketEvent
from tlsevents.options import OPTIONS

Json: TypeAlias = Any
HERE = Path(__file__).parent
FILE = HERE / "SURFACE.md"
TESTS = HERE.parent

# --- Node's names -----------------------------------------------------------------------------

NODE_OPTIONS = """
host port path socket lookup family hints localAddress localPort autoSelectFamily
autoSelectFamilyAttemptTimeout noDelay keepAlive keepAliveInitialDelay allowHalfOpen highWaterMark
onread timeout signal objectMode blockList rejectUnauthorized checkServerIdentity servername
ALPNProtocols session minDHSize requestOCSP pskCallback enableTrace secureContext ca cert key
passphrase pfx crl ciphers minVersion maxVersion secureProtocol secureOptions sigalgs ecdhCurve
dhparam honorCipherOrder sessionIdContext sessionTimeout ticketKeys allowPartialTrustChain
certificateCompression clientCertEngine privateKeyIdentifier privateKeyEngine
""".split()
NODE_EVENTS = """
lookup connectionAttempt connectionAttemptFailed connectionAttemptTimeout connect ready keylog
OCSPResponse secure secureConnect session data readable end pause resume pipe unpipe drain finish
timeout tlsClientError error close
""".split()
NODE_METHODS = """
connect write end destroy destroySoon resetAndDestroy cork uncork setDefaultEncoding read pause
resume isPaused setEncoding unshift pipe unpipe setTimeout setNoDelay setKeepAlive ref unref
address getProtocol getCipher getPeerCertificate getPeerX509Certificate getX509Certificate
getCertificate getEphemeralKeyInfo getFinished getPeerFinished getSession setSession getTLSTicket
isSessionReused getSharedSigalgs exportKeyingMaterial setServername setMaxSendFragment renegotiate
disableRenegotiation enableTrace on addListener once off removeListener removeAllListeners
prependListener prependOnceListener emit eventNames listenerCount listeners rawListeners
getMaxListeners setMaxListeners setKeyCert getTypeOfService setTypeOfService push wrap compose
iterator every filter find flatMap forEach map reduce some take toArray drop
""".split()
NODE_PROPERTIES = """
encrypted authorized authorizationError alpnProtocol servername secureConnecting connecting pending
readyState destroyed closed errored bytesRead bytesWritten bufferSize remoteAddress remotePort
remoteFamily localAddress localPort localFamily timeout autoSelectFamilyAttemptedAddresses
allowHalfOpen readable readableFlowing readableLength readableHighWaterMark readableEncoding
readableEnded readableDidRead readableAborted writable writableLength writableHighWaterMark
writableCorked writableEnded writableFinished writableNeedDrain writableAborted readableBuffer
writableBuffer readableObjectMode writableObjectMode server ssl
""".split()
NODE_MODULE = """
connect TLSSocket SecureContext createSecureContext checkServerIdentity getCiphers rootCertificates
getCACertificates setDefaultCACertificates convertALPNProtocols DEFAULT_MIN_VERSION
DEFAULT_MAX_VERSION DEFAULT_CIPHERS DEFAULT_ECDH_CURVE getCertificateCompressionAlgorithms
CLIENT_RENEG_LIMIT CLIENT_RENEG_WINDOW Server createServer
""".split()
NOT_ON_PROTOTYPES = {"timeout", "writableAborted", "autoSelectFamilyAttemptedAddresses"}
"""Properties that a new TLSSocket of Node has not got yet, or that are not its own."""

_OPERATOR = "a helper on top of async iteration: `async for`, and Python's own tools"
_SERVER = "of servers"
_BYTES = "streams here carry bytes; a buffer's length is told, its insides are not"
NOT_HERE: Mapping[str, str] = {
    "event:OCSPResponse": "never: see `requestOCSP`",
    "method:setKeyCert": _SERVER,
    "method:getTypeOfService": "set IP_TOS on a `socket.socket` and pass that as `socket`",
    "method:setTypeOfService": "set IP_TOS on a `socket.socket` and pass that as `socket`",
    "method:push": "for those who build streams, which is not done by deriving here",
    "method:wrap": "for streams of Node 0.8",
    "method:rawListeners": "`listeners()` has the functions as they were added",
    "method:getMaxListeners": "there is no limit",
    "method:setMaxListeners": "there is no limit",
    **{
        f"method:{name}": _OPERATOR
        for name in "compose iterator every filter find flatMap forEach map reduce some take "
        "toArray drop".split()
    },
    "property:readableBuffer": _BYTES,
    "property:writableBuffer": _BYTES,
    "property:readableObjectMode": _BYTES,
    "property:writableObjectMode": _BYTES,
    "property:server": _SERVER,
    "property:ssl": "Node's internal handle",
    "module:getCertificateCompressionAlgorithms": "Python's `ssl` compresses no certificates",
    "module:CLIENT_RENEG_LIMIT": _SERVER,
    "module:CLIENT_RENEG_WINDOW": _SERVER,
    "module:Server": _SERVER,
    "module:createServer": _SERVER,
    "code:ERR_IP_BLOCKED": "`blockList` is no option of `tls.connect()`, in Node neither",
    "code:ERR_SOCKET_CONNECTION_TIMEOUT": "an attempt that took too long counts as ETIMEDOUT, "
    "in Node too",
}
NOTES: Mapping[str, str] = {
    "event:tlsClientError": "Node emits it on servers alone; here it is what fails before "
    "`secureConnect`, and `error` where nobody listens to it",
    "option:objectMode": "not forwarded by `tls.connect()`; refused here, ignored there",
    "option:blockList": "not forwarded by `tls.connect()`; refused here, ignored there",
    "option:enableTrace": "in a format of our own",
    "method:enableTrace": "in a format of our own",
    "method:exportKeyingMaterial": "has to be called once before the handshake (pay for use)",
    "method:getFinished": "of a resumed session it has to be called once before the handshake",
    "method:resetAndDestroy": "raises for TLS, as in Node; `net.Socket` has it",
    "option:certificateCompression": "Python's `ssl` compresses no certificates",
    "option:clientCertEngine": "Python's `ssl` loads no engines",
    "option:privateKeyIdentifier": "Python's `ssl` loads no engines",
    "option:privateKeyEngine": "Python's `ssl` loads no engines",
}

# --- Node's codes: what its clients were seen to meet ------------------------------------------

NODE_CODES: Mapping[str, tuple[str, ...]] = {
    "Address and connection": tuple(
        """
        ENOTFOUND EAI_AGAIN ERR_INVALID_IP_ADDRESS ERR_INVALID_ADDRESS_FAMILY ECONNREFUSED
        ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOENT EADDRNOTAVAIL EADDRINUSE ABORT_ERR
        ERR_SOCKET_CLOSED ERR_SOCKET_CONNECTION_TIMEOUT ERR_IP_BLOCKED
        """.split()
    ),
    "Handshake": tuple(
        """
        ERR_SSL_WRONG_VERSION_NUMBER ERR_SSL_UNEXPECTED_MESSAGE ERR_SSL_DATA_LENGTH_TOO_LONG
        ERR_SSL_UNSUPPORTED_PROTOCOL ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED
        ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC ERR_SSL_NO_PROTOCOLS_AVAILABLE
        ERR_SSL_NO_CIPHERS_AVAILABLE ERR_TLS_DH_PARAM_SIZE ERR_SSL_PSK_IDENTITY_NOT_FOUND ECONNRESET
        EPROTO ECANCELED EBADF ERR_SOCKET_CLOSED_BEFORE_CONNECTION ERR_SSL_EXCESSIVE_MESSAGE_SIZE
        ERR_SSL_CALLED_A_FUNCTION_YOU_SHOULD_NOT_CALL ERR_SSL_LENGTH_MISMATCH
        """.split()
    ),
    "Alerts of the peer": tuple(
        f"ERR_SSL_{reason}" for number, (_, reason) in ALERTS.items() if number != 21
    ),
    "Certificate": (
        *dict.fromkeys(code for code, _ in VERDICTS.values()),
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "ERR_TLS_CERT_ALTNAME_FORMAT",
    ),
    "Open connection": tuple(
        """
        EPIPE ERR_SSL_CIPHER_OPERATION_FAILED ERR_SSL_BAD_RECORD_TYPE ERR_SSL_NO_RENEGOTIATION
        ERR_SSL_WRONG_SSL_VERSION ERR_STREAM_WRITE_AFTER_END ERR_STREAM_DESTROYED
        ERR_STREAM_NULL_VALUES ERR_STREAM_ALREADY_FINISHED ERR_UNKNOWN_ENCODING ERR_STREAM_WRAP
        ERR_INVALID_HANDLE_TYPE ERR_TLS_INVALID_STATE ERR_TLS_RENEGOTIATION_DISABLED
        """.split()
    ),
    "Options": tuple(
        """
        ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE ERR_OUT_OF_RANGE ERR_MISSING_ARGS
        ERR_SOCKET_BAD_PORT ERR_TLS_INVALID_CONTEXT ERR_TLS_INVALID_PROTOCOL_VERSION
        ERR_TLS_INVALID_PROTOCOL_METHOD ERR_TLS_PROTOCOL_VERSION_CONFLICT
        ERR_CRYPTO_OPERATION_FAILED ERR_SSL_NO_CIPHER_MATCH ERR_SSL_INVALID_COMMAND
        ERR_OSSL_PEM_NO_START_LINE ERR_OSSL_UNSUPPORTED ERR_OSSL_X509_KEY_VALUES_MISMATCH
        ERR_OSSL_BAD_DECRYPT ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED
        """.split()
    ),
}


# --- what reaches a thing ---------------------------------------------------------------------


@functools.cache
def _tests() -> dict[str, str]:
    """For each word of a test function, the first test that has it."""
    found: dict[str, str] = {}
    files = [*sorted((TESTS / "integration").glob("test_*.py")), HERE / "test_codes.py"]
    files += [*sorted((TESTS / "unit").glob("test_*.py")), HERE / "test_surface.py"]
    for path in files:
        if path.name in {"test_readme.py", "test_floors.py"}:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.stem}::{node.name}"
                if node.name.startswith("test_"):
                    for word in _words(node):
                        found.setdefault(word, name)
    for test, codes in test_codes.REACHED.items():
        for code in codes:
            found[code] = f"test_codes::{test}"
    return found


def _words(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@functools.cache
def _run() -> tuple[dict[str, list[tuple[str, Json]]], dict[str, list[differences.Difference]]]:
    """What the newest Python does in each scenario, and the rows that make it so."""
    traces: dict[str, list[tuple[str, Json]]] = {}
    changes: dict[str, list[differences.Difference]] = {}
    for scenario in scenarios.load().values():
        outcome = harness.recorded(scenario.name)
        changes[scenario.name] = []
        for row in differences.everything():
            if not row.only and row.matches(scenario):
                before = outcome.copy()
                row.change(outcome, scenario)
                if outcome != before:
                    changes[scenario.name].append(row)
        traces[scenario.name] = outcome.events
    return traces, changes


def _expected() -> dict[str, list[tuple[str, Json]]]:
    return _run()[0]


def _changes() -> dict[str, list[differences.Difference]]:
    return _run()[1]


def _codes(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("code"), str):
            yield value["code"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _codes(item)


@functools.cache
def _uses() -> dict[str, dict[str, list[str]]]:
    """Which scenarios use which option, method, ..., by kind and Node's name."""
    uses: dict[str, dict[str, list[str]]] = {
        kind: {} for kind in ("option", "event", "method", "property", "code", "module")
    }

    def use(kind: str, name: str, scenario: str) -> None:
        users = uses[kind].setdefault(name, [])
        if not users or users[-1] != scenario:
            users.append(scenario)

    for name, scenario in scenarios.load().items():
        program = json.dumps(scenario.program.as_json())
        use("module", "connect", name)
        use("module", "TLSSocket", name)
        for method in re.findall(r'"method": "(\w+)"', program):
            use("method", method, name)
        for method in re.findall(r'"(\w+)\((?:\'\w+\')?\)"', program):
            use("method", method, name)
        if '"getters"' in program:
            for method in scenarios.GETTERS:
                use("method", method, name)
        if scenario.recording.get("after"):
            for text in scenarios.AFTER:
                use("method" if "(" in text else "property", text.removesuffix("()"), name)
        for value in re.findall(r'": "(\w+)"', program):
            if value in NODE_PROPERTIES:
                use("property", value, name)
        options = scenario.recording["options"]
        for given in options if isinstance(options, list) else [options]:
            for option, value in given.items() if isinstance(given, dict) else ():
                use("option", option, name)
                if "tls.createSecureContext" in str(value):
                    use("module", "createSecureContext", name)
                    use("module", "SecureContext", name)
        for event, payload in _expected()[name]:
            use("event", event.removeprefix("second:"), name)
            for code in _codes(payload):
                use("code", code, name)
    return uses


def reached(kind: str, node: str, ours: str = "") -> str:
    if f"{kind}:{node}" in NOT_HERE:
        return ""
    users = _uses()[kind].get(node, [])
    if users:
        many = f" and {len(users) - 1} more" if len(users) > 1 else ""
        return f"{users[0]}{many}"
    return _tests().get(ours or node, "")


def differing(kind: str, node: str) -> str:
    """What is known to differ about a thing; the reasons are in the last table."""
    about = f"{kind}:{node}"
    told = [NOTES[about]] if about in NOTES else []
    told += [NOT_HERE[about]] if about in NOT_HERE else []
    rows = [row for row in differences.everything() if about in row.about.split()]
    told += dict.fromkeys(f"*{row.name}*" for row in rows)
    return "; ".join(told)


# --- the tables -------------------------------------------------------------------------------

Row: TypeAlias = tuple[str, ...]


def _options() -> Iterator[Row]:
    by_node = {row.node: row for row in OPTIONS}
    for node in NODE_OPTIONS:
        ours = by_node[node].python
        reach = reached("option", node, ours)
        yield f"`{node}`", f"`{ours}`", reach, differing("option", node)
    for row in OPTIONS:
        if row.node not in NODE_OPTIONS:
            yield "", f"`{row.python}`", reached("option", row.node, row.python), "Python only"


def events() -> tuple[str, ...]:
    """All that our classes declare, flattened out of the type."""

    def flat(hint: Any) -> Iterator[str]:
        for item in get_args(hint):
            if isinstance(item, str):
                yield item
            else:
                yield from flat(item)

    return tuple(flat(SocketEvent))


def _events() -> Iterator[Row]:
    ours = events()
    for node in NODE_EVENTS:
        here = f"`{node}`" if node in ours else ""
        yield f"`{node}`", here, reached("event", node), differing("event", node)


def _named(node: str) -> str:
    return "off" if node == "off" else snake(node)


def public(kind: type) -> set[str]:
    """The public names of a class that are ours, not only pyee's."""
    return {
        name
        for each in kind.__mro__
        if each.__module__.startswith("tlsevents")
        for name in (*vars(each), *vars(each).get("__annotations__", {}))
        if not name.startswith("_")
    }


def _is_method(name: str) -> bool:
    found = getattr(tlsevents.TLSSocket, name, None)
    return callable(found) and not isinstance(found, property)


def _members(kind: str, names: Iterable[str]) -> Iterator[Row]:
    wanted: Callable[[str], bool] = (
        _is_method if kind == "method" else lambda name: not _is_method(name)
    )
    mine = {_named(node) for node in names}
    for node in names:
        name = _named(node)
        here = f"`{name}`" if hasattr(tlsevents.TLSSocket, name) else ""
        here += " †" if here and not hasattr(tlsevents.Socket, name) else ""
        yield f"`{node}`", here, reached(kind, node, name), differing(kind, node)
    for name in sorted(public(tlsevents.TLSSocket) - mine):
        if wanted(name):
            yield "", f"`{name}`", reached(kind, name, name), "Python only"


def _module() -> Iterator[Row]:
    mine = set()
    for node in NODE_MODULE:
        name = (
            node if node[0].isupper() else snake(node.replace("ALPN", "Alpn").replace("CA", "Ca"))
        )
        mine.add(name)
        here = f"`{name}`" if hasattr(tlsevents, name) else ""
        yield f"`tls.{node}`", here, reached("module", node, name), differing("module", node)
    for name in sorted(set(tlsevents.__all__) - mine):
        if name in {"net", "Socket"}:
            node = {"net": "`net`", "Socket": "`net.Socket`"}[name]
            yield node, f"`{name}`", reached("option", "socket"), "clients only"
        else:
            yield "", f"`{name}`", reached("module", name, name), "Python only"


_CLASSES = {
    "ERR_INVALID_ARG_TYPE": "`OptionTypeError`",
    "ERR_MISSING_ARGS": "`OptionTypeError`",
    "ERR_UNKNOWN_OPTION": "`OptionTypeError`",
    "ERR_UNSUPPORTED_OPTION": "`UnsupportedOptionError`",
    **dict.fromkeys(
        ("ENOENT", "EACCES", "EPERM", "ENOTDIR", "ENAMETOOLONG"),
        "`NetworkError`; of a file `OptionsError`",
    ),
}


def exception(code: str) -> str:
    """The class of errors with this code."""
    row = CODES.get(code)
    category = "negotiation" if row is None else row.category
    return _CLASSES.get(code, f"`{category.capitalize()}Error`")


def _code_rows(codes: Iterable[str]) -> Iterator[Row]:
    for code in codes:
        reach = reached("code", code)
        here = exception(code) if reach else ""
        yield f"`{code}`", here, reach, differing("code", code)


def other_codes() -> list[str]:
    """Codes of ours that stand in no list of Node's."""
    listed = {code for codes in NODE_CODES.values() for code in codes}
    alerts = {f"ERR_SSL_{reason}" for _, reason in ALERTS.values()}
    return sorted((set(CODES) | alerts) - listed)


def _known() -> Iterator[Row]:
    rows: dict[tuple[str, str], set[str]] = {}
    for scenario, changed in _changes().items():
        for row in changed:
            rows.setdefault((row.name, _reason(row)), set()).add(scenario)
    for row in differences.everything():
        key = row.name, _reason(row)
        if row.only:
            rows[key] = {name for name in scenarios.load() if re.fullmatch(row.where, name)}
        if key in rows:
            yield *key, str(len(rows.pop(key)))


def _reason(row: differences.Difference) -> str:
    return f"{row.reason} ({row.only})" if row.only else row.reason


def tables() -> Iterator[tuple[str, str, tuple[str, ...], list[Row]]]:
    """Title, remark, head and rows of each table."""
    head = ("Node", "Python", "reached by", "differences")
    yield "Options", "", head, list(_options())
    yield "Events", "", head, list(_events())
    mark = "† not on `net.Socket`."
    yield "Methods", mark, head, list(_members("method", NODE_METHODS))
    yield "Properties", mark, head, list(_members("property", NODE_PROPERTIES))
    yield "Module", "", head, list(_module())
    head = ("code", "class", "reached by", "differences")
    for title, codes in NODE_CODES.items():
        yield f"Codes: {title.lower()}", "", head, list(_code_rows(codes))
    others = list(_code_rows(other_codes()))
    remark = "Codes of libuv and OpenSSL that the recordings do not show, and a few of our own."
    yield "Codes: others", remark, head, others
    yield "Known differences", "", ("what", "why", "scenarios"), list(_known())


def counts() -> dict[str, int]:
    """How many scenarios agree, and how."""
    by_rows = sum(bool(rows) for rows in _changes().values())
    total = len(scenarios.load())
    return {"all": total, "alike": total - by_rows, "by rows": by_rows}


def text() -> str:
    number = counts()
    lines = [
        "# What Node has, and what is here",
        "",
        "Written by `python -m tests.conformance.surface` from the option table, the classes,",
        "the error codes and the conformance suite; a test fails when it is out of date.",
        "",
        f"Node's client was recorded in {number['all']} scenarios, which this suite runs with",
        "the library and with a live Node. "
        f"In {number['alike']} the library does the same, event by event, to the",
        f"last property; in {number['by rows']} something differs that the last table names. "
        "Of errors, code, message and",
        "properties are compared. *Reached by* names the first scenario that uses a thing, or",
        "else a test. Words in *italics* are names of the last table.",
    ]
    for title, remark, head, rows in tables():
        lines += ["", f"## {title}", ""]
        lines += [remark, ""] if remark else []
        lines += ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
