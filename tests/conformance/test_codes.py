"""Codes that no recording shows, reached through the public face.

The recordings hold what a server or a caller can bring about at will. What is left needs a
kernel, a resolver or an OpenSSL that answers as asked; here they do. `REACHED` says which test
reaches what, for the list in SURFACE.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import tlsevents
from tests import pki
from tests.recorder import Recorder
from tests.servers import Server, ServerPlan, handshake, read_all
from tlsevents.codes import ALERTS, CODES, VERDICTS
from tlsevents.engine import Engine
from tlsevents.verification import Verifier

KERNEL = (
    "EACCES",
    "EAFNOSUPPORT",
    "ECONNABORTED",
    "ECONNREFUSED",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "ENETDOWN",
    "ENETUNREACH",
    "ENOBUFS",
    "ENOTSUP",
    "EPERM",
    "EPROTO",
    "ETIMEDOUT",
)
EXHAUSTED = ("EMFILE", "ENFILE")
RESOLVER = {
    "EAI_AGAIN": socket.EAI_AGAIN,
    "EAI_FAIL": socket.EAI_FAIL,
    "EAI_FAMILY": socket.EAI_FAMILY,
    "EAI_MEMORY": socket.EAI_MEMORY,
    "EAI_SERVICE": socket.EAI_SERVICE,
    "ENOTFOUND": socket.EAI_NONAME,
}
NEGOTIATED = tuple(
    code
    for code, row in CODES.items()
    if code.startswith("ERR_SSL_") and row.category == "negotiation"
)

REACHED: dict[str, tuple[str, ...]] = {
    "test_alerts": tuple(f"ERR_SSL_{reason}" for _, reason in ALERTS.values()),
    "test_verdicts": tuple(dict.fromkeys(code for code, _ in VERDICTS.values())),
    "test_the_kernel_refuses": KERNEL,
    "test_no_sockets_left": EXHAUSTED,
    "test_the_resolver_fails": tuple(RESOLVER),
    "test_files": ("ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG"),
    "test_what_openssl_says": NEGOTIATED,
    "test_a_missing_key": ("ERR_SSL_PSK_IDENTITY_NOT_FOUND",),
    "test_connect_on_a_socket_in_use": ("ERR_SOCKET_CONNECTING",),
    "test_a_socket_below_that_closes": ("ERR_SOCKET_CLOSED",),
}


async def failure(**options: Any) -> Any:
    """The one error of a connection that fails before `secureConnect`."""
    tls = tlsevents.connect(**{"host": "127.0.0.1", "port": 1, **options})
    trace = Recorder(tls)
    heard: list[Any] = []
    tls.on("tlsClientError", heard.append)
    await tls.wait_closed()
    assert trace.events[-2:] == [("tlsClientError", (heard[0],)), ("close", (True,))]
    assert str(heard[0])
    assert heard[0].hint
    return heard[0]


@contextlib.asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[int]:
    """The port of a server that says one thing."""
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply)
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await done.wait()


@pytest.mark.parametrize("number", ALERTS)
async def test_alerts(number: int) -> None:
    name, reason = ALERTS[number]
    record = bytes([21, 3, 3, 0, 2, 2, number])
    async with answering(record) as port:
        error = await failure(port=port)
    assert (error.code, error.alert) == (f"ERR_SSL_{reason}", name)
    assert isinstance(error, tlsevents.NegotiationError)


@pytest.fixture(scope="module")
def stranger() -> Iterator[Server]:
    """A server with a certificate that nobody trusts."""
    plan = ServerPlan(script=(handshake, read_all), certificate="leaf-root-b")
    with Server(plan) as server:
        yield server


@pytest.mark.parametrize("number", VERDICTS)
async def test_verdicts(number: int, stranger: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Verifier, "verdict", lambda *_: number)
    error = await failure(port=stranger.port, ca=pki.pem("root-a"))
    code, message = VERDICTS[number]
    assert (error.code, str(error), error.phase) == (code, message, "verify")
    assert isinstance(error, tlsevents.CertificateError)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert (error.verify_code, len(error.chain)) == (number, 1)


@pytest.mark.parametrize("code", KERNEL)
async def test_the_kernel_refuses(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    number = getattr(errno, code)

    async def sock_connect(*_: object) -> None:
        raise OSError(number, "as asked")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    error = await failure(port=443)
    assert (error.code, error.errno, error.syscall) == (code, number, "connect")
    assert (error.address, error.port, error.phase) == ("127.0.0.1", 443, "connect")
    assert str(error).startswith(f"connect {code} 127.0.0.1:443")


@pytest.mark.parametrize("code", EXHAUSTED)
async def test_no_sockets_left(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object, **__: object) -> socket.socket:
        raise OSError(getattr(errno, code), "as asked")

    monkeypatch.setattr(socket, "socket", none_left)
    error = await failure(port=443)
    assert (error.code, error.syscall) == (code, "connect")
    assert isinstance(error, OSError)


@pytest.mark.parametrize("code", RESOLVER)
async def test_the_resolver_fails(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(RESOLVER[code], "as asked")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    error = await failure(host="nobody.example", port=443)
    assert (error.code, error.syscall, error.phase) == (code, "getaddrinfo", "lookup")
    assert (str(error), error.hostname) == (f"getaddrinfo {code} nobody.example", "nobody.example")
    assert isinstance(error, socket.gaierror)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other reasons for these paths")
async def test_files(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    paths = {
        "ENOENT": tmp_path / "none.pem",
        "ENOTDIR": file / "ca.pem",
        "EISDIR": tmp_path,
        "ENAMETOOLONG": tmp_path / ("a" * 300),
    }
    for code, path in paths.items():
        error = await failure(ca=path)
        assert (error.code, error.path, error.syscall) == (code, str(path), "open")
        assert isinstance(error, OSError | ValueError)


@pytest.mark.parametrize("code", NEGOTIATED)
async def test_what_openssl_says(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's reason becomes the code, for all of which the library has something to say."""
    reason = code.removeprefix("ERR_SSL_")

    class Refusing:
        def __init__(self, connection: ssl.SSLObject) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def do_handshake(self) -> None:
            error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower().replace('_', ' ')}")
            error.library, error.reason = "SSL", reason
            raise error

    made = Engine.__init__

    def init(self: Engine, *args: Any, **keywords: Any) -> None:
        made(self, *args, **keywords)
        self.ssl_object = Refusing(self.ssl_object)  # type: ignore[assignment]

    monkeypatch.setattr(Engine, "__init__", init)
    async with answering(b"") as port:
        error = await failure(port=port)
    assert error.code == code
    assert isinstance(error, ssl.SSLError)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="pre-shared keys need Python 3.13")
