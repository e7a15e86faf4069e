"""Where this library's traces differ from Node's recordings, and why: the whole list.

A row changes the normalised recording into what we are expected to do; everything that no row
touches must be equal. So a row whose difference has gone makes its scenarios fail, and a row that
changes nothing in a scenario it names fails by itself. `RULES` apply wherever
their condition is met, `ROWS` name their scenarios. `LIVE` lists what the live Node, whose version
is not the recorded one, does differently from the recordings, and `NOT_LIVE` what only the
recordings can show.
"""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.conformance import normal
from tests.conformance.normal import Event
from tests.conformance.outcome import Outcome
from tests.conformance.scenarios import Scenario, load

Json: TypeAlias = Any
Change: TypeAlias = Callable[[Outcome, Scenario], None]

ANY = ".*"
OLD_OPENSSL = ssl.OPENSSL_VERSION_INFO < (3, 2)
"""Node brings OpenSSL 3.5, which names some errors otherwise than the 3.0 of many Pythons."""
HAS_PSK = sys.version_info >= (3, 13)


@dataclass(frozen=True)
class Difference:
    """One way in which we are not Node."""

    name: str
    reason: str
    change: Change
    where: str = ANY
    """A regular expression for the whole name of a scenario."""
    about: str = ""
    """What of the surface it concerns, for SURFACE.md: `kind:name`s, by Node's names."""
    holds: bool = True
    """Whether the running Python has this difference at all."""
    only: str = ""
    """Which Pythons have it, in words, if not all."""

    def matches(self, scenario: Scenario) -> bool:
        return self.holds and re.fullmatch(self.where, scenario.name) is not None


# --- tools ------------------------------------------------------------------------------------


def names(outcome: Outcome) -> list[str]:
    return [name for name, _ in outcome.events]


def drop(*unwanted: str) -> Change:
    """Leave out all events of these names, whatever their prefix."""

    def change(outcome: Outcome, _: Scenario) -> None:
        outcome.events = [
            (name, payload)
            for name, payload in outcome.events
            if name.removeprefix("second:") not in unwanted
        ]

    return change


def after(**values: Json) -> Change:
    """Change the state afterwards; `getX` stands for `getX()`."""

    def change(outcome: Outcome, _: Scenario) -> None:
        if outcome.after is not None:
            for key, value in values.items():
                called = f"{key}()"
                outcome.after[called if called in outcome.after else key] = value

    return change


def each(*changes: Change) -> Change:
    def change(outcome: Outcome, scenario: Scenario) -> None:
        for one in changes:
            one(outcome, scenario)

    return change


def walk(value: Json, visit: Callable[[dict[str, Json]], None]) -> None:
    """Visit every mapping of a payload, the innermost last."""
    if isinstance(value, dict):
        visit(value)
        for item in value.values():
            walk(item, visit)
    elif isinstance(value, list):
        for item in value:
            walk(item, visit)


def in_payloads(visit: Callable[[dict[str, Json]], None]) -> Change:
    def change(outcome: Outcome, _: Scenario) -> None:
        for _name, payload in outcome.events:
            walk(payload, visit)

    return change


def in_event(event: str, **values: Json) -> Change:
    def change(outcome: Outcome, _: Scenario) -> None:
        dict(outcome.events)[event] |= values

    return change


def threw(code: str, message: str | None = None) -> Change:
    """connect() refuses at once, and nothing else happens."""
    error = {"code": code} if message is None else {"code": code, "message": message}

    def change(outcome: Outcome, _: Scenario) -> None:
        outcome.events = [("@tls.connect threw synchronously", {"error": error})]
        outcome.after = None
        outcome.saw = []

    return change


def unsupported(option: str, remedy: str) -> Change:
    message = f'The "{option}" option is not supported: {remedy}'
    return threw("ERR_UNSUPPORTED_OPTION", message)


CLOSED_STATE: dict[str, Json] = {
    "address()": {},
    "closed": True,
    "destroyed": True,
    "getCipher()": None,
    "getPeerCertificate()": None,
    "getProtocol()": None,
    "getSession()": None,
    "isSessionReused()": None,
    "localAddress": None,
    "pending": True,
    "readable": False,
    "readyState": "closed",
    "remoteAddress": None,
    "remoteFamily": None,
    "writable": False,
}


def destroyed_by(outcome: Outcome, code: str) -> None:
    """The state after `error` and `close(true)`."""
    assert outcome.after is not None
    readable_ended, finished = "end" in names(outcome), "finish" in names(outcome)
    outcome.after |= CLOSED_STATE | {
        "errored": code,
        "readableAborted": not readable_ended,
        "readableEnded": readable_ended,
        "writableFinished": finished,
    }


def cut_after_error(outcome: Outcome) -> dict[str, Json] | None:
    """Let `close(true)` follow the first `error` at once; gives that error."""
    for index, (name, payload) in enumerate(outcome.events):
        if name == "error":
            kept = [e for e in outcome.events[index + 1 :] if e[0] == "@uncaughtException"]
            outcome.events[index + 1 :] = [*kept, ("close", {"hadError": True})]
            error: dict[str, Json] = payload["error"]
            return error
    return None


# --- rules ------------------------------------------------------------------------------------


def _no_this(payload: dict[str, Json]) -> None:
    payload.pop("thisIsOptions", None)
    payload.pop("thisIsSocket", None)


_HINT = "; if the root CA is installed locally, try running Node.js with --use-system-ca"


def _no_hint(payload: dict[str, Json]) -> None:
    message = payload.get("message")
    if isinstance(message, str):
        payload["message"] = message.removesuffix(_HINT)


def _identity_first(outcome: Outcome, _: Scenario) -> None:
    events = outcome.events
    for index in range(1, len(events)):
        if events[index][0] == "@checkServerIdentity called" and events[index - 1][0] == "secure":
            events[index - 1], events[index] = events[index], events[index - 1]
    for name, payload in events:
        if name == "secure" and "state" in payload:
            payload["state"]["authorized"] = True


