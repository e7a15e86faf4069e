"""What servers do to clients, and callers to themselves: one clear error, then `close`."""

from __future__ import annotations

import asyncio
import random
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests import pki
from tests.recorder import Recorder
from tests.servers import (
    Peer,
    alert,
    close,
    close_notify,
    fin,
    first_flight,
    handshake,
    pause,
    raw,
    read_all,
    read_raw,
    reset,
    send,
    send_flight,
    wait,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

pytestmark = pytest.mark.on_every_loop


async def outcome(socket: tlsevents.TLSSocket) -> tuple[list[str], Any]:
    """The names of all events, and the one error."""
    trace = Recorder(socket)
    heard: list[Any] = []
    socket.on("tlsClientError", heard.append)
    socket.on("error", heard.append)
    async with asyncio.timeout(5):
        await socket.wait_closed()
    assert len(heard) <= 1
    assert trace.names[-1] == "close"
    assert trace.only("close") is bool(heard)
    return trace.names, heard[0] if heard else None


# -- servers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_random_bytes(serve: Serve, trusted: bytes, seed: int) -> None:
    noise = random.Random(seed).randbytes(5000)
    server = serve(raw(noise), read_raw, certificate=None)
    names, error = await outcome(
        tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted, handshake_timeout=1)
    )
    assert "secureConnect" not in names
    assert isinstance(error, tlsevents.TLSEventsError)
    assert error.code
    assert error.hint


@pytest.mark.parametrize(
    ("block", "code"),
    [
        # 4096 HelloRequests a record: TLS lets a client ignore them, so only time ends it.
        (b"\x16\x03\x03\x40\x00" + bytes(16384), "ERR_TLS_HANDSHAKE_TIMEOUT"),
        (b"\x16\x03\x03\x40\x00" + b"\x02" * 16384, "ERR_SSL_EXCESSIVE_MESSAGE_SIZE"),
        (b"\x15\x03\x03\x00\x02\x01\x70" * 1000, None),
    ],
)
async def test_a_flood_before_the_handshake(
    serve: Serve, trusted: bytes, block: bytes, code: str | None
) -> None:
    def flood(peer: Peer) -> None:
        for _ in range(500):
            peer.sock.sendall(block)

    server = serve(flood, read_raw, certificate=None)
    _, error = await outcome(
        tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted, handshake_timeout=0.5)
    )
    assert isinstance(error, tlsevents.TLSEventsError)
    assert code is None or error.code == code


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_a_huge_certificate_chain(
    serve: Serve, trusted: bytes, tmp_path: Path, version: str
) -> None:
    server = serve(handshake, read_all, maximum=version)
    pem = Path(pki.path("leaf-ok")).read_bytes()
    file = tmp_path / "long.pem"
    file.write_bytes(pem + pki.pem("inter-a") * 200)
    assert server._context is not None
    server._context.load_cert_chain(file)
    _, error = await outcome(tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted))
    assert isinstance(error, tlsevents.NegotiationError)
    assert error.code == "ERR_SSL_EXCESSIVE_MESSAGE_SIZE"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("ending", [fin, reset, close])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
async def test_an_end_at_any_moment_of_the_handshake(
    serve: Serve, trusted: bytes, version: str, ending: Any, share: float
) -> None:
    def cut(flight: bytes) -> bytes:
        return flight[: int(len(flight) * share)]

    steps: tuple[Any, ...] = (first_flight, send_flight(cut), pause(0.01), ending)
    if ending is fin:
        steps += (read_raw,)
    server = serve(*steps, maximum=version)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.resume()
    names, error = await outcome(socket)
    if share == 1.0 and version == "TLSv1.3":
        # The client was done; what the server does then is another story.
        assert "secureConnect" in names
        return
    assert error.code == "ECONNRESET"
    assert error.phase == "handshake"
    assert isinstance(error, ConnectionResetError)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_a_damaged_byte_anywhere_in_the_first_flight(
    serve: Serve, trusted: bytes, version: str
) -> None:
    for share in (0.02, 0.1, 0.3, 0.6, 0.99):

        def damage(flight: bytes, share: float = share) -> bytes:
            broken = bytearray(flight)
            broken[int(len(broken) * share)] ^= 0x55
            return bytes(broken)

        server = serve(first_flight, send_flight(damage), read_raw, maximum=version)
        names, error = await outcome(
            tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted, handshake_timeout=0.3)
        )
        assert "secureConnect" not in names
        assert isinstance(error, tlsevents.TLSEventsError)


async def test_data_is_not_lost_when_a_reset_follows(serve: Serve, trusted: bytes) -> None:
    size = 300_000
    server = serve(handshake, wait, send(b"x" * size), pause(0.1), reset)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.on("secureConnect", lambda: socket.write(b"go"))
    socket.resume()
    _, error = await outcome(socket)
    assert isinstance(error, ConnectionResetError)
    assert socket.bytes_read == size


