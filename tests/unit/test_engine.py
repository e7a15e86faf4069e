"""The engine alone: two of them back to back in memory, no network, no clock."""

from __future__ import annotations

import random
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pki
from tlsevents.engine import (
    MAX_CHUNK,
    DataReceived,
    Ended,
    Engine,
    EngineStateError,
    Event,
    Failed,
    HandshakeCompleted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3
VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["tls12", "tls13"])


def client_context(version: ssl.TLSVersion, trusted: str = "root-a") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pki.pem(trusted).decode())
    context.minimum_version = context.maximum_version = version
    return context


def server_context(symbol: str = "leaf-ok", **settings_: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path(symbol))
    for name, value in settings_.items():
        setattr(context, name, value)
    return context


def whole(data: bytes) -> Iterator[bytes]:
    if data:
        yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for position in range(len(data)):
        yield data[position : position + 1]


@dataclass
class Pair:
    """A client and a server engine and the wire between them."""

    client: Engine
    server: Engine
    cut: Callable[[bytes], Iterator[bytes]] = whole

    def __post_init__(self) -> None:
        self.client_events: list[Event] = []
        self.server_events: list[Event] = []

    def start(self) -> Pair:
        self.client_events += self.client.start()
        self.server_events += self.server.start()
        self.settle()
        return self

    def settle(self) -> None:
        """Carry bytes both ways until nobody has any left."""
        while (up := self.client.data_to_send()) or self.server_has_more():
            for piece in self.cut(up):
                self.server_events += self.deliver(self.server, piece)
            for piece in self.cut(self.down):
                self.client_events += self.deliver(self.client, piece)
            self.down = b""

    down = b""

    def server_has_more(self) -> bool:
        self.down = self.server.data_to_send()
        return bool(self.down)

    @staticmethod
    def deliver(engine: Engine, piece: bytes) -> list[Event]:
        events = engine.receive_data(piece)
        if events and isinstance(events[-1], HandshakeCompleted):
            events += engine.receive_data(b"")
        return events

    def client_sends(self, data: bytes) -> None:
        self.client_events += self.client.send_data(data)
        self.settle()

    def server_sends(self, data: bytes) -> None:
        self.server_events += self.server.send_data(data)
        self.settle()


def make_pair(
    version: ssl.TLSVersion,
    *,
    trusted: str = "root-a",
    symbol: str = "leaf-ok",
    cut: Callable[[bytes], Iterator[bytes]] = whole,
) -> Pair:
    return Pair(
        Engine(client_context(version, trusted), server_hostname="localhost"),
        Engine(server_context(symbol), server_side=True),
        cut,
    )


def received(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, DataReceived))


def others(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, DataReceived)]


@VERSIONS
@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_a_connection_from_hello_to_goodbye(
    version: ssl.TLSVersion, cut: Callable[[bytes], Iterator[bytes]]
) -> None:
    pair = make_pair(version, cut=cut).start()
    assert pair.client_events == [HandshakeCompleted()]
    assert pair.server_events == [HandshakeCompleted()]
    pair.client_sends(b"ping")
    pair.server_sends(b"pong" * 5000)
    assert received(pair.server_events) == b"ping"
    assert received(pair.client_events) == b"pong" * 5000
    assert pair.client.close_write() == []
    pair.settle()
    assert others(pair.server_events) == [HandshakeCompleted(), Ended(clean=True)]
    # Half-closed: the other direction goes on.
    pair.server_sends(b"late")
    assert received(pair.client_events).endswith(b"late")
    assert pair.server.close_write() == []
    pair.settle()
    assert others(pair.client_events) == [HandshakeCompleted(), Ended(clean=True)]
    assert (pair.client.read_state, pair.client.write_state) == ("ended", "closed")


@VERSIONS
def test_it_stops_between_handshake_and_data(version: ssl.TLSVersion) -> None:
    """The identity is decided before one application byte is decrypted."""
    pair = make_pair(version)
    pair.client.start()
    pair.server.start()
    flights: list[bytes] = []
    server_events: list[Event] = []
    while not server_events:
        up = pair.client.data_to_send()
        server_events += pair.server.receive_data(up)
        if not server_events:
            flights.append(pair.server.data_to_send())
            assert others(pair.client.receive_data(flights[-1])) in ([], [HandshakeCompleted()])
    pair.server.send_data(b"hello")
    pair.server.close_write()
    events = pair.client.receive_data(pair.server.data_to_send())
    if pair.client.read_state == "waiting":
        assert events in ([], [HandshakeCompleted()])
        events = pair.client.receive_data(b"")
    assert events == [DataReceived(b"hello"), Ended(clean=True)]