def _never_secure(outcome: Outcome, prefix: str) -> bool:
    """`secure` without `secureConnect`: Node refused the certificate. Takes the `secure` away."""
    heard = names(outcome)
    if prefix + "secure" not in heard or prefix + "secureConnect" in heard:
        return False
    outcome.events = [event for event in outcome.events if event[0] != prefix + "secure"]
    return True


def _refused(outcome: Outcome, scenario: Scenario) -> None:
    second = _never_secure(outcome, "second:")
    if not _never_secure(outcome, "") and not second:
        return
    if outcome.after is None or "@checkServerIdentity called" in names(outcome):
        return  # the program's own check runs after the handshake
    if scenario.name in _ASKED_AFTERWARDS:
        return
    if not second:
        outcome.after |= {"alpnProtocol": None, "servername": None}
    told = [note for note in outcome.saw[-1] if note not in _SEEN_OF_A_REFUSAL]
    told = [
        note
        for note in told
        if not (isinstance(note, dict) and note.keys() & {"bytes", "sessionReused"})
    ]
    outcome.saw[-1] = sorted([*told, "FIN", "server handshake error: certificate alert"], key=str)


_ASKED_AFTERWARDS = {  # OpenSSL does not take such names, and without a certificate checks none
    "option-servername-long",
    "option-servername-null-byte",
    "psk-default-check-server-identity-tls12",
}
_SEEN_OF_A_REFUSAL = ("handshake not completed", "handshake complete", "FIN")


def _tls_error_closes(outcome: Outcome, _: Scenario) -> None:
    heard = names(outcome)
    if "secureConnect" not in heard or "error" not in heard or outcome.after is None:
        return
    rest = outcome.events[heard.index("error") + 1 :]
    error = outcome.events[heard.index("error")][1]["error"]
    if not isinstance(error, dict) or not str(error.get("code", "")).startswith("ERR_SSL_"):
        return
    if ("close", {"hadError": True}) in rest:
        return
    cut_after_error(outcome)
    destroyed_by(outcome, error["code"])
    outcome.after["writableEnded"] = "finish" in names(outcome)


def _renamed(old: str, new: str) -> Change:
    def visit(payload: dict[str, Json]) -> None:
        if payload.get("code") == old:
            payload["code"] = new

    def change(outcome: Outcome, _: Scenario) -> None:
        in_payloads(visit)(outcome, _)
        if outcome.after is not None and outcome.after.get("errored") == old:
            outcome.after["errored"] = new

    return change


def _host_is_server_name(outcome: Outcome, scenario: Scenario) -> None:
    options = scenario.recording["options"]
    given = options if isinstance(options, dict) else {}
    if isinstance(options, list):
        if "127.0.0.1" in options or "<unix-path>" in options:
            return
        given = next((option for option in options if isinstance(option, dict)), {})
    host = given.get("host", "localhost") or "localhost"
    nameless = "path" in given or ("socket" in given and "host" not in given)
    if nameless or given.get("servername") == "":
        return
    if host not in _HOST_NAMES or given.get("servername") or outcome.after is None:
        return
    if outcome.after.get("servername") is False:
        outcome.after["servername"] = host
    for name, payload in outcome.events:
        if name == "@in secureConnect" and payload.get("servername") is False:
            payload["servername"] = host
    for connection in outcome.saw:
        if connection:
            connection.append({"sni": host})
            connection.sort(key=str)


_HOST_NAMES = {"localhost", "other.example"}


def _real_code(outcome: Outcome, scenario: Scenario) -> None:
    """Node's EPROTO stands for the error that the same server causes without writes."""
    if scenario.name not in _EPROTO:
        return
    code = _EPROTO[scenario.name]
    for _name, payload in outcome.events:
        error = payload.get("error")
        if isinstance(error, dict) and error.get("code") == "EPROTO":
            payload["error"] = {"code": code}
    if outcome.after is not None:
        outcome.after["errored"] = code


_EPROTO = {
    "write-then-fatal-alert-40": "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    "write-then-client-cert-missing-tls12": "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    "write-then-version-mismatch": "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    "write-then-min-above-max": "ERR_SSL_NO_PROTOCOLS_AVAILABLE",
}