async def test_the_alert_is_heard_though_writing_failed(serve: Serve, trusted: bytes) -> None:
    """A server that refuses the client and goes away: the reason, not a broken pipe."""
    server = serve(client_ca="root-a")
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.on("secureConnect", lambda: [socket.write(b"x" * 100_000) for _ in range(50)])
    _, error = await outcome(socket)
    assert error.alert == "certificate_required"


@pytest.mark.parametrize("number", [0, 10, 42, 80, 120])
async def test_alerts_in_the_clear_after_the_handshake(
    serve: Serve, trusted: bytes, number: int
) -> None:
    server = serve(handshake, wait, raw(alert(2, number)), read_raw)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.on("secureConnect", lambda: socket.write(b"go"))
    names, error = await outcome(socket)
    assert names[-2:] == ["error", "close"]
    assert error.phase == "open"


# -- callers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "code"),
    [
        ({"nonsense": 1}, tlsevents.OptionTypeError, None),
        ({"rejectUnauthorized": False}, tlsevents.OptionTypeError, None),
        ({"reject_unauthorised": False}, tlsevents.OptionTypeError, None),
        ({"reject_unauthorized": 0}, tlsevents.OptionTypeError, "ERR_INVALID_ARG_TYPE"),
        ({"port": -1}, tlsevents.OptionsError, "ERR_SOCKET_BAD_PORT"),
        ({"port": None}, tlsevents.OptionsError, "ERR_MISSING_ARGS"),
        ({"host": 1}, tlsevents.OptionTypeError, "ERR_INVALID_ARG_TYPE"),
        ({"ciphers": "NONSENSE"}, tlsevents.OptionsError, "ERR_SSL_NO_CIPHER_MATCH"),
        ({"min_version": "TLSv9"}, tlsevents.OptionsError, "ERR_TLS_INVALID_PROTOCOL_VERSION"),
        ({"servername": "127.0.0.1"}, tlsevents.OptionsError, "ERR_INVALID_ARG_VALUE"),
        ({"cert": b"garbage", "key": b"garbage"}, tlsevents.OptionsError,
         "ERR_OSSL_PEM_NO_START_LINE"),
        ({"key": 1}, tlsevents.OptionTypeError, "ERR_INVALID_ARG_TYPE"),
        ({"signal": object()}, tlsevents.OptionsError, None),
        ({"sigalgs": "ed25519"}, tlsevents.UnsupportedOptionError, None),
        ({"timeout": -1}, tlsevents.OptionsError, "ERR_OUT_OF_RANGE"),
        ({"handshake_timeout": "soon"}, tlsevents.OptionTypeError, None),
        ({"context": ssl.PROTOCOL_TLS_CLIENT}, tlsevents.OptionsError, None),
    ],
)  # fmt: skip
async def test_wrong_options_raise_at_once(
    options: dict[str, Any], error: type[Exception], code: str | None
) -> None:
    with pytest.raises(error) as caught:
        tlsevents.connect(**{"host": "127.0.0.1", "port": 1, **options})
    assert isinstance(caught.value, tlsevents.OptionsError)
    assert isinstance(caught.value, ValueError)
    if code is not None:
        assert caught.value.code == code
    assert caught.value.phase == "options"


async def test_a_key_that_does_not_match() -> None:
    with pytest.raises(tlsevents.OptionsError) as caught:
        tlsevents.connect(
            host="127.0.0.1", port=1,
            cert=pki.pem("client-ok"), key=pki.key_pem("root-a"),
        )  # fmt: skip
    assert caught.value.code == "ERR_OSSL_X509_KEY_VALUES_MISMATCH"


async def test_a_wrong_passphrase_is_not_repeated() -> None:
    key = pki.key_pem("client-ok", passphrase="right horse")
    with pytest.raises(tlsevents.OptionsError) as caught:
        tlsevents.connect(
            host="127.0.0.1", port=1,
            cert=pki.pem("client-ok"), key=key, passphrase="wrong battery",
        )  # fmt: skip
    assert caught.value.code == "ERR_OSSL_BAD_DECRYPT"
    for text in (str(caught.value), repr(caught.value), repr(caught.value.__dict__)):
        assert "battery" not in text
        assert "PRIVATE" not in text


@pytest.mark.parametrize("name", ["cert", "key", "ca", "crl"])
async def test_files_that_cannot_be_used(serve: Serve, tmp_path: Path, name: str) -> None:
    server = serve()
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    for path, code in ((tmp_path / "missing.pem", "ENOENT"), (tmp_path, "EISDIR"), (empty, None)):
        options: dict[str, Any] = {name: path}
        if name in {"cert", "key"}:
            options = {"cert": pki.cert_path("client-ok"), "key": pki.key_path("client-ok")}
            options[name] = str(path)
        socket = tlsevents.connect(host="127.0.0.1", port=server.port, **options)
        names, error = await outcome(socket)
        assert names[-2:] == ["tlsClientError", "close"]
        if name == "ca" and path is empty:
            assert error.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"  # an empty list trusts nobody
            continue
        assert isinstance(error, tlsevents.OptionsError)
        assert error.phase == "options"
        if code is not None:
            assert error.code == code
            assert error.path == str(path)


