"""The ladder of closing: each rung bounded, the order what the peer may expect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import tlsevents
from tests.recorder import Recorder
from tests.servers import (
    Peer,
    close_notify,
    count,
    fin,
    finish,
    handshake,
    pause,
    raw,
    read_all,
    read_raw,
    send,
    wait,
)
from tlsevents import net, wire

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

pytestmark = pytest.mark.on_every_loop

VERSIONS = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


@VERSIONS
async def test_data_then_close_notify_then_fin(serve: Serve, trusted: bytes, version: str) -> None:
    server = serve(handshake, count, finish, maximum=version)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.write(b"x" * 1_000_000)
    socket.end(b"last")
    await socket.wait_closed()
    await asyncio.to_thread(server.wait)
    order = [note for note in server.saw[0] if note in ("FIN", "close_notify")]
    assert order == ["close_notify", "FIN"]
    assert {"bytes": 1_000_004, "first": "x" * 40} in server.saw[0]


@VERSIONS
async def test_destroy_sends_no_close_notify(serve: Serve, trusted: bytes, version: str) -> None:
    server = serve(handshake, read_all, maximum=version)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    await asyncio.sleep(0.02)  # the tickets: unread bytes would make it a reset
    socket.destroy()
    await socket.wait_closed()
    await asyncio.to_thread(server.wait)
    assert "close_notify" not in server.saw[0]
    assert "FIN" in server.saw[0]


async def test_the_server_says_goodbye_first(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, wait, send(b"bye"), close_notify, read_all)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.on("secureConnect", lambda: socket.write(b"hi"))
    socket.resume()
    await socket.wait_closed()
    await asyncio.to_thread(server.wait)
    assert server.saw[0][-2:] == ["close_notify", "FIN"]


async def test_a_peer_that_says_nothing_after_our_end_is_given_up(
    serve: Serve, trusted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net, "_CLOSE_SILENCE", 0.05)
    server = serve(handshake, pause(1.0))
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    socket.end()
    async with asyncio.timeout(0.8):
        await socket.wait_closed()
    assert trace.names == ["finish", "close"]
    assert not socket.clean_end


async def test_a_peer_that_goes_on_talking_is_heard(
    serve: Serve, trusted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net, "_CLOSE_SILENCE", 0.1)
    talk = [step for _ in range(8) for step in (send(b"x"), pause(0.05))]
    server = serve(handshake, *talk, close_notify, fin, read_all)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.resume()
    socket.end()
    await socket.wait_closed()
    assert socket.bytes_read == 8
    assert socket.clean_end


async def test_half_open_waits_as_long_as_it_takes(
    serve: Serve, trusted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net, "_CLOSE_SILENCE", 0.02)
    server = serve(handshake, pause(0.2), send(b"at last"), close_notify, fin, read_all)
    socket = await tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=trusted, allow_half_open=True
    )
    socket.resume()
    socket.end()
    await socket.wait_closed()
    assert socket.bytes_read == 7


async def test_leaving_the_block_is_bounded(
    serve: Serve, trusted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net, "_EXIT_SILENCE", 0.05)
    server = serve(handshake, pause(1.0))
    async with asyncio.timeout(0.8):
        async with tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted) as socket:
            pass
    assert socket.closed


async def test_the_last_alert_does_not_wait_for_ever(
    serve: Serve, trusted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that does not read, and sends nonsense: the alert cannot leave."""
    monkeypatch.setattr(wire, "_FLUSH_TIME", 0.05)

    def nonsense_after_a_while(peer: Peer) -> None:
        pause(0.2)(peer)
        raw(b"this is not TLS at all")(peer)
        pause(1.0)(peer)

    server = serve(handshake, nonsense_after_a_while)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.write(bytes(64 << 20))
    async with asyncio.timeout(0.9):
        (error,) = await tlsevents.once(socket, "error")
        await socket.wait_closed()
    assert isinstance(error, tlsevents.NegotiationError)


async def test_the_reader_of_a_stopped_loop_is_told(serve: Serve, trusted: bytes) -> None:
    """Destroying wakes everybody who waits."""
    server = serve(handshake, read_raw)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    reader = asyncio.ensure_future(anext(aiter(socket)))
    closed = asyncio.ensure_future(socket.wait_closed())
    waiting = asyncio.ensure_future(tlsevents.once(socket, "data"))
    await asyncio.sleep(0.01)
    socket.destroy()
    with pytest.raises(StopAsyncIteration):
        await reader
    with pytest.raises(tlsevents.StreamError):
        await waiting
    await closed
