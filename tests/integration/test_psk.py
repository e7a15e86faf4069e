"""Pre-shared keys (Python 3.13 and newer)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Serve

KEY = b"\xaa" * 16

old = pytest.mark.skipif(sys.version_info >= (3, 13), reason="this Python can")
new = pytest.mark.skipif(sys.version_info < (3, 13), reason="needs Python 3.13")


def answering(answer: object) -> Callable[[str | None], object]:
    return lambda hint: answer


def client(port: int, **options: Any) -> tlsevents.TLSSocket:
    options.setdefault("psk_callback", answering({"psk": KEY, "identity": "alice"}))
    options.setdefault("check_server_identity", lambda *_: None)
    return tlsevents.connect(host="127.0.0.1", port=port, **options)


TLS12 = {"ciphers": "PSK", "max_version": "TLSv1.2"}


@old
async def test_an_older_python_says_what_would_do(serve: Serve) -> None:
    with pytest.raises(tlsevents.UnsupportedOptionError, match=r"Python 3\.13"):
        client(1)


@new
async def test_tls12(serve: Serve) -> None:
    server = serve(certificate=None, maximum="TLSv1.2", psk=("alice", KEY), psk_hint="the-hint")
    hints: list[str | None] = []

    def answer(hint: str | None) -> dict[str, Any]:
        hints.append(hint)
        return {"psk": bytearray(KEY), "identity": "alice"}

    socket = client(server.port, psk_callback=answer, **TLS12)
    socket.get_ephemeral_key_info()
    await socket
    assert hints == ["the-hint"]
    assert socket.authorized
    assert socket.get_peer_certificate() == {}
    assert socket.get_cipher() == {
        "name": "ECDHE-PSK-CHACHA20-POLY1305",
        "standardName": "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
        "version": "TLSv1.2",
    }
    assert socket.get_ephemeral_key_info() == {"type": "ECDH", "name": "X25519", "size": 253}
    assert not socket.is_session_reused()
    socket.destroy()
    await socket.wait_closed()


@new
async def test_tls13_asks_no_identity_check(serve: Serve) -> None:
    server = serve(certificate=None, maximum="TLSv1.3", psk=("alice", KEY))
    asked: list[Any] = []
    socket = client(server.port, check_server_identity=lambda *a: asked.append(a))
    await socket
    assert socket.authorized
    assert socket.is_session_reused()
    assert socket.get_protocol() == "TLSv1.3"
    assert asked == []
    socket.destroy()
    await socket.wait_closed()


async def failure(socket: tlsevents.TLSSocket) -> Any:
    heard: list[Any] = []
    socket.on("tlsClientError", heard.append)
    await socket.wait_closed()
    assert len(heard) == 1
    return heard[0]


@new
async def test_the_default_check_refuses_a_peer_without_certificate(serve: Serve) -> None:
    server = serve(certificate=None, maximum="TLSv1.2", psk=("alice", KEY))
    error = await failure(client(server.port, check_server_identity=None, **TLS12))
    assert error.code == "ERR_TLS_CERT_ALTNAME_INVALID"
    assert error.reason == "IP: 127.0.0.1 is not in the cert's list: "


@new
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("text", "ERR_INVALID_ARG_TYPE"),
        ({"psk": "secret words", "identity": "alice"}, "ERR_INVALID_ARG_TYPE"),
        ({"psk": KEY, "identity": 5}, "ERR_INVALID_ARG_TYPE"),
        ({"psk": KEY}, "ERR_INVALID_ARG_TYPE"),
        ({"psk": bytes(300), "identity": "alice"}, "ERR_INVALID_ARG_VALUE"),
        ({"psk": KEY, "identity": "a" * 129}, "ERR_INVALID_ARG_VALUE"),
    ],
)
async def test_answers_that_are_none(serve: Serve, version: str, answer: object, code: str) -> None:
    server = serve(certificate=None, maximum=version, psk=("alice", KEY))
    options = TLS12 if version == "TLSv1.2" else {}
    error = await failure(client(server.port, psk_callback=answering(answer), **options))
    assert error.code == code
    assert "secret" not in str(error)


@new
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_what_the_callback_raises_is_the_error(serve: Serve, version: str) -> None:
    server = serve(certificate=None, maximum=version, psk=("alice", KEY))
    trouble = LookupError("no key")

    def answer(_hint: str | None) -> None:
        raise trouble

    options = TLS12 if version == "TLSv1.2" else {}
    assert await failure(client(server.port, psk_callback=answer, **options)) is trouble


@new
async def test_no_key(serve: Serve) -> None:
    server = serve(certificate=None, maximum="TLSv1.2", psk=("alice", KEY))
    error = await failure(client(server.port, psk_callback=answering(None), **TLS12))
    assert error.code == "ERR_SSL_PSK_IDENTITY_NOT_FOUND"


@new
async def test_sockets_with_callbacks_of_their_own_share_a_context(serve: Serve) -> None:
    server = serve(certificate=None, maximum="TLSv1.2", psk=("alice", KEY))
    good = [client(server.port, **TLS12) for _ in range(3)]
    bad = client(server.port, psk_callback=answering(None), **TLS12)
    assert (await failure(bad)).code == "ERR_SSL_PSK_IDENTITY_NOT_FOUND"
    for socket in good:
        await socket
        socket.destroy()
        await socket.wait_closed()


@new
async def test_a_server_that_prefers_certificates(serve: Serve, trusted: bytes) -> None:
    async with client(serve().port, ca=trusted, check_server_identity=None) as socket:
        assert socket.authorized
        assert socket.get_peer_certificate()
        assert not socket.is_session_reused()


@new
async def test_a_context_of_ones_own_has_its_own_callback() -> None:
    import ssl

    with pytest.raises(tlsevents.UnsupportedOptionError, match="set_psk_client_callback"):
        client(1, context=ssl.create_default_context())
