"""What is read from handshake messages, and the engine that reads them, in memory."""

from __future__ import annotations

import gc
import ssl
from typing import Any

import pytest

from tests import pki
from tests.servers import ServerPlan, server_context
from tlsevents import _cpython
from tlsevents.engine import DataReceived, Engine, Event, HandshakeCompleted, Noticed
from tlsevents.errors import OptionsError, OptionTypeError
from tlsevents.observation import Handshake, ObservedEngine, Wants, _psk_answer, trace_line

TLS12, TLS13 = 0x0303, 0x0304


def vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + vector(3, body)


def extension(number: int, value: bytes) -> bytes:
    return number.to_bytes(2, "big") + vector(2, value)


def server_hello(random: bytes, *extensions: bytes) -> bytes:
    body = b"\x03\x03" + random + vector(1, b"") + b"\x13\x02\x00"
    return message(2, body + vector(2, b"".join(extensions)))


def read(kind: int, text: bytes, version: int = TLS13) -> Handshake:
    seen = Handshake()
    seen.note("read", version, kind, text)
    return seen


# --- Key exchange ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "info"),
    [
        (29, {"type": "ECDH", "name": "X25519", "size": 253}),
        (30, {"type": "ECDH", "name": "X448", "size": 448}),
        (23, {"type": "ECDH", "name": "prime256v1", "size": 256}),
        (24, {"type": "ECDH", "name": "secp384r1", "size": 384}),
        (25, {"type": "ECDH", "name": "secp521r1", "size": 521}),
        (256, {"type": "DH", "size": 2048}),
        (257, {"type": "DH", "size": 3072}),
        (4588, {"type": "TLSGroup", "name": "X25519MLKEM768"}),
        (0xFFFE, {"type": "TLSGroup", "name": "0xfffe"}),
    ],
)
def test_the_group_of_tls13(group: int, info: dict[str, Any]) -> None:
    share = extension(51, group.to_bytes(2, "big") + vector(2, b"x" * 32))
    hello = server_hello(b"r" * 32, extension(43, b"\x03\x04"), share)
    seen = read(2, hello)
    assert seen.ephemeral_key("TLS_AES_256_GCM_SHA384") == info
    assert seen.server_random == b"r" * 32


def test_a_retry_is_not_the_answer() -> None:
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    seen = read(2, server_hello(retry, extension(51, b"\x00\x18")))
    assert seen.ephemeral_key("TLS_AES_256_GCM_SHA384") == {}
    assert seen.server_random is None


ECDHE = b"\x03\x00\x17" + vector(1, b"\x04" + b"x" * 64)
DHE = vector(2, b"\xff" * 256) + vector(2, b"\x02") + vector(2, b"y" * 256)


@pytest.mark.parametrize(
    ("cipher", "body", "info"),
    [
        ("ECDHE-RSA-AES256-SHA", ECDHE, {"type": "ECDH", "name": "prime256v1", "size": 256}),
        ("DHE-RSA-AES256-SHA", DHE, {"type": "DH", "size": 2048}),
        ("ADH-AES256-SHA", DHE, {"type": "DH", "size": 2048}),
        (
            "ECDHE-PSK-CHACHA20-POLY1305",
            vector(2, b"hint") + ECDHE,
            {"type": "ECDH", "name": "prime256v1", "size": 256},
        ),
        ("DHE-PSK-AES256-CBC-SHA", vector(2, b"") + DHE, {"type": "DH", "size": 2048}),
        ("PSK-AES256-CBC-SHA", vector(2, b"hint"), {}),
        ("ECDHE-RSA-AES256-SHA", b"\x01\x00\x00", {}),  # an explicit curve
        ("DHE-RSA-AES256-SHA", b"\xff\xff", {}),  # cut off
    ],
)
def test_the_key_exchange_of_tls12(cipher: str, body: bytes, info: dict[str, Any]) -> None:
    assert read(12, message(12, body), TLS12).ephemeral_key(cipher) == info


def test_no_key_exchange() -> None:
    assert Handshake().ephemeral_key("AES256-SHA") == {}


# --- Signatures, tickets, cut messages ------------------------------------------------------------


def test_signatures_both_have_in_the_order_of_the_peer() -> None:
    seen = Handshake()
    offered = bytes.fromhex("0403 0804 0807 0401 0905")
    hello = b"\x03\x03" + b"c" * 32 + vector(1, b"") + vector(2, b"\x13\x02") + vector(1, b"\0")
    hello += vector(2, extension(13, vector(2, offered)))
    seen.note("write", 0x0301, 1, message(1, hello))
    assert seen.client_random == b"c" * 32
    asked = bytes.fromhex("0905 0401 0807 0804 0601")
    request = vector(1, b"") + vector(2, extension(13, vector(2, asked)))
    seen.note("read", TLS13, 13, message(13, request))
    assert seen.shared_signatures() == [
        *("id-ml-dsa-65+UNDEF", "RSA+SHA256", "Ed25519+UNDEF", "RSA-PSS+SHA256")
    ]
    request = vector(1, b"\x01\x40") + vector(2, bytes.fromhex("0403")) + vector(2, b"")
    seen.note("read", TLS12, 13, message(13, request))
    assert seen.shared_signatures() == ["ECDSA+SHA256"]


def test_tickets() -> None:
    assert read(4, message(4, bytes(4) + vector(2, b"T")), TLS12).ticket == b"T"
    body = bytes(8) + vector(1, b"nonce") + vector(2, b"T") + vector(2, b"")
    assert read(4, message(4, body)).ticket == b"T"


