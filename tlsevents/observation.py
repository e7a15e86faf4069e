"""What Python's `ssl` does not show of a connection, and how to see it all the same.

An `ObservedEngine` is an `Engine` that also looks at the handshake messages (CPython's
`SSLContext._msg_callback`, see `_cpython.py`), at the key log (`keylog.py`), at session tickets,
and that answers for a pre-shared key. A socket has one only if it asked, before its handshake;
`Wants` says for what. Whoever did not ask has a plain `Engine` and pays nothing.

How long it looks
    At the messages during the handshake. After it only if a trace is wanted, if the peer must not
    renegotiate, or until the tickets are there: those of TLS 1.3 come after the handshake, usually
    before any data. Looking at every record of a download would cost several times its CPU, so
    after the first data tickets are found without: a step that brought no data may have brought
    one, and then the connection has another session.

Where there is nothing to see
    On a Python without the hook, and on a context that is no `ssl.SSLContext`: `Handshake` stays
    empty then, and getters answer None. Tickets are found the second way.

Nothing of this changes what OpenSSL does. What is parsed here is what OpenSSL has parsed, and
accepted, before or right after; so a field that is not there is None, and no more is made of it.
"""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from tlsevents._cpython import hook, real_context, unhook, unwatch, watch, watchable
from tlsevents.checks import is_buffer
from tlsevents.engine import Buffer, DataReceived, Engine, Event, Failed, Noticed, WrapsBio
from tlsevents.errors import option_type_error, option_value_error
from tlsevents.keylog import KeyLog

__all__ = ["Handshake", "ObservedEngine", "Wants", "answer_psk"]

# --- What is wanted -------------------------------------------------------------------------------


@dataclass(slots=True)
class Wants:
    """What a socket asked for before its handshake."""

    messages: bool = False
    """The messages of the handshake, for the getters."""
    tickets: bool = False
    """Each new session."""
    ticket: bool = False
    """The ticket itself, as bytes."""
    cache: bool = False
    """Some new session, for the cache."""
    keylog: bool = False
    """The lines of the key log."""
    secrets: bool = False
    """The secrets, for exporting keying material."""
    trace: bool = False
    """A line on stderr for each message."""
    no_renegotiation: bool = False
    """The peer must not start another handshake."""
    psk: Callable[[str | None], object] | None = None
    """Answers for a pre-shared key."""

    @property
    def sight(self) -> bool:
        """Whether any of that takes seeing handshake messages."""
        return (
            self.messages
            or self.tickets
            or self.ticket
            or self.trace
            or self.no_renegotiation
            or self.keylog
            or self.secrets
        )

    @property
    def own_context(self) -> bool:
        """Whether that takes a context that plain connections do not share."""
        return self.keylog or self.secrets


# --- The messages ---------------------------------------------------------------------------------

_HELLO_REQUEST, _CLIENT_HELLO, _SERVER_HELLO, _NEW_TICKET = 0, 1, 2, 4
_KEY_EXCHANGE, _CERTIFICATE_REQUEST, _FINISHED = 12, 13, 20
_HANDSHAKE: Final = 22
_SIGNATURE_ALGORITHMS, _SUPPORTED_VERSIONS, _KEY_SHARE = 13, 43, 51
_TLS13: Final = 0x0304

# RFC 8446 section 4.1.3: the "random" of a ServerHello that is a HelloRetryRequest.
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

# Key exchange groups as Node shows them: the registry's number, OpenSSL's short name, bits.
_CURVES: Final = {
    19: ("prime192v1", 192),
    21: ("secp224r1", 224),
    22: ("secp256k1", 256),
    23: ("prime256v1", 256),
    24: ("secp384r1", 384),
    25: ("secp521r1", 521),
    26: ("brainpoolP256r1", 256),
    27: ("brainpoolP384r1", 384),
    28: ("brainpoolP512r1", 512),
    29: ("X25519", 253),
    30: ("X448", 448),
    31: ("brainpoolP256r1", 256),
    32: ("brainpoolP384r1", 384),
    33: ("brainpoolP512r1", 512),
}
_FIELDS: Final = {256: 2048, 257: 3072, 258: 4096, 259: 6144, 260: 8192}
_OTHERS: Final = {
    512: "MLKEM512",
    513: "MLKEM768",
    514: "MLKEM1024",
    4587: "SecP256r1MLKEM768",
    4588: "X25519MLKEM768",
    4589: "SecP384r1MLKEM1024",
}