async def test_a_missing_key() -> None:
    plan = ServerPlan(
        script=(handshake, read_all),
        certificate=None,
        psk=("alice", b"a" * 16),
        maximum="TLSv1.2",
    )
    server = Server(plan)
    await asyncio.to_thread(server.__enter__)
    try:
        error = await failure(
            port=server.port, ciphers="PSK", max_version="TLSv1.2", psk_callback=lambda _: None
        )
    finally:
        await asyncio.to_thread(server.close)
    assert error.code == "ERR_SSL_PSK_IDENTITY_NOT_FOUND"


async def test_connect_on_a_socket_in_use() -> None:
    plain = tlsevents.net.connect(port=1, host="127.0.0.1")
    tls = tlsevents.connect(port=1, host="127.0.0.1")
    for each in (plain, tls):
        with pytest.raises(tlsevents.StreamError) as caught:
            each.connect(port=1)
        assert caught.value.code == "ERR_SOCKET_CONNECTING"
    for each in (plain, tls):  # both before their own connection is refused
        each.destroy()
    for each in (plain, tls):
        await each.wait_closed()


async def test_a_socket_below_that_closes() -> None:
    below = tlsevents.Socket()
    tls = tlsevents.connect(socket=below)
    heard: list[Any] = []
    tls.on("tlsClientError", heard.append)
    asyncio.get_running_loop().call_later(0.01, below.destroy)
    await tls.wait_closed()
    assert heard[0].code == "ERR_SOCKET_CLOSED"