@pytest.mark.parametrize("answer", [False, True, 0, "", "no", 1, object(), [], {"ok": False}])
async def test_only_none_accepts_an_identity(serve: Serve, trusted: bytes, answer: Any) -> None:
    server = serve()
    socket = tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=trusted, check_server_identity=lambda *_: answer
    )
    names, error = await outcome(socket)
    assert isinstance(error, TypeError)
    assert "secureConnect" not in names


async def test_a_coroutine_function_as_identity_check_lets_nobody_in(
    serve: Serve, trusted: bytes
) -> None:
    async def accept(_hostname: str, _cert: object) -> None:
        return None

    check: Any = accept  # type checkers would not have it
    server = serve()
    names, error = await outcome(
        tlsevents.connect(
            host="127.0.0.1", port=server.port, ca=trusted, check_server_identity=check
        )
    )
    assert isinstance(error, TypeError)
    assert "secureConnect" not in names


@pytest.mark.parametrize("how", ["return", "raise"])
async def test_an_identity_check_refuses_with_its_own_error(
    serve: Serve, trusted: bytes, how: str
) -> None:
    refusal = ValueError("not that one")

    def check(hostname: str, cert: dict[str, Any]) -> Exception:
        assert hostname == "127.0.0.1"
        assert cert["issuerCertificate"]["subject"]["CN"]
        if how == "raise":
            raise refusal
        return refusal

    server = serve()
    _, error = await outcome(
        tlsevents.connect(
            host="127.0.0.1", port=server.port, ca=trusted, check_server_identity=check
        )
    )
    assert error is refusal
    # Without rejecting, it is only noted.
    socket = await tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=trusted,
        check_server_identity=check, reject_unauthorized=False,
    )  # fmt: skip
    assert (socket.authorized, socket.authorization_error) == (False, "not that one")
    socket.destroy()
    await socket.wait_closed()


# -- contexts of the caller's own -----------------------------------------------------------------


def own_context(*, verify: bool, names: bool, trust: str | None = "root-a") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = names
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if trust is not None:
        context.load_verify_locations(cadata=pki.pem(trust).decode())
    return context


@pytest.mark.parametrize(("verify", "names"), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize(
    ("symbol", "code"),
    [
        ("leaf-ok", None),
        ("leaf-expired", "CERT_HAS_EXPIRED"),
        ("leaf-wronghost", "ERR_TLS_CERT_ALTNAME_INVALID"),
        ("leaf-self", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    ],
)
async def test_a_context_of_the_callers(
    serve: Serve, verify: bool, names: bool, symbol: str, code: str | None
) -> None:
    server = serve(certificate=symbol)
    context = own_context(verify=verify, names=names)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, context=context)
    if code is None:
        await socket
        assert socket.authorized
        socket.destroy()
        await socket.wait_closed()
    else:
        _, error = await outcome(socket)
        assert error.code == code
    # It was used as it is.
    assert context.check_hostname is names


async def test_a_context_without_verification_alone_lets_nobody_in(serve: Serve) -> None:
    server = serve()
    context = ssl._create_unverified_context()
    _, error = await outcome(tlsevents.connect(host="127.0.0.1", port=server.port, context=context))
    assert isinstance(error, tlsevents.CertificateError)
    socket = await tlsevents.connect(
        host="127.0.0.1", port=server.port, context=context, reject_unauthorized=False
    )
    assert not socket.authorized
    socket.destroy()
    await socket.wait_closed()


async def test_a_context_that_needs_a_name_and_gets_none() -> None:
    with pytest.raises(tlsevents.OptionsError, match="servername"):
        tlsevents.connect(
            host="name.example", port=1, servername="", context=own_context(verify=True, names=True)
        )


@pytest.mark.parametrize(("servername", "sent"), [(None, "localhost"), ("", False)])
async def test_the_name_that_is_sent(
    serve: Serve, trusted: bytes, servername: str | None, sent: Any
) -> None:
    server = serve(handshake, close_notify, fin, read_all, certificate="leaf-dnsonly")
    socket = await tlsevents.connect(
        host="localhost", port=server.port, ca=trusted, servername=servername, family=4
    )
    assert socket.servername == sent
    assert socket.authorized
    socket.resume()
    await socket.wait_closed()
    await asyncio.to_thread(server.wait)
    assert ({"sni": "localhost"} in server.saw[0]) is bool(sent)


async def test_a_wrong_name_is_refused_without_sni_too(serve: Serve, trusted: bytes) -> None:
    server = serve(certificate="leaf-wronghost")
    _, error = await outcome(
        tlsevents.connect(host="localhost", port=server.port, ca=trusted, servername="", family=4)
    )
    assert error.code == "ERR_TLS_CERT_ALTNAME_INVALID"