@VERSIONS
def test_records_of_one_delivery_are_joined_up_to_a_limit(version: ssl.TLSVersion) -> None:
    pair = make_pair(version).start()
    text = random.Random(7).randbytes(3 * MAX_CHUNK + 5)
    pair.server_sends(text)
    chunks = [e.data for e in pair.client_events if isinstance(e, DataReceived)]
    assert b"".join(chunks) == text
    assert [len(chunk) for chunk in chunks] == [MAX_CHUNK, MAX_CHUNK, MAX_CHUNK, 5]


@VERSIONS
@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 20_000), min_size=1, max_size=8),
)
def test_any_cut_gives_the_same_plaintext(
    version: ssl.TLSVersion, sizes: list[int], cuts: list[int]
) -> None:
    def anyhow(data: bytes) -> Iterator[bytes]:
        position = turn = 0
        while position < len(data):
            size = cuts[turn % len(cuts)]
            yield data[position : position + size]
            position += size
            turn += 1

    pair = make_pair(version, cut=anyhow).start()
    text = random.Random(11).randbytes(sum(sizes))
    position = 0
    for size in sizes:
        pair.server_sends(text[position : position + size])
        position += size
    pair.server.close_write()
    pair.settle()
    assert received(pair.client_events) == text
    assert others(pair.client_events) == [HandshakeCompleted(), Ended(clean=True)]


@VERSIONS
def test_eof_without_close_notify_is_told_apart(version: ssl.TLSVersion) -> None:
    pair = make_pair(version).start()
    pair.server_sends(b"half a ")
    assert pair.client.receive_eof() == [Ended(clean=False)]
    assert pair.client.receive_data(b"anything") == []
    # It can still be answered.
    pair.client_sends(b"late")
    assert pair.client.close_write() == []
    pair.settle()
    assert received(pair.server_events) == b"late"
    assert others(pair.server_events) == [HandshakeCompleted(), Ended(clean=True)]


@VERSIONS
def test_a_cut_off_record_is_an_unclean_end(version: ssl.TLSVersion) -> None:
    pair = make_pair(version).start()
    pair.server.send_data(b"never seen whole")
    pair.client_events += pair.client.receive_data(pair.server.data_to_send()[:12])
    assert pair.client.receive_eof() == [Ended(clean=False)]
    assert received(pair.client_events) == b""


@VERSIONS
def test_a_refused_certificate_leaves_the_alert_to_send(version: ssl.TLSVersion) -> None:
    pair = make_pair(version, trusted="root-b").start()
    (failed,) = pair.client_events
    assert isinstance(failed, Failed)
    assert failed.during_handshake
    assert isinstance(failed.error, ssl.SSLCertVerificationError)
    # settle() sent what was left: the server knows why.
    (told,) = pair.server_events
    assert isinstance(told, Failed)
    assert "UNKNOWN_CA" in str(told.error)


@VERSIONS
def test_data_before_a_broken_record_is_not_lost(version: ssl.TLSVersion) -> None:
    pair = make_pair(version).start()
    pair.server.send_data(b"good")
    good = pair.server.data_to_send()
    pair.server.send_data(b"broken")
    broken = bytearray(pair.server.data_to_send())
    broken[-1] ^= 0xFF
    data, failed = pair.client.receive_data(good + bytes(broken))
    assert data == DataReceived(b"good")
    assert isinstance(failed, Failed)
    assert not failed.during_handshake
    assert failed.error.reason == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
    assert pair.client.receive_data(good) == []
    # The alert tells the server.
    (told,) = pair.server.receive_data(pair.client.data_to_send())
    assert isinstance(told, Failed)