RULES: Sequence[Difference] = (
    Difference(
        "no this",
        "a Python function has no `this`",
        in_payloads(_no_this),
        about="module:connect option:checkServerIdentity",
    ),
    Difference(
        "no advice about Node's flags",
        "our errors have their own hint, and --use-system-ca is a flag of the node program",
        in_payloads(_no_hint),
        about="code:UNABLE_TO_GET_ISSUER_CERT code:DEPTH_ZERO_SELF_SIGNED_CERT "
        "code:UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    ),
    Difference(
        "identity first",
        "the identity is checked before `secure` and `secureConnect`",
        _identity_first,
        about="event:secure",
    ),
    Difference(
        "refused inside the handshake",
        "OpenSSL refuses a certificate during the handshake and sends the alert; Node completes "
        "the handshake, verifies then, and tells the server nothing",
        _refused,
        about="event:secure",
    ),
    Difference(
        "a TLS error closes",
        "after a TLS error Node's socket stays open and later closes with close(false); ours is "
        "destroyed: nothing hangs, the flag is true",
        _tls_error_closes,
        about="event:error event:close property:errored",
    ),
    Difference(
        "last queued error",
        "Node reports the first error that OpenSSL queued, Python's ssl the last one",
        _renamed("ERR_SSL_CIPHER_OPERATION_FAILED", "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
        where="open-.*corrupt-record-tls12",
        about="code:ERR_SSL_CIPHER_OPERATION_FAILED",
    ),
    Difference(
        "host as SNI",
        "a host name is sent as SNI, as every Python library does; servername='' turns it off",
        _host_is_server_name,
        about="option:host option:servername",
    ),
    Difference(
        "no EPROTO",
        "a handshake failure keeps its own code, whatever was written before",
        _real_code,
        about="code:EPROTO",
    ),
)

# --- rows -------------------------------------------------------------------------------------


def _handshake_refuses(error: dict[str, Json]) -> Change:
    """Node lets it pass; here the handshake fails with `error`."""

    def change(outcome: Outcome, _: Scenario) -> None:
        outcome.events = outcome.events[: names(outcome).index("secure")]
        outcome.events += [("error", {"error": error}), ("close", {"hadError": True})]
        destroyed_by(outcome, error["code"])
        assert outcome.after is not None
        outcome.after |= {
            "alpnProtocol": None,
            "authorizationError": error["code"],
            "authorized": False,
            "secureConnecting": True,
            "servername": None,
            "writableEnded": False,
        }
        kept = [note for note in outcome.saw[-1] if isinstance(note, dict)]
        outcome.saw[-1] = sorted(
            [*kept, "FIN", "server handshake error: certificate alert"], key=str
        )

    return change


_PARTIAL = "Host: abbc.test.example. is not in the cert's altnames: DNS:a*c.test.example"
_PARTIAL_ERROR = {
    "code": "ERR_TLS_CERT_ALTNAME_INVALID",
    "host": "abbc.test.example",
    "message": f"Hostname/IP does not match certificate's altnames: {_PARTIAL}",
    "reason": _PARTIAL,
}


def _not_authorized(outcome: Outcome, _: Scenario) -> None:
    untrusted = {"authorized": False, "authorizationError": "ERR_TLS_CERT_ALTNAME_INVALID"}
    for name, payload in outcome.events:
        if name == "@in secureConnect":
            payload |= {**untrusted, "typeOfAuthorizationError": "string"}
    assert outcome.after is not None
    outcome.after |= untrusted


def _check_must_answer(received: str) -> Change:
    error = {
        "code": "ERR_INVALID_ARG_TYPE",
        "message": 'The "check_server_identity" argument must be of type a function that returns '
        f"None to accept or an exception to refuse. Received {received}",
    }

    def change(outcome: Outcome, _: Scenario) -> None:
        for _name, payload in outcome.events:
            if "error" in payload:
                payload["error"] = error
        assert outcome.after is not None
        outcome.after |= {"authorizationError": error["code"], "errored": error["code"]}

    return change


def _check_raises(outcome: Outcome, _: Scenario) -> None:
    outcome.events = [event for event in outcome.events if event[0] != "secure"]
    heard = names(outcome)
    index = heard.index("@uncaughtException")
    outcome.events[index:] = [
        ("error", {"error": {"message": "thrown inside"}}),
        ("close", {"hadError": True}),
    ]
    destroyed_by(outcome, "thrown inside")
    assert outcome.after is not None
    outcome.after |= {"authorizationError": "thrown inside"}
    outcome.saw = [["FIN", "handshake not completed"]]


def _move(event: str, *, before: str | None = None, behind: str | None = None) -> Change:
    def change(outcome: Outcome, _: Scenario) -> None:
        moved = outcome.events.pop(names(outcome).index(event))
        if before is not None:
            outcome.events.insert(names(outcome).index(before), moved)
        else:
            assert behind is not None
            outcome.events.insert(names(outcome).index(behind) + 1, moved)

    return change


def _without_first(event: str) -> Change:
    def change(outcome: Outcome, _: Scenario) -> None:
        del outcome.events[names(outcome).index(event)]

    return change


def _saw(*notes: Json) -> Change:
    def change(outcome: Outcome, _: Scenario) -> None:
        outcome.saw = [sorted(notes, key=str)]

    return change


_ENDED_IN_ORDER = _saw("handshake complete", "close_notify", "FIN")


def _end_in_silence(outcome: Outcome, _: Scenario) -> None:
    """The queued end() is still waiting for the handshake when the program destroys."""
    outcome.events = outcome.events[: names(outcome).index("finish")]
    outcome.events += [
        ("@call destroy() 400 ms after start", {"returned": "<tls>"}),
        ("close", {"hadError": False}),
    ]
    assert outcome.after is not None
    outcome.after |= {
        "errored": None,
        "readableAborted": True,
        "readableEnded": False,
        "writableFinished": False,
    }


def _unknown_alert(outcome: Outcome, _: Scenario) -> None:
    error = {"code": "ERR_SSL_UNKNOWN_ALERT_TYPE"}
    outcome.events[-1:] = [("error", {"error": error}), ("close", {"hadError": True})]
    destroyed_by(outcome, error["code"])


def _lookup_called_later(outcome: Outcome, _: Scenario) -> None:
    heard = names(outcome)
    events = outcome.events
    start = heard.index("@lookup called")
    end = heard.index("@tls.connect returned")
    events[: end + 1] = [events[end], *events[start:end]]


def _lookup_raises(outcome: Outcome, _: Scenario) -> None:
    error = {"message": "lookup threw"}
    found = {"address": None, "error": error, "family": None, "host": "x.example"}
    outcome.events = [
        ("@tls.connect returned", {}),
        outcome.events[0],
        ("lookup", found),
        ("resume", {}),
        ("error", {"error": error}),
        ("close", {"hadError": True}),
    ]
    outcome.after = dict(_FAILED_BEFORE_CONNECT) | {"errored": "lookup threw"}


_FAILED_BEFORE_CONNECT: dict[str, Json] = {
    **CLOSED_STATE,
    "allowHalfOpen": False,
    "alpnProtocol": None,
    "authorizationError": None,
    "authorized": False,
    "bytesRead": 0,
    "bytesWritten": 0,
    "connecting": False,
    "encrypted": True,
    "readableAborted": True,
    "readableDidRead": False,
    "readableEnded": False,
    "readableFlowing": True,
    "readableLength": 0,
    "secureConnecting": True,
    "servername": None,
    "timeout": None,
    "writableEnded": False,
    "writableFinished": False,
    "writableLength": 0,
    "writableNeedDrain": False,
}


def _lookup_empty(outcome: Outcome, _: Scenario) -> None:
    error = {
        "code": "ERR_INVALID_IP_ADDRESS",
        "message": "Invalid IP address: the lookup found none",
    }
    index = names(outcome).index("@uncaughtException")
    outcome.events[index:] = [("error", {"error": error}), ("close", {"hadError": True})]
    assert outcome.after is not None
    outcome.after["errored"] = error["code"]


def _path_content(outcome: Outcome, scenario: Scenario) -> None:
    """A string without -----BEGIN is the path of a file."""
    error = {
        "code": "ENOENT",
        "errno": -2,
        "message": "open ENOENT not a pem",
        "path": "not a pem",
        "syscall": "open",
    }
    outcome.events = [
        ("@tls.connect returned", {}),
        ("resume", {}),
        ("error", {"error": error}),
        ("close", {"hadError": True}),
    ]
    outcome.after = dict(_FAILED_BEFORE_CONNECT) | {"errored": "ENOENT"}
    outcome.saw = []


def _seconds(outcome: Outcome, _: Scenario) -> None:
    for name, payload in outcome.events:
        threw = payload.get("threw")
        if name.startswith("@call setTimeout") and isinstance(threw, dict):
            message = threw["message"].replace('"msecs"', '"timeout"')
            message = message.replace("Received -1", "Received -0.001")
            threw["message"] = message.replace("Received undefined", "Received null")


def _python_values(outcome: Outcome, _: Scenario) -> None:
    for name, payload in outcome.events:
        if name == "@call write(undefined)":
            payload["threw"] = {
                "code": "ERR_STREAM_NULL_VALUES",
                "message": "May not write null values to stream",
            }
        if name == "@call write(ArrayBuffer)":
            message = payload["threw"]["message"]
            payload["threw"]["message"] = message.replace("ArrayBuffer", "object")


def _message_without(text: str) -> Change:
    def visit(payload: dict[str, Json]) -> None:
        if isinstance(payload.get("message"), str):
            payload["message"] = payload["message"].replace(text, "")

    return in_payloads(visit)


def _attempt_after_return(outcome: Outcome, _: Scenario) -> None:
    events = outcome.events
    events[0], events[1] = events[1], events[0]


def _connects(outcome: Outcome, _: Scenario) -> None:
    """Nothing is wrong: it goes as in a scenario that says so."""
    model = load()["option-key-without-cert"]
    outcome.events = normal.events(model.events(), normal.Places())
    outcome.after = normal.after(model.after(), normal.Places())
    outcome.saw = [["FIN", "handshake complete"]]


def _no_orphan(outcome: Outcome, _: Scenario) -> None:
    outcome.events = outcome.events[:1]
    outcome.saw = []


def _listener_counts(outcome: Outcome, _: Scenario) -> None:
    counts = {"close": 1, "data": 1, "error": 1, "secureConnect": 1, "tlsClientError": 1}
    for name, payload in outcome.events:
        if name.startswith("@listener counts"):
            payload.clear()
            payload.update(counts)
            counts = {**counts, "data": 2, "secureConnect": 2}


def _accepted_bytes(outcome: Outcome, _: Scenario) -> None:
    accepted = {"one": 3, "two": 3, "y": 1, "z": 1, "#1": 4, "#2": 4}
    writes = [name for name in names(outcome) if name.startswith("@call write")]
    assert outcome.after is not None
    outcome.after["bytesWritten"] = sum(
        size for name in writes for text, size in accepted.items() if text in name
    )


def _accepted_writes(outcome: Outcome, _: Scenario) -> None:
    for name, payload in outcome.events:
        if name.startswith("@call write"):
            payload["returned"] = True


def _no_second_connect(outcome: Outcome, _: Scenario) -> None:
    index = next(i for i, name in enumerate(names(outcome)) if name.startswith("@call connect"))
    error = {
        "code": "ERR_STREAM_DESTROYED",
        "message": "Cannot call write after a stream was destroyed",
    }
    outcome.events[index:] = [(outcome.events[index][0], {"threw": error})]
    outcome.saw = outcome.saw[:1]
    assert outcome.after is not None
    outcome.after["bytesWritten"] = 0


def _outer_closes_with_error(outcome: Outcome, _: Scenario) -> None:
    assert outcome.events[-1][0] == "close"
    outcome.events[-1] = ("close", {"hadError": True})
    assert outcome.after is not None
    outcome.after["errored"] = "inner broke"


def _taken_over(outcome: Outcome, _: Scenario) -> None:
    wrapped = {"raw:pause", "raw:resume", "raw:data", "raw:finish"}
    outcome.events = [event for event in outcome.events if event[0] not in wrapped]
    outcome.events[-2:] = outcome.events[:-3:-1]  # and the socket below closes first


def _no_constructor(outcome: Outcome, _: Scenario) -> None:
    outcome.events = [
        *outcome.events[:2],
        ("@new TLSSocket refused", {}),
        ("raw:ready", {}),
        ("raw:close", {"hadError": False}),
    ]
    outcome.after = None
    tells = ["FIN"] if "handshake complete" not in outcome.saw[0] else None
    outcome.saw = [tells or ["FIN", "handshake not completed"]]


def _wrong_stream(outcome: Outcome, _: Scenario) -> None:
    outcome.events[-1:] = [("close", {"hadError": True})]
    destroyed_by(outcome, "ERR_STREAM_WRAP")


def _waited_together(outcome: Outcome, _: Scenario) -> None:
    events = outcome.events
    first = names(outcome).index("@onread callback") + 2  # and the resume() that it caused
    events[first : first + 2] = [("@onread callback", {"bytes": 8, "text": "twothree"})]


def _not_resumed(outcome: Outcome, _: Scenario) -> None:
    """The second connection is made like the first."""
    second = dict(outcome.events)["@second in secureConnect"]
    second |= {"isSessionReused": False, "peerCertificateHasSubject": True}
    index = names(outcome).index("@second in secureConnect")
    outcome.events.insert(index + 1, ("second:session", {"session": {"$": "Buffer"}}))
    for note in outcome.saw[1]:
        if isinstance(note, dict) and "sessionReused" in note:
            note["sessionReused"] = False


def _unseen(moment: str, *getters: str) -> Change:
    def change(outcome: Outcome, _: Scenario) -> None:
        payload = dict(outcome.events)[f"@getters {moment}"]
        payload |= dict.fromkeys(getters)

    return change


_OPEN_STATE: dict[str, Json] = {
    "alpnProtocol": False,
    "authorizationError": None,
    "authorized": True,
    "closed": False,
    "connecting": False,
    "destroyed": False,
    "encrypted": True,
    "errored": None,
    "pending": False,
    "readable": True,
    "readableEnded": False,
    "readyState": "open",
    "secureConnecting": False,
    "servername": False,
    "writable": True,
    "writableEnded": False,
    "writableFinished": False,
}


def _no_renegotiation(outcome: Outcome, _: Scenario) -> None:
    remedy = "Python's ssl cannot start a renegotiation; open a new connection."
    error = {
        "code": "ERR_UNSUPPORTED_OPTION",
        "message": f'The "renegotiate" option is not supported: {remedy}',
    }
    outcome.events[names(outcome).index("@call renegotiate({},cb)") :] = [
        ("@call renegotiate({},cb)", {"returned": False}),
        ("@renegotiate callback", {"error": error}),
        ("@300 ms later", dict(_OPEN_STATE)),
        ("@call destroy()", {"returned": "<tls>"}),
        ("close", {"hadError": False}),
    ]
    assert outcome.after is not None
    outcome.after |= {
        "errored": None,
        "readableAborted": True,
        "readableEnded": False,
        "writableEnded": False,
        "writableFinished": False,
    }
    outcome.saw = [["FIN", "handshake complete"]]


_NOT_BOOLEAN = 'The "options.rejectUnauthorized" property must be of type boolean. Received type '

ROWS: Sequence[Difference] = (
    # what may not be
    Difference(
        "rejectUnauthorized is a boolean",
        "a security option says what it means",
        threw("ERR_INVALID_ARG_TYPE", _NOT_BOOLEAN + "number (0)"),
        where="verify-reject-zero",
        about="option:rejectUnauthorized",
    ),
    Difference(
        "rejectUnauthorized is a boolean",
        "a security option says what it means",
        threw("ERR_INVALID_ARG_TYPE", _NOT_BOOLEAN + "string ('false')"),
        where="option-rejectunauthorized-string-false",
        about="option:rejectUnauthorized",
    ),
    Difference(
        "NODE_TLS_REJECT_UNAUTHORIZED",
        "no environment variable may turn verification off",
        _handshake_refuses({"code": "CERT_HAS_EXPIRED", "message": "certificate has expired"}),
        where="verify-env-reject-0",
        about="option:rejectUnauthorized",
    ),
    Difference(
        "--use-openssl-ca",
        "a flag of the node program; ca='system' is the way here",
        _handshake_refuses(
            {
                "code": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
                "message": "unable to verify the first certificate",
            }
        ),
        where="verify-flag-use-openssl-ca",
        about="option:ca",
    ),
    Difference(
        "partial wildcards",
        "OpenSSL's own check of the name, which must agree, takes none (RFC 9525 section 6.3)",
        _handshake_refuses(_PARTIAL_ERROR),
        where="verify-wildcard-partial-match",
        about="option:checkServerIdentity",
    ),
    Difference(
        "partial wildcards",
        "OpenSSL's own check of the name, which must agree, takes none (RFC 9525 section 6.3)",
        _not_authorized,
        where="verify-wildcard-partial-match-reject-false",
        about="option:checkServerIdentity",
    ),
    Difference(
        "only None accepts",
        "an identity check that answers False must not let anyone in",
        _check_must_answer("type string ('nope')"),
        where="csi-returns-string",
        about="option:checkServerIdentity",
    ),
    Difference(
        "only None accepts",
        "an identity check that answers False must not let anyone in",
        _check_must_answer("type boolean (true)"),
        where="csi-returns-true",
        about="option:checkServerIdentity",
    ),
    Difference(
        "only None accepts",
        "an identity check that answers False must not let anyone in",
        _check_must_answer("an instance of Future"),
        where="csi-returns-promise",
        about="option:checkServerIdentity",
    ),
    Difference(
        "an identity check may raise",
        "an exception refuses the server; in Node it crashes the process",
        _check_raises,
        where="csi-throws",
        about="option:checkServerIdentity",
    ),
    # closing and ending
    Difference(
        "end() waits for the handshake",
        "a peer must not see a broken handshake; then it closes in order",
        each(_move("finish", behind="secureConnect"), _ENDED_IN_ORDER),
        where="connect-and-immediately-end|end-during-handshake",
        about="method:end event:finish",
    ),
    Difference(
        "end() waits for the handshake",
        "a peer must not see a broken handshake; then it closes in order",
        each(
            _move("secure", before="@end callback"),
            _move("secureConnect", before="@end callback"),
            _ENDED_IN_ORDER,
        ),
        where="end-before-connect",
        about="method:end event:finish",
    ),
    Difference(
        "end() waits for the handshake",
        "a peer must not see a broken handshake; then it closes in order",
        _end_in_silence,
        where="server-silent-client-ends-during-handshake",
        about="method:end event:finish",
    ),
    Difference(
        "unknown alerts are errors",
        "Node swallows them and hangs",
        _unknown_alert,
        where="handshake-fatal-alert-200-.*",
        about="event:error",
    ),
    Difference(
        "a TLS error closes",
        "so the third write of the program is never made",
        after(bytesWritten=9),
        where="open-server-fatal-alert-tls13",
        about="event:error event:close property:errored",
    ),
    # time
    Difference(
        "nothing is emitted inside connect()",
        "a listener attached right after it misses nothing",
        _attempt_after_return,
        where="unix-path-.*|option-options-string-is-path",
        about="event:connectionAttempt",
    ),
    Difference(
        "nothing is emitted inside a method",
        "a listener may do anything, also to the socket whose method is running",
        _move("pause", behind="resume"),
        where="read-destroy-while-paused|write-after-server-rst-while-reading-stopped",
        about="event:pause",
    ),
    Difference(
        "lookup runs in a task",
        "it may be a coroutine, so connect() has returned when it is called",
        _lookup_called_later,
        where="lookup-(?!throws|.*-dns).*",
        about="option:lookup",
    ),
    Difference(
        "lookup runs in a task",
        "what it raises is a lookup error like others",
        _lookup_raises,
        where="lookup-throws",
        about="option:lookup",
    ),
    Difference(
        "an empty lookup is an error",
        "Node crashes and the socket hangs",
        _lookup_empty,
        where="lookup-empty-array",
        about="option:lookup code:ERR_INVALID_IP_ADDRESS",
    ),
    Difference(
        "ready after connect",
        "nothing comes between the two",
        _move("ready", behind="connect"),
        where="write-then-min-above-max",
        about="event:ready",
    ),
    Difference(
        "ready before the pre-shared key",
        "nothing comes between `connect` and `ready`",
        _move("ready", behind="connect"),
        where="psk-wrong-key-tls13",
        about="event:ready option:pskCallback",
        holds=HAS_PSK,
        only="Python 3.13 and newer",
    ),
    # options
    Difference(
        "a string is a path",
        "content begins with -----BEGIN or is bytes; any other string names a file",
        _path_content,
        where="option-(ca|cert|crl)-garbage",
        about="option:ca option:cert option:crl",
    ),
    Difference(
        "secrets are not shown",
        "a key or a passphrase of the wrong type is not repeated in the message",
        _message_without(" (5)"),
        where="option-(key|passphrase)-number",
        about="option:key option:passphrase",
    ),
    Difference(
        "secrets are not shown",
        "a key or a passphrase of the wrong type is not repeated in the message",
        _message_without(" ('x')"),
        where="option-ticketkeys-string",
        about="option:ticketKeys",
    ),
    Difference(
        "secrets are not shown in PSK answers",
        "a key of the wrong type is not repeated in the message",
        _message_without(" ('string')"),
        where="psk-callback-bad-return-tls12",
        holds=HAS_PSK,
        only="Python 3.13 and newer",
        about="option:pskCallback",
    ),
    Difference(
        "a psk_callback that fails",
        "ends the handshake in OpenSSL, which tells the server; Node says nothing",
        _saw("FIN", "server handshake error: SSLV3_ALERT_HANDSHAKE_FAILURE"),
        where="psk-callback-(bad-return|throws)-tls12",
        holds=HAS_PSK,
        only="Python 3.13 and newer",
        about="option:pskCallback",
    ),
    Difference(
        "seconds",
        "set_timeout() takes seconds, by the name of Python's timeouts",
        _seconds,
        where="settimeout-bad-values",
        about="method:setTimeout",
    ),
    Difference(
        "Python's values",
        "undefined is None here, and there is no ArrayBuffer",
        _python_values,
        where="write-bad-types",
        about="method:write",
    ),
    Difference(
        "None is not given",
        "Python has one word for null, undefined and absent",
        _connects,
        where="option-checkserveridentity-(undefined|null)|option-mindhsize-undefined",
        about="option:checkServerIdentity option:minDHSize",
    ),
    Difference(
        "None is not given",
        "Python has one word for null, undefined and absent",
        threw(
            "ERR_MISSING_ARGS",
            'The "options" or "port" or "path" argument must be specified',
        ),
        where="option-options-null",
        about="module:connect",
    ),
    Difference(
        "wrong types are refused",
        "Node ignores this one silently",
        threw(
            "ERR_INVALID_ARG_TYPE",
            'The "options.secureProtocol" property must be of type string. Received type '
            "number (5)",
        ),
        where="option-secureprotocol-number",
        about="option:secureProtocol",
    ),
    Difference(
        "wrong types are refused",
        "Node ignores this one silently",
        threw(
            "ERR_INVALID_ARG_TYPE",
            "Arguments do not fit connect(options, callback). Received type string ('notfn')",
        ),
        where="option-callback-not-function",
        about="module:connect",
    ),
    Difference(
        "wrong types are refused",
        "Node ignores this one silently",
        threw(
            "ERR_INVALID_ARG_TYPE",
            'The "options.onread.buffer" property must be an instance of bytearray or a writable '
            "memoryview (not empty), or a function that returns one. Received type string ('x')",
        ),
        where="option-onread-bad",
        about="option:onread",
    ),
    Difference(
        "wrong types are refused",
        "Node stumbles over a missing method",
        threw(
            "ERR_INVALID_ARG_TYPE",
            'The "options.socket" property must be an instance of Socket, TLSSocket or '
            "socket.socket, or a pair of StreamReader and StreamWriter. Received an instance of "
            "Object",
        ),
        where="option-socket-plain-object",
        about="option:socket",
    ),
    Difference(
        "wrong types are refused",
        "Node stumbles over a missing method",
        threw(
            "ERR_INVALID_ARG_TYPE",
            'The "options.socket" property must be an instance of Socket, TLSSocket or '
            "socket.socket, or a pair of StreamReader and StreamWriter. Received type string "
            "('x')",
        ),
        where="option-socket-string",
        about="option:socket",
    ),
    Difference(
        "no orphans",
        "Node throws and goes on connecting all the same, with a socket that nobody has",
        _no_orphan,
        where="option-servername-(number|object|true)",
        about="option:servername",
    ),
    Difference(
        "listener counts",
        "Node's sockets listen to themselves, ours do not; tlsClientError is the program's",
        _listener_counts,
        where="listeners-once-secureconnect-callback",
        about="method:listenerCount",
    ),
    Difference(
        "bytes_written",
        "counts what was accepted; Node forgets all but the write under way on destruction",
        _accepted_bytes,
        where="write-then-.*(?<!tls13)|write-before-connect-then-destroy|"
        "destroy-with-pending-writes|write-after-server-rst-while-reading-stopped",
        about="property:bytesWritten",
    ),
    Difference(
        "errored",
        "is what was emitted as an error, not what a callback was told",
        after(errored=None),
        where="write-before-connect-then-destroy|destroy-with-pending-writes",
        about="property:errored",
    ),
    Difference(
        "a failed send is noticed a turn later",
        "asyncio's transport tells in a callback",
        _accepted_writes,
        where="write-after-server-rst-while-reading-stopped|"
        "halfopen-true-write-after-server-closed-tls13",
        about="method:write",
    ),
    Difference(
        "no second connect()",
        "Node's second connection is plain TCP under a socket that says it is encrypted",
        _no_second_connect,
        where="reconnect-after-close.*",
        about="method:connect",
    ),
    Difference(
        "nothing is sent without a ClientHello",
        "Node's OpenSSL sends an alert when it cannot make one; Python's leaves none to send",
        _saw("handshake not completed", "FIN"),
        where="option-ciphers-tls13-name-in-tls12",
        about="option:ciphers",
    ),
    # other streams below
    Difference(
        "one TLSSocket",
        "connect() makes it; there is no constructor, whose sockets would verify nothing",
        _no_constructor,
        where="new-tlssocket-constructor.*",
        about="module:TLSSocket",
    ),
    Difference(
        "taken over when it connects",
        "a socket that is not connecting yet hands over its connection as one that is",
        _taken_over,
        where="socket-option-unconnected-net-socket-connected-later",
        about="option:socket",
    ),
    Difference(
        "an error below closes with an error",
        "after `error` comes close(True): the flag is true",
        _outer_closes_with_error,
        where="socket-option-(duplex-)?inner-error",
        about="option:socket",
    ),
    Difference(
        "close carries a flag",
        "also on a socket that was never connected",
        in_event("raw:close", hadError=False),
        where="socket-option-destroyed-socket",
        about="option:socket",
    ),
    Difference(
        "close comes in a later turn",
        "in Node's next tick, where the socket was never connected",
        _move("raw:close", behind="resume"),
        where="socket-option-destroyed-socket",
        about="option:socket",
    ),
    Difference(
        "a duplex flows when the handshake begins",
        "Node pauses it first and resumes it at once; ours flows when the handshake begins",
        each(_without_first("duplex:pause"), _move("duplex:resume", behind="resume")),
        where="socket-option-duplex.*",
        about="option:socket",
    ),
    Difference(
        "a duplex finishes after us",
        "we are finished when it has taken our last bytes; Node waits until it is, too",
        _move("finish", before="duplex:finish"),
        where="socket-option-duplex",
        about="option:socket",
    ),
    Difference(
        "a stream that is none of bytes",
        "Node emits `error` and hangs",
        each(_without_first("duplex:pause"), _wrong_stream),
        where="socket-option-duplex-object-mode",
        about="option:socket code:ERR_STREAM_WRAP",
    ),
    Difference(
        "onread",
        "what waited while reading was stopped comes in one piece, not record by record",
        _waited_together,
        where="read-onread-false-pauses",
        about="option:onread",
    ),
    Difference(
        "getters ask for a look",
        "what Python's ssl does not show has to be asked for before the handshake (pay for use)",
        _unseen(
            "in secureConnect",
            "getEphemeralKeyInfo",
            "getPeerFinished",
            "getSharedSigalgs",
            "getTLSTicket",
        ),
        where="getters-tls12",
        about="method:getEphemeralKeyInfo method:getPeerFinished method:getSharedSigalgs "
        "method:getTLSTicket",
    ),
    # what Python cannot do
    Difference(
        "a session of Python's ssl",
        "resumes in its own SSLContext alone, and other options make another; take a Session",
        _not_resumed,
        where="session-resume-raw-ticket-reject-false",
        about="option:session",
    ),
    Difference(
        "no renegotiation",
        "Python's ssl cannot start one",
        _no_renegotiation,
        where="renegotiate-tls12",
        about="method:renegotiate code:ERR_SSL_NO_RENEGOTIATION",
    ),
    Difference(
        "no AbortSignal",
        "asyncio cancels tasks",
        unsupported(
            "signal",
            "cancel the task that awaits the socket (asyncio.timeout() does), or call destroy().",
        ),
        where="signal-.*",
        about="option:signal code:ABORT_ERR",
    ),
    Difference(
        "no OCSP stapling",
        "Python's ssl cannot ask for it",
        unsupported(
            "requestOCSP",
            "Python's ssl cannot ask for stapled OCSP responses; pass revocation lists with crl=.",
        ),
        where="ocsp-(?!not-requested).*",
        about="option:requestOCSP event:OCSPResponse",
    ),
    Difference(
        "no pre-shared keys",
        "Python's ssl has them from 3.13 on",
        unsupported(
            "pskCallback",
            "pre-shared keys need Python 3.13 or newer; use certificates on this one.",
        ),
        where="psk-.*",
        holds=not HAS_PSK,
        only="before Python 3.13",
        about="option:pskCallback",
    ),
    Difference(
        "no choice of TLS 1.3 suites",
        "Python's ssl has it from 3.15 on",
        unsupported(
            "ciphers",
            "a choice among TLS 1.3 suites needs Python 3.15. Name all of "
            "TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256 in this "
            "order, or none of them, or set max_version to TLSv1.2.",
        ),
        where="option-ciphers-only-tls13",
        about="option:ciphers",
    ),
    Difference(
        "no choice of signature algorithms",
        "Python's ssl has it from 3.15 on",
        unsupported("sigalgs", "choosing signature algorithms needs Python 3.15 or newer."),
        where="option-sigalgs-unknown",
        about="option:sigalgs",
    ),
    Difference(
        "sessions are opaque",
        "what is no session is refused; Node ignores it",
        threw("ERR_INVALID_ARG_TYPE", "Session must be a buffer"),
        where="session-garbage-buffer|option-session-string-garbage",
        about="option:session event:session method:getSession method:setSession",
    ),
    Difference(
        "alerts of OpenSSL 3.0",
        "Node's OpenSSL is newer, and takes plaintext for something else",
        _saw("handshake complete", "server read error: TLSV1_ALERT_PROTOCOL_VERSION"),
        where="open-plaintext-after-handshake-tls13",
        holds=OLD_OPENSSL,
        only="with OpenSSL before 3.2",
        about="code:ERR_SSL_BAD_RECORD_TYPE",
    ),
)


def everything() -> Sequence[Difference]:
    """All differences from the recordings, in the order in which they apply."""
    return (*ROWS, *RULES)


def apply(scenario: Scenario, recorded: Outcome, until: Difference | None = None) -> None:
    """Change a recording into what we are expected to do."""
    for row in everything():
        if row is until:
            return
        if row.matches(scenario):
            row.change(recorded, scenario)


# --- what no two runs agree about -------------------------------------------------------------


def settle(scenario: Scenario, outcome: Outcome) -> None:
    """Take out what depends on how TCP happened to cut the bytes; both sides are treated so."""
    if scenario.name == "write-after-server-rst-while-reading-stopped":
        # how many reads fill a paused reader's buffer: at least its mark, at most one read more
        events: list[Event] = []
        for event in outcome.events:
            if not events or event[0] != "readable" or events[-1][0] != "readable":
                events.append(event)
        outcome.events = events
        for key in ("bytesRead", "readableLength"):
            if outcome.after is not None and _MARK <= outcome.after[key] <= _MARK + _ONE_READ:
                outcome.after[key] = "about the high-water mark"

    if scenario.name == "destroysoon-with-pending-write":
        # closing with the tickets unread resets, and a reset may overtake the close_notify
        outcome.saw = [[n for n in notes if n != "close_notify"] for notes in outcome.saw]
    if scenario.name == "read-onread-false-pauses":
        # we give the server time to send all before resume(): its end has come, too, and nobody
        # has to resume again (recorded between the two, 20 ms from either)
        first = names(outcome).index("@call resume()")
        outcome.events[first + 1 :] = [
            event for event in outcome.events[first + 1 :] if event[0] != "@call resume()"
        ]
    if scenario.name == "halfopen-false-write-after-server-end-tls13":
        # a timer of 1 ms or the end of the connection, whichever comes first
        outcome.events.sort(key=lambda event: event[0] == "close")


_MARK, _ONE_READ = 65536, 1 << 18


# --- the live Node ----------------------------------------------------------------------------


def _local_part(outcome: Outcome, _: Scenario) -> None:
    def visit(payload: dict[str, Json]) -> None:
        if payload.get("syscall") == "connect":
            payload["localAddress"] = "127.0.0.1"
            payload["message"] += " - Local (127.0.0.1:<localport>)"

    in_payloads(visit)(outcome, _)


def _no_ip_names(outcome: Outcome, _: Scenario) -> None:
    """The IPv6 literal is compared as if it were a DNS name."""
    reason = (
        "Host: ::1. is not in the cert's altnames: DNS:localhost, IP Address:127.0.0.1, "
        "IP Address:0:0:0:0:0:0:0:1"
    )
    error = {
        "code": "ERR_TLS_CERT_ALTNAME_INVALID",
        "host": "::1",
        "message": f"Hostname/IP does not match certificate's altnames: {reason}",
        "reason": reason,
    }
    outcome.events = outcome.events[: names(outcome).index("secureConnect")]
    outcome.events += [("error", {"error": error}), ("close", {"hadError": True})]
    destroyed_by(outcome, error["code"])
    assert outcome.after is not None
    outcome.after |= {
        "authorizationError": error["code"],
        "authorized": False,
        "bytesRead": 0,
        "bytesWritten": 0,
        "readableDidRead": False,
        "secureConnecting": True,
        "writableEnded": False,
    }
    kept = [note for note in outcome.saw[0] if isinstance(note, dict)]
    outcome.saw = [sorted([*kept, "FIN", "handshake not completed"], key=str)]


def _no_server_name_callback(outcome: Outcome, _: Scenario) -> None:
    """Our server's OpenSSL does not report a server name that is an IP address."""
    outcome.saw = [[note for note in one if not isinstance(note, dict)] for one in outcome.saw]


LIVE: Sequence[Difference] = (
    Difference(
        "local address in messages",
        "24.19 adds it to failed connections, the recorded versions do not",
        _local_part,
        where="connect-refused-with-local-address",
    ),
    Difference(
        "IPv6 literals",
        "24.19 takes ::1 for a DNS name when it checks the identity",
        _no_ip_names,
        where="tls13-ipv6|option-servername-ipv6",
    ),
    Difference(
        "SNI that is an IP address",
        "our server does not see it",
        _no_server_name_callback,
        where="option-servername-ipv[46]",
    ),
)

NOT_LIVE: dict[str, str] = {
    "lookup-(enotfound|eai-again)-dns": "needs a name server of its own for the whole machine",
    "connect-etimedout-kernel|autoselect-first-times-out-second-times-out": (
        "needs one SYN retry, a setting of the kernel"
    ),
    "signal-aborted-before": "the process dies on an assertion, sooner or later",
    "option-alpn-(array-empty-string|buffer-truncated)": "24.19 dies on an assertion",
    "psk-unknown-identity-tls12": "openssl s_server takes any identity; Python 3.13 has its own",
}
if HAS_PSK:
    del NOT_LIVE["psk-unknown-identity-tls12"]


def not_live(name: str) -> str | None:
    """Why a scenario is not run with the live Node."""
    for pattern, reason in NOT_LIVE.items():
        if re.fullmatch(pattern, name):
            return reason
    return None