@pytest.mark.parametrize("kind", [2, 4, 12, 13, 20, 99])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_messages_that_are_cut_anywhere_do_no_harm(kind: int, version: int) -> None:
    whole = server_hello(b"r" * 32, extension(51, b"\0\x1d" + vector(2, b"x" * 32)))
    for length in range(len(whole)):
        seen = Handshake()
        seen.note("read", version, kind, whole[:length])
        seen.note("write", version, 1, whole[:length])
        assert isinstance(seen.ephemeral_key("ECDHE-RSA-AES256-SHA"), dict)


# --- Traces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("write", 0x0304, 22, 1, b"\1" * 10), "-> TLSv1.3 handshake client_hello, 10 bytes"),
        (("read", 0x0303, 256, 22, b"\x16\x03\x03\x01\x00"), "<- record handshake, 256 bytes"),
        (("read", 0x0303, 21, 0, b"\2\50"), "<- TLSv1.2 alert fatal handshake_failure, 2 bytes"),
        (("read", 0x0303, 21, 0, b"\3\376"), "<- TLSv1.2 alert 3 254, 2 bytes"),
        (("read", 0x0999, 77, 200, b""), "<- 0x0999 77, 0 bytes"),
        (("read", 0x0303, 22, 200, b""), "<- TLSv1.2 handshake 200, 0 bytes"),
        (("read", 0x0304, 257, 22, b"\x16"), None),
    ],
)
def test_lines_of_a_trace(arguments: Any, line: str | None) -> None:
    assert trace_line(*arguments) == line


# --- Pre-shared keys ------------------------------------------------------------------------------


def test_answers_for_a_pre_shared_key() -> None:
    assert _psk_answer(None) == (None, b"")
    assert _psk_answer({"psk": memoryview(b"k"), "identity": "i"}) == ("i", b"k")
    for wrong in (5, {"psk": "k", "identity": "i"}, {"psk": b"k"}):
        with pytest.raises(OptionTypeError):
            _psk_answer(wrong)
    with pytest.raises(OptionsError):
        _psk_answer({"psk": bytes(257), "identity": "i"})


# --- The engine -----------------------------------------------------------------------------------


def engines(wants: Wants, version: str = "TLSv1.3") -> tuple[ObservedEngine, Engine]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pki.pem("root-a").decode())
    server = server_context(ServerPlan(maximum=version))
    assert server is not None
    return (
        ObservedEngine(context, wants=wants, server_hostname="localhost"),
        Engine(server, server_side=True),
    )


def shake(client: Engine, server: Engine) -> list[Event]:
    events = [*client.start()]
    server.start()
    for _ in range(4):
        server.receive_data(client.data_to_send())
        events += client.receive_data(server.data_to_send())
    return events


def watched(client: Engine) -> Any:
    return client.ssl_object.context._msg_callback  # type: ignore[attr-defined]


def test_the_hook_is_there_only_while_the_engine_is_at_work() -> None:
    client, server = engines(Wants(messages=True))
    assert watched(client) is None
    events = shake(client, server)
    assert watched(client) is None
    assert HandshakeCompleted() in events
    assert client.handshake.finished is not None
    assert client.handshake.finished == client.ssl_object.get_channel_binding("tls-unique")


def test_a_plain_engine_of_the_same_context_is_not_looked_at() -> None:
    client, server = engines(Wants(trace=True))
    plain = Engine(client.ssl_object.context, server_hostname="localhost")
    seen: list[Any] = []
    _cpython.watch(client.ssl_object.context, lambda *_: seen.append(1))
    try:
        plain.start()
        assert seen == []
    finally:
        _cpython.unwatch(client.ssl_object.context)
    assert HandshakeCompleted() in shake(client, server)


def test_a_context_that_somebody_else_watches_is_left_to_him() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    seen: list[Any] = []
    context._msg_callback = lambda *message: seen.append(message)  # type: ignore[attr-defined]
    client = ObservedEngine(context, wants=Wants(messages=True), server_hostname="localhost")
    client.start()
    assert seen
    assert not client.observes


def test_looking_ends_with_the_first_data_and_finds_tickets_before() -> None:
    client, server = engines(Wants(tickets=True))
    shake(client, server)
    server.send_data(b"x" * 10)
    events = client.receive_data(server.data_to_send())
    sessions = [event.value for event in events if isinstance(event, Noticed)]
    # shake() has taken the tickets already: two of them, each with a session of its own.
    assert events[-1] == DataReceived(b"x" * 10)
    assert sessions == []
    assert client._watched is None


def test_taking_over_from_a_plain_engine() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pki.pem("root-a").decode())
    tls = server_context(ServerPlan())
    assert tls is not None
    plain, server = Engine(context, server_hostname="localhost"), Engine(tls, server_side=True)
    plain.start()
    server.receive_data(b"")
    server.start()
    server.receive_data(plain.data_to_send())
    assert plain.receive_data(server.data_to_send()) == [HandshakeCompleted()]
    client = ObservedEngine.taking_over(plain, Wants(tickets=True))
    server.receive_data(client.data_to_send())
    server.send_data(b"x")
    events = client.receive_data(b"") + client.receive_data(server.data_to_send())
    kinds = [event.what if isinstance(event, Noticed) else type(event) for event in events]
    assert kinds == ["session", "session", DataReceived]
    assert not client.observes
    client.release()
    del client, plain
    gc.collect()