# Signature schemes as Node shows them: by signature, by hash (RFC 8446 section 4.2.3, RFC 5246
# section 7.4.1.4.1 for the pairs of TLS 1.2).
_HASHES: Final = {1: "MD5", 2: "SHA1", 3: "SHA224", 4: "SHA256", 5: "SHA384", 6: "SHA512"}
_SIGNATURES: Final = {1: "RSA", 2: "DSA", 3: "ECDSA"}
_SCHEMES: Final = {
    0x0804: "RSA-PSS+SHA256",
    0x0805: "RSA-PSS+SHA384",
    0x0806: "RSA-PSS+SHA512",
    0x0807: "Ed25519+UNDEF",
    0x0808: "Ed448+UNDEF",
    0x0809: "RSA-PSS+SHA256",
    0x080A: "RSA-PSS+SHA384",
    0x080B: "RSA-PSS+SHA512",
    0x081A: "ECDSA+SHA256",
    0x081B: "ECDSA+SHA384",
    0x081C: "ECDSA+SHA512",
    0x0904: "id-ml-dsa-44+UNDEF",
    0x0905: "id-ml-dsa-65+UNDEF",
    0x0906: "id-ml-dsa-87+UNDEF",
}


class _Reader:
    """Takes a message apart; raises IndexError where it is too short."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise IndexError("the message ends here")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """What has its length before it, in `size` bytes."""
        return self.take(self.number(size))

    @property
    def more(self) -> bool:
        return self._position < len(self._data)


def _extensions(block: bytes) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(block)
    while reader.more:
        yield reader.number(2), reader.vector(2)


def _numbers(block: bytes) -> list[int]:
    return [int.from_bytes(block[at : at + 2], "big") for at in range(0, len(block) - 1, 2)]


class Handshake:
    """What the messages of one handshake told; None where there was no such message."""

    __slots__ = (
        "_key_exchange",
        "client_random",
        "finished",
        "group",
        "offered_signatures",
        "peer_finished",
        "requested_signatures",
        "server_random",
        "ticket",
    )

    def __init__(self) -> None:
        self.client_random: bytes | None = None
        self.server_random: bytes | None = None
        self.finished: bytes | None = None
        self.peer_finished: bytes | None = None
        self.group: int | None = None
        self.offered_signatures: list[int] = []
        self.requested_signatures: list[int] = []
        self.ticket: bytes | None = None
        self._key_exchange: bytes | None = None

    def note(self, direction: str, version: int, kind: int, message: bytes) -> None:
        """Take one message, with its header of four bytes, read or written by a client."""
        body = message[4:]
        try:
            if direction == "write":
                self._note_written(kind, body)
            else:
                self._note_read(version, kind, body)
        except IndexError:
            pass  # OpenSSL refuses it too, with the right alert

    def _note_written(self, kind: int, body: bytes) -> None:
        if kind == _FINISHED:
            self.finished = body
        elif kind == _CLIENT_HELLO:
            reader = _Reader(body)
            reader.take(2)
            self.client_random = reader.take(32)
            reader.vector(1)
            reader.vector(2)
            reader.vector(1)
            if reader.more:
                for number, value in _extensions(reader.vector(2)):
                    if number == _SIGNATURE_ALGORITHMS:
                        self.offered_signatures = _numbers(value[2:])

    def _note_read(self, version: int, kind: int, body: bytes) -> None:
        reader = _Reader(body)
        if kind == _FINISHED:
            self.peer_finished = body
        elif kind == _SERVER_HELLO:
            self._note_server_hello(reader)
        elif kind == _KEY_EXCHANGE:
            self._key_exchange = body
        elif kind == _CERTIFICATE_REQUEST:
            self._note_certificate_request(reader, version)
        elif kind == _NEW_TICKET:
            reader.take(4)
            if version == _TLS13:  # RFC 8446 section 4.6.1; RFC 5077 section 3.3
                reader.take(4)
                reader.vector(1)
            self.ticket = reader.vector(2)

    def _note_server_hello(self, reader: _Reader) -> None:
        reader.take(2)
        random = reader.take(32)
        if random == _RETRY:
            return
        self.server_random = random
        reader.vector(1)
        reader.take(3)
        if reader.more:
            for number, value in _extensions(reader.vector(2)):
                if number == _KEY_SHARE:
                    self.group = _Reader(value).number(2)

    def _note_certificate_request(self, reader: _Reader, version: int) -> None:
        reader.vector(1)  # TLS 1.3: the request's context; TLS 1.2: types of certificates
        block = reader.vector(2)
        if version != _TLS13:
            self.requested_signatures = _numbers(block)
            return
        for number, value in _extensions(block):
            if number == _SIGNATURE_ALGORITHMS:
                self.requested_signatures = _numbers(value[2:])

    def ephemeral_key(self, cipher: str) -> dict[str, Any]:
        """Give the key exchange in Node's shape, `{}` where the server's key is not ephemeral.

        Args:    cipher: OpenSSL's name of the suite, which says how to read the message.
        """
        if self.group is not None:
            return _group_info(self.group)
        if self._key_exchange is None:
            return {}
        reader = _Reader(self._key_exchange)
        try:
            if "PSK" in cipher:
                reader.vector(2)  # RFC 4279 section 2: the identity hint comes first
            if "ECDH" in cipher:
                kind = reader.number(1)  # RFC 8422 section 5.4: 3 is a named curve
                return _group_info(reader.number(2)) if kind == 3 else {}
            if "DH" in cipher:
                prime = int.from_bytes(reader.vector(2), "big")
                return {"type": "DH", "size": prime.bit_length()}
        except IndexError:
            pass
        return {}

    def shared_signatures(self) -> list[str]:
        """Name the schemes both sides have, in the peer's order; [] unless it asked for them."""
        offered = set(self.offered_signatures)
        return [_scheme(scheme) for scheme in self.requested_signatures if scheme in offered]


