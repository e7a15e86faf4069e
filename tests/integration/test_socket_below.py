"""The `socket` option: TLS over what is there already."""

from __future__ import annotations

import asyncio
import socket as sockets
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from pyee.asyncio import AsyncIOEventEmitter

import tlsevents
from tests import pki
from tests.recorder import Recorder
from tests.servers import (
    Peer,
    close_notify,
    fin,
    handshake,
    pause,
    read_all,
    read_line,
    reset,
    send,
    wait,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

pytestmark = pytest.mark.on_every_loop

TLS_EVENTS = ["resume", "secure", "secureConnect", "data", "finish", "readable", "end", "close"]


def ping_pong(socket: tlsevents.TLSSocket) -> Recorder:
    trace = Recorder(socket)
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.on("data", lambda _: socket.end())
    return trace


async def test_a_connected_kernel_socket(serve: Serve, trusted: bytes) -> None:
    server = serve()
    below = sockets.create_connection(("127.0.0.1", server.port))
    socket = tlsevents.connect(socket=below, ca=trusted)
    trace = ping_pong(socket)
    await socket.wait_closed()
    assert trace.data == b"pong"
    assert trace.names == TLS_EVENTS
    assert below.fileno() == -1


async def test_an_asyncio_reader_and_writer(serve: Serve, trusted: bytes) -> None:
    server = serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    socket = tlsevents.connect(socket=(reader, writer), ca=trusted)
    trace = ping_pong(socket)
    await socket.wait_closed()
    assert trace.data == b"pong"
    assert trace.names == TLS_EVENTS
    await asyncio.wait_for(writer.wait_closed(), 1)


async def test_bytes_the_reader_had_already_are_not_lost(trusted: bytes) -> None:
    """A TLS record that arrived with the last plaintext belongs to TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path("leaf-ok"))
    above, below = sockets.socketpair()
    server = context.wrap_bio(incoming := ssl.MemoryBIO(), outgoing := ssl.MemoryBIO(), True)
    loop = asyncio.get_running_loop()
    below.setblocking(False)

    reader, writer = await asyncio.open_connection(sock=above)
    # An alert in the clear, in the same segment as the line before it.
    await loop.sock_sendall(below, b"220 go ahead\r\n" + bytes.fromhex("15030300020228"))
    assert await reader.readline() == b"220 go ahead\r\n"
    socket = tlsevents.connect(socket=(reader, writer), ca=trusted, host="localhost")
    with pytest.raises(tlsevents.NegotiationError) as caught:
        await socket
    assert caught.value.alert == "handshake_failure"
    await socket.wait_closed()
    below.close()
    del server, incoming, outgoing


async def test_an_asyncio_pair_that_has_ended_already(trusted: bytes) -> None:
    above, below = sockets.socketpair()
    reader, writer = await asyncio.open_connection(sock=above)
    below.close()
    await asyncio.sleep(0.02)
    socket = tlsevents.connect(socket=(reader, writer), ca=trusted, host="localhost")
    with pytest.raises(tlsevents.NetworkError) as caught:
        await socket
    assert caught.value.code in {"ECONNRESET", "EPIPE"}
    await socket.wait_closed()


async def test_a_plain_socket_gives_its_connection_away(serve: Serve, trusted: bytes) -> None:
    server = serve()
    below = tlsevents.net.connect(server.port, "127.0.0.1")
    raw = Recorder(below)
    await below
    socket = tlsevents.connect(socket=below, ca=trusted)
    trace = ping_pong(socket)
    await socket.wait_closed()
    assert trace.data == b"pong"
    assert trace.names == TLS_EVENTS
    await below.wait_closed()
    assert raw.names == ["connectionAttempt", "connect", "ready", "close"]
    # A socket connected by IP counts as 'localhost' for the identity, and no name is sent.
    assert socket.servername is False


async def test_a_plain_socket_that_is_still_connecting(serve: Serve, trusted: bytes) -> None:
    server = serve()
    below = tlsevents.net.connect(server.port, "127.0.0.1")
    socket = tlsevents.connect(socket=below, ca=trusted)
    assert socket.connecting
    trace = ping_pong(socket)
    await socket.wait_closed()
    assert trace.data == b"pong"
    assert trace.names == ["resume", "connect", *TLS_EVENTS[1:]]


async def test_a_plain_socket_that_cannot_connect(trusted: bytes) -> None:
    below = tlsevents.net.connect(1, "127.0.0.1")
    below.on("error", lambda _: None)
    socket = tlsevents.connect(socket=below, ca=trusted)
    with pytest.raises(ConnectionRefusedError):
        await socket
    await socket.wait_closed()
    await below.wait_closed()


async def test_starttls(serve: Serve, trusted: bytes) -> None:
    def greet(peer: Peer) -> None:
        peer.sock.sendall(b"READY\n")

    server = serve(greet, read_line, handshake, wait, send(b"pong"), read_all, close_notify, fin)
    below = tlsevents.net.connect(server.port, "127.0.0.1")
    raw = Recorder(below)
    (line,) = await tlsevents.once(below, "data")
    assert line == b"READY\n"
    below.write(b"STARTTLS\n")
    below.remove_all_listeners("data")
    socket = tlsevents.connect(socket=below, ca=trusted, host="localhost")
    trace = ping_pong(socket)
    await socket.wait_closed()
    await below.wait_closed()
    assert trace.data == b"pong"
    # From the upgrade on, the plain socket only closes.
    assert raw.names == ["connectionAttempt", "resume", "connect", "ready", "data", "close"]


@pytest.mark.parametrize("error", [None, ValueError("inner broke")])
async def test_destroying_the_socket_below(
    serve: Serve, trusted: bytes, error: ValueError | None
) -> None:
    server = serve(handshake, read_all)
    below = await tlsevents.net.connect(server.port, "127.0.0.1")
    below.on("error", lambda _: None)
    socket = await tlsevents.connect(socket=below, ca=trusted)
    told: list[BaseException] = []
    socket.on("error", told.append)
    below.destroy(error)
    await socket.wait_closed()
    await below.wait_closed()
    assert told == ([error] if error else [])


async def test_a_destroyed_socket_below(trusted: bytes) -> None:
    below = tlsevents.net.connect(1, "127.0.0.1")
    below.destroy()
    await below.wait_closed()
    socket = tlsevents.connect(socket=below, ca=trusted)
    trace = Recorder(socket)
    await socket.wait_closed()
    assert trace.names == ["close"]
    assert trace.only("close") is False


async def test_tls_in_tls(trusted: bytes) -> None:
    """A TLS proxy in front of a TLS server, both on Python's own ssl."""
    outer_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    outer_context.load_cert_chain(pki.path("leaf-ok"))
    inner_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inner_context.load_cert_chain(pki.path("leaf-ec"))

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=inner_context) as inner:
        target = inner.sockets[0].getsockname()[:2]

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection(*target)
            await asyncio.gather(relay(reader, far_writer), relay(far_reader, writer))

        async with await asyncio.start_server(proxy, "127.0.0.1", 0, ssl=outer_context) as outer:
            port = outer.sockets[0].getsockname()[1]
            tunnel = await tlsevents.connect(host="127.0.0.1", port=port, ca=trusted)
            text = bytes(range(256)) * 4096
            async with tlsevents.connect(socket=tunnel, host="localhost", ca=trusted) as socket:
                socket.write(text)
                received = b""
                async for chunk in socket:
                    received += chunk
                    if len(received) == len(text):
                        break
                assert received == text
            await tunnel.wait_closed()
            await asyncio.sleep(0.05)