@VERSIONS
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "WRONG_VERSION_NUMBER"),
        (bytes.fromhex("15030300020228"), "ALERT_HANDSHAKE_FAILURE"),
        (bytes.fromhex("1503030002021e"), "ALERT_DECOMPRESSION_FAILURE"),
        (bytes.fromhex("1703030005") + b"hello", None),
    ],
)
def test_garbage_instead_of_a_handshake(
    version: ssl.TLSVersion, answer: bytes, outcome: str | None
) -> None:
    client = make_pair(version).client
    client.start()
    (failed,) = client.receive_data(answer)
    assert isinstance(failed, Failed)
    assert failed.during_handshake
    if outcome is not None:
        assert outcome in (failed.error.reason or "")
    assert client.handshake_state == "failed"


@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_the_number_of_an_unknown_alert_is_known(cut: Callable[[bytes], Iterator[bytes]]) -> None:
    client = make_pair(TLS13).client
    client.start()
    events: list[Event] = []
    for piece in cut(bytes.fromhex("150303000202c8")):
        events += client.receive_data(piece)
    (failed,) = events
    assert isinstance(failed, Failed)
    assert failed.alert_number == 200


@VERSIONS
@pytest.mark.parametrize("ending", ["eof", "close_notify"])
def test_an_end_instead_of_a_handshake(version: ssl.TLSVersion, ending: str) -> None:
    client = make_pair(version).client
    client.start()
    if ending == "eof":
        events = client.receive_eof()
    else:
        events = client.receive_data(bytes.fromhex("15030300020100"))
    assert events == [Ended(clean=ending == "close_notify")]
    assert (client.handshake_state, client.write_state) == ("failed", "failed")


def test_versions_that_do_not_meet() -> None:
    client = Engine(client_context(TLS13), server_hostname="localhost")
    server = Engine(server_context(maximum_version=TLS12), server_side=True)
    pair = Pair(client, server).start()
    (failed,) = pair.client_events
    assert isinstance(failed, Failed)
    assert failed.error.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_no_version_left_fails_at_the_start() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version, context.maximum_version = TLS13, TLS12
    client = Engine(context, server_hostname="localhost")
    (failed,) = client.start()
    assert isinstance(failed, Failed)
    assert failed.error.reason == "NO_PROTOCOLS_AVAILABLE"


def test_a_session_is_resumed() -> None:
    context = client_context(TLS13)
    server = server_context()
    first = Pair(
        Engine(context, server_hostname="localhost"), Engine(server, server_side=True)
    ).start()
    session = first.client.ssl_object.session
    again = Pair(
        Engine(context, server_hostname="localhost", session=session),
        Engine(server, server_side=True),
    ).start()
    assert again.client.ssl_object.session_reused


# -- the state tables, every cell ------------------------------------------------------------

STATES = ["idle", "running", "open", "closed", "ended", "failed"]
IDLE, RUNNING, OPEN, CLOSED, ENDED, FAILED = STATES


def engine_in(state: str) -> Engine:
    if state == IDLE:
        return make_pair(TLS13).client
    pair = make_pair(TLS13)
    if state == RUNNING:
        pair.client.start()
        return pair.client
    if state == FAILED:
        pair.client.start()
        pair.client.receive_data(b"not TLS at all")
        return pair.client
    pair.start()
    if state == CLOSED:
        pair.client.close_write()
    if state == ENDED:
        pair.server.close_write()
        pair.settle()
    return pair.client


LEGAL = {
    "start": {IDLE},
    "send_data": {OPEN, ENDED},
    "close_write": {OPEN, CLOSED, ENDED, FAILED},
    "receive_data": set(STATES),
    "receive_eof": set(STATES),
    "data_to_send": set(STATES),
}
ARGUMENTS: dict[str, tuple[bytes, ...]] = {"send_data": (b"x",), "receive_data": (b"",)}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", LEGAL)
def test_every_verb_in_every_state(verb: str, state: str) -> None:
    engine = engine_in(state)
    call = getattr(engine, verb)
    if state in LEGAL[verb]:
        call(*ARGUMENTS.get(verb, ()))
    else:
        with pytest.raises(EngineStateError, match=verb):
            call(*ARGUMENTS.get(verb, ()))


def test_sending_nothing_sends_nothing() -> None:
    engine = engine_in(OPEN)
    engine.data_to_send()
    assert engine.send_data(b"") == []
    assert engine.data_to_send() == b""