def _group_info(number: int) -> dict[str, Any]:
    if number in _CURVES:
        name, size = _CURVES[number]
        return {"type": "ECDH", "name": name, "size": size}
    if number in _FIELDS:
        return {"type": "DH", "size": _FIELDS[number]}
    return {"type": "TLSGroup", "name": _OTHERS.get(number, f"0x{number:04x}")}


def _scheme(number: int) -> str:
    known = _SCHEMES.get(number)
    if known is not None:
        return known
    signature = _SIGNATURES.get(number & 0xFF, "UNDEF")
    return f"{signature}+{_HASHES.get(number >> 8, 'UNDEF')}"


# --- Tracing --------------------------------------------------------------------------------------

_VERSIONS: Final = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}
_VERSIONS[_TLS13] = "TLSv1.3"
_CONTENTS: Final = {20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data"}
_MESSAGES: Final = {
    0: "hello_request",
    1: "client_hello",
    2: "server_hello",
    4: "new_session_ticket",
    5: "end_of_early_data",
    8: "encrypted_extensions",
    11: "certificate",
    12: "server_key_exchange",
    13: "certificate_request",
    14: "server_hello_done",
    15: "certificate_verify",
    16: "client_key_exchange",
    20: "finished",
    22: "certificate_status",
    24: "key_update",
    25: "compressed_certificate",
}
_RECORD_HEADER, _INNER_TYPE = 256, 257  # OpenSSL's own numbers


def trace_line(direction: str, version: int, content: int, kind: int, message: bytes) -> str | None:
    """Describe a record or a message in one line, None for what says nothing new.

    No content is shown: a trace may be sent to somebody else.
    """
    if content == _INNER_TYPE:
        return None
    arrow = "->" if direction == "write" else "<-"
    name = _VERSIONS.get(version, f"0x{version:04x}")
    if content == _RECORD_HEADER:
        length = int.from_bytes(message[3:5], "big")
        return f"{arrow} record {_CONTENTS.get(message[0], message[0])}, {length} bytes"
    what = _CONTENTS.get(content, str(content))
    if content == _HANDSHAKE:
        what += f" {_MESSAGES.get(kind, kind)}"
    elif content == 21 and len(message) == 2:
        level = {1: "warning", 2: "fatal"}.get(message[0], message[0])
        what += f" {level} {_alert_name(message[1])}"
    return f"{arrow} {name} {what}, {len(message)} bytes"


def _alert_name(number: int) -> str:
    try:
        return ssl.AlertDescription(number).name.removeprefix("ALERT_DESCRIPTION_").lower()
    except ValueError:
        return str(number)


# --- Pre-shared keys ------------------------------------------------------------------------------


def answer_psk(hint: str | None) -> tuple[str | None, bytes]:
    """Be the callback of every context for pre-shared keys: hand on to the connection at work.

    `ssl` has one callback per context and does not say which connection asks.
    """
    engine = _current.engine
    return (None, b"") if engine is None else engine.answer_psk(hint)


def _psk_answer(answer: object) -> tuple[str | None, bytes]:
    """Check what a psk_callback returned, as Node does; no message shows the key."""
    if answer is None:
        return None, b""
    if not isinstance(answer, Mapping):
        raise option_type_error("ret", "an instance of Object", answer, secret=True)
    fields = cast("Mapping[str, object]", answer)
    psk, identity = fields.get("psk"), fields.get("identity")
    if not is_buffer(psk):
        expected = "an instance of Buffer, TypedArray, or DataView"
        raise option_type_error("psk", expected, psk, secret=True)
    key = bytes(psk)
    if len(key) > 256:  # PSK_MAX_PSK_LEN of OpenSSL, in CPython's callback
        raise option_value_error("psk", None, "exceeds 256 bytes", secret=True)
    if not isinstance(identity, str):
        raise option_type_error("identity", "string", identity)
    if len(identity.encode()) > 128:  # PSK_MAX_IDENTITY_LEN
        raise option_value_error("identity", identity, "exceeds 128 bytes")
    return identity, key


# --- The engine -----------------------------------------------------------------------------------


class _Current(threading.local):
    """The engine that is in a call into OpenSSL, of this thread."""

    engine: ObservedEngine | None = None


_current = _Current()


def _on_message(
    _connection: object, direction: str, version: int, content: int, kind: int, message: bytes
) -> None:
    engine = _current.engine
    if engine is not None:
        engine.on_message(direction, version, content, kind, message)


class ObservedEngine(Engine):
    """An engine that tells more; its events are those of `Engine`, and `Noticed`.

    Args:
        context: as `Engine`; with `wants.own_context` one that no plain connection shares.
        wants: what to look for.
        home: the plain context to go over to when the handshake is done, if `context` is another.
            Sessions belong to it then, and may be resumed by any connection.
        label: begins each line of the trace.
    """

    __slots__ = (
        "_follower",
        "_home",
        "_key_log",
        "_last_session",
        "_saw_data",
        "_ticket_under_way",
        "_tls13",
        "_told",
        "_watched",
        "failure",
        "handshake",
        "label",
        "lines",
        "wants",
    )

    def _set_out(self, wants: Wants, label: str) -> None:
        self.wants = wants
        self.handshake = Handshake()
        self.failure: Exception | None = None
        self.label = label
        self.lines: list[bytes] = []
        self._home: ssl.SSLContext | None = None
        self._told: list[Event] = []
        self._ticket_under_way = False
        self._last_session: bytes | None = None
        self._saw_data = self._tls13 = False
        self._watched: ssl.SSLContext | None = None
        self._key_log: tuple[KeyLog, ssl.SSLContext] | None = None
        self._follower = id(self).to_bytes(16, "big")  # until the client random is known

    def __init__(
        self,
        context: WrapsBio,
        *,
        wants: Wants,
        server_hostname: str | None = None,
        home: object = None,
        label: str = "tlsevents",
    ) -> None:
        super().__init__(context, server_hostname=server_hostname)
        self._set_out(wants, label)
        self._home = None if home is None else real_context(home)
        self.look_again()
        if self._home is not None and self._watched is not None and KeyLog.available():
            self._key_log = KeyLog.follow(self._watched, self._follower), self._watched

    @classmethod
    def taking_over(cls, engine: Engine, wants: Wants, *, label: str = "tlsevents") -> Self:
        """Go on with a plain engine whose handshake has begun; what was before is not known."""
        self = cls.__new__(cls)
        for name in Engine.__slots__:
            setattr(self, name, getattr(engine, name))
        self._set_out(wants, label)
        self.look_again()
        if self.handshake_state == "done":
            self._handshake_over()
        return self

    def offer(self, session: ssl.SSLSession, context: ssl.SSLContext) -> None:
        """Offer a session; see `Engine.offer`."""
        super().offer(session, context)
        if self._watched is not None:
            hook(self.ssl_object, self._watched, _on_message)

    @property
    def observes(self) -> bool:
        """Whether the messages of this handshake were seen."""
        return self.handshake.client_random is not None

    def release(self) -> None:
        """Let go of what others share. May be called at any time, and again."""
        if (key_log := self._key_log) is not None:
            log, context = key_log
            self._key_log = None
            log.leave(context, self._follower)

    # -- the verbs of an engine, watched -------------------------------------------------------

    def send_data(self, data: Buffer) -> list[Event]:
        """As `Engine.send_data`."""
        if self._watched is None or not self.wants.trace:
            return super().send_data(data)
        return self._watch(lambda: super(ObservedEngine, self).send_data(data))

    def close_write(self) -> list[Event]:
        """As `Engine.close_write`."""
        if self._watched is None or not self.wants.trace:
            return super().close_write()
        return self._watch(super().close_write)

    def _advance_handshake(self) -> list[Event]:
        events: list[Event] = self._watch(super()._advance_handshake)
        if self.failure is not None and not (events and isinstance(events[-1], Failed)):
            # Without the key a TLS 1.3 handshake would simply go on with certificates.
            error = ssl.SSLError(ssl.SSL_ERROR_SSL, "psk_callback failed")
            events = [self._fail(error, during_handshake=True)]
        if self.handshake_state != "running":
            self._handshake_over()
        return events

    def _handshake_over(self) -> None:
        self.release()
        if self.handshake_state != "done":
            return
        if self._home is not None:
            self.ssl_object.context = self._home
            self._watched = watchable(self._home)
            if self._watched is not None:
                hook(self.ssl_object, self._watched, _on_message)
        wants = self.wants
        self._tls13 = self.ssl_object.version() == "TLSv1.3"
        if self._tls13:
            wants.no_renegotiation = False  # RFC 8446 has none
            if (wants.tickets or wants.cache) and self.ssl_object.session_reused:
                # Else the session has no ticket yet, and is told from one that has by that.
                session = self.ssl_object.session
                self._last_session = None if session is None else session.id
        else:
            wants.cache = False  # its one ticket came with the handshake
        self._look_less()

    def look_again(self) -> None:
        """More is wanted than before."""
        if self._watched is None and self.wants.sight:
            self._watched = watchable(getattr(self.ssl_object, "context", None))
            if self._watched is not None:
                hook(self.ssl_object, self._watched, _on_message)

    def _look_less(self) -> None:
        """Let the connection go unless there is something left to see."""
        wants = self.wants
        if self._watched is not None and not (
            wants.trace
            or wants.no_renegotiation
            or ((wants.tickets or wants.ticket) and not self._saw_data)
        ):
            self._watched = None
            unhook(self.ssl_object)

    def _decrypt(self) -> list[Event]:
        wants = self.wants
        tickets = wants.tickets or wants.ticket or wants.cache
        if not (tickets or wants.trace or wants.no_renegotiation):
            return super()._decrypt()
        if self._watched is None:
            events = super()._decrypt()
        else:
            events = self._watch(super()._decrypt)
            if self._ticket_under_way:
                self._ticket_arrived()
                events = [*self._told, *events]
                self._told = []
        return self._look_for_ticket(events) if tickets else events

    # -- what is seen --------------------------------------------------------------------------

    def _watch(self, verb: Callable[[], list[Event]]) -> list[Event]:
        watched, outer = self._watched, _current.engine
        _current.engine = self
        if watched is not None:
            watch(watched, _on_message)
        try:
            events = verb()
        finally:
            if watched is not None:
                unwatch(watched)
            _current.engine = outer
        if self._key_log is not None:
            self._take_lines(self._key_log[0])
        if self._told:
            events = [*self._told, *events]
            self._told = []
        return events

    def _take_lines(self, log: KeyLog) -> None:
        random = self.handshake.client_random
        if random is None:
            return
        if self._follower != random:
            log.rename(self._follower, random)
            self._follower = random
        for line in log.take(random):
            if self.wants.secrets:
                self.lines.append(line)
            if self.wants.keylog:
                self._told.append(Noticed("keylog", line))

    def on_message(
        self, direction: str, version: int, content: int, kind: int, message: bytes
    ) -> None:
        """Take what OpenSSL tells in the middle of a call; must not raise."""
        if self._ticket_under_way:
            # The next thing after a ticket: OpenSSL has made a session of it by now. Several may
            # come in one record (BoringSSL does that), so waiting for the call's end is too late.
            self._ticket_arrived()
        if self.wants.trace:
            line = trace_line(direction, version, content, kind, message)
            if line is not None:
                sys.stderr.write(f"{self.label} {line}\n")
        if content != _HANDSHAKE:
            return
        if self.handshake_state != "done":
            self.handshake.note(direction, version, kind, message)
        elif direction == "read" and kind == _NEW_TICKET and version == _TLS13:
            self.handshake.note(direction, version, kind, message)
            self._ticket_under_way = self.wants.tickets
        elif direction == "read" and kind == _HELLO_REQUEST:
            self._told.append(Noticed("renegotiating", None))
        elif kind == _FINISHED:
            self.handshake.note(direction, version, kind, message)

    def _ticket_arrived(self) -> None:
        self._ticket_under_way = False
        session = self.ssl_object.session
        if session is not None:
            self._last_session = session.id
            self._told.append(Noticed("session", session))

    def _look_for_ticket(self, events: list[Event]) -> list[Event]:
        """Find a new session without the hook; looking costs 0.2 ms, so not after mere data."""
        data = any(isinstance(event, DataReceived) for event in events)
        if self.read_state == "failed" or (data and self._saw_data):
            return events
        seen = self._watched is not None and self.wants.tickets
        if data:
            self._saw_data = True
            self._look_less()
        if seen or not self._tls13 or not (self.wants.tickets or self.wants.cache):
            return events
        session = self.ssl_object.session
        if session is None or session.id == self._last_session or not session.has_ticket:
            return events
        self._last_session = session.id
        self.wants.cache = False
        return [Noticed("session", session), *events]

    def answer_psk(self, hint: str | None) -> tuple[str | None, bytes]:
        """Ask the user's psk_callback; what it raises ends the handshake."""
        if self.wants.psk is None:
            return None, b""
        try:
            return _psk_answer(self.wants.psk(hint))
        except Exception as error:  # noqa: BLE001
            self.failure = error
            return None, b""