class Stranger(AsyncIOEventEmitter):
    """A duplex of somebody else, with Node's method names and nothing more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._reader, self._writer = reader, writer
        self._task = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        while data := await self._reader.read(1000):
            self.emit("data", data)
        self.emit("end")

    def write(self, data: bytes) -> bool:
        self._writer.write(data)
        return True

    def end(self) -> None:
        self._writer.write_eof()

    def pause(self) -> None:
        self._reader._transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        try:
            self._reader._transport.resume_reading()  # type: ignore[attr-defined]
        except RuntimeError:
            pass  # it was not paused

    def destroy(self) -> None:
        self._task.cancel()
        self._writer.close()
        self.emit("close")


async def test_any_stream_with_nodes_methods(serve: Serve, trusted: bytes) -> None:
    server = serve()
    below = Stranger(*await asyncio.open_connection("127.0.0.1", server.port))
    socket = tlsevents.connect(socket=below, ca=trusted)
    trace = ping_pong(socket)
    await socket.wait_closed()
    assert trace.data == b"pong"
    assert trace.names == TLS_EVENTS


async def test_a_stream_of_text_is_refused(trusted: bytes) -> None:
    below: Any = AsyncIOEventEmitter()
    below.write = lambda _: True
    below.pause = below.resume = lambda: None
    below.destroy = lambda: below.emit("close")
    socket = tlsevents.connect(socket=below, ca=trusted)
    asyncio.get_running_loop().call_later(0.02, below.emit, "data", "text")
    with pytest.raises(tlsevents.StreamError) as caught:
        await socket
    assert caught.value.code == "ERR_STREAM_WRAP"
    await socket.wait_closed()


async def test_what_is_no_stream_at_all() -> None:
    for nonsense in (1, "socket", object(), b"x", [1, 2]):
        with pytest.raises(tlsevents.OptionsError):
            tlsevents.connect(socket=nonsense)  # type: ignore[call-overload]


async def test_a_reset_reaches_the_tls_socket(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, pause(0.03), reset)
    below = await tlsevents.net.connect(server.port, "127.0.0.1")
    socket = await tlsevents.connect(socket=below, ca=trusted)
    (error,) = await tlsevents.once(socket, "error")
    assert isinstance(error, ConnectionResetError)
    await socket.wait_closed()
    await below.wait_closed()


async def test_the_host_for_the_identity(serve: Serve, trusted: bytes) -> None:
    server = serve()
    below = await tlsevents.net.connect(server.port, "127.0.0.1")
    with pytest.raises(tlsevents.CertificateError) as caught:
        await tlsevents.connect(socket=below, ca=trusted, host="other.example")
    assert caught.value.code == "ERR_TLS_CERT_ALTNAME_INVALID"
    assert caught.value.host == "other.example"
    await below.wait_closed()


@pytest.mark.parametrize("kind", ["kernel", "pair", "plain", "connecting", "tls"])
async def test_destroying_at_once_closes_what_is_below(
    serve: Serve, trusted: bytes, kind: str
) -> None:
    server = serve(handshake, read_all)
    below: Any
    if kind == "kernel":
        below = sockets.create_connection(("127.0.0.1", server.port))
    elif kind == "pair":
        below = await asyncio.open_connection("127.0.0.1", server.port)
    elif kind == "tls":
        below = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    else:
        below = tlsevents.net.connect(server.port, "127.0.0.1")
        if kind == "plain":
            await below
    socket = tlsevents.connect(socket=below, ca=trusted)
    trace = Recorder(socket)
    socket.destroy()
    await socket.wait_closed()
    assert trace.names == ["close"]
    if kind in {"plain", "connecting", "tls"}:
        await below.wait_closed()
    # The fixtures look for descriptors that are left open.


async def test_a_failing_option_file_closes_what_is_below(serve: Serve) -> None:
    server = serve(handshake, read_all)
    below = sockets.create_connection(("127.0.0.1", server.port))
    with pytest.raises(FileNotFoundError):
        await tlsevents.connect(socket=below, ca="/nowhere/at/all.pem")
    assert below.fileno() == -1
