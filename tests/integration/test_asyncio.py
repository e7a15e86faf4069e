"""What asyncio adds: await, async with, async for, drain, wait_closed, once, cancellation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests.recorder import Recorder
from tests.servers import (
    close,
    close_notify,
    count,
    fin,
    finish,
    handshake,
    pause,
    read_all,
    read_raw,
    reset,
    send,
    wait,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

pytestmark = pytest.mark.on_every_loop


async def test_await_gives_the_socket_once_it_is_secure(serve: Serve, trusted: bytes) -> None:
    server = serve()
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    assert await socket is socket
    assert trace.names[-1] == "secureConnect"
    assert await socket is socket
    socket.destroy()
    await socket.wait_closed()
    assert await socket is socket


async def test_cancelling_the_await_destroys(serve: Serve, trusted: bytes) -> None:
    server = serve(read_raw, certificate=None)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await socket
    assert socket.destroyed
    await socket.wait_closed()
    assert trace.names[-1] == "close"
    assert trace.only("close") is False
    await asyncio.to_thread(server.wait)
    assert server.saw == [["FIN"]]


async def test_cancelling_while_dialing_leaves_nothing(trusted: bytes) -> None:
    never = asyncio.get_running_loop().create_future()
    socket = tlsevents.connect(host="name.example", port=1, ca=trusted, lookup=lambda *_: never)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await socket
    await socket.wait_closed()


async def test_destroyed_before_it_was_secure(serve: Serve, trusted: bytes) -> None:
    server = serve()
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.on("connect", socket.destroy)
    with pytest.raises(tlsevents.StreamError) as caught:
        await socket
    assert caught.value.code == "ERR_STREAM_DESTROYED"
    await socket.wait_closed()


async def test_async_with_ends_in_order(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, count, finish)
    async with tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted) as socket:
        trace = Recorder(socket)
        socket.write(b"first")
        socket.write(b"last")
    assert socket.closed
    assert socket.clean_end
    assert trace.names == ["finish", "readable", "end", "close"]
    await asyncio.to_thread(server.wait)
    assert {"bytes": 9, "first": "firstlast"} in server.saw[0]


async def test_async_with_discards_what_nobody_reads(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"x" * 500_000), close_notify, fin, read_all)
    async with asyncio.timeout(5):
        async with tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted) as socket:
            await asyncio.sleep(0.05)
            assert socket.readable_length >= socket.readable_high_water_mark
    assert socket.closed


async def test_an_exception_in_the_block_destroys(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, read_all)
    with pytest.raises(ZeroDivisionError):
        async with tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted) as socket:
            raise ZeroDivisionError
    assert socket.closed
    assert socket.errored is None
    await asyncio.to_thread(server.wait)
    assert "close_notify" not in server.saw[0]


async def test_an_error_while_the_block_runs_is_raised_at_its_end(
    serve: Serve, trusted: bytes
) -> None:
    server = serve(handshake, pause(0.02), reset)
    with pytest.raises(ConnectionResetError):
        async with tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted):
            await asyncio.sleep(0.1)


async def test_async_for_until_the_end(serve: Serve, trusted: bytes) -> None:
    server = serve(
        handshake,
        wait,
        *(step for i in range(5) for step in (send(b"%d" % i * 1000), pause(0.01))),
        close_notify,
        fin,
        read_all,
    )
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.write(b"go")
    received = b""
    async for chunk in socket:
        received += chunk
    assert received == b"".join(b"%d" % i * 1000 for i in range(5))
    assert socket.clean_end
    await socket.wait_closed()


async def test_async_for_has_backpressure(serve: Serve, trusted: bytes) -> None:
    size = 8 << 20
    server = serve(handshake, send(b"x" * size), close_notify, fin, read_all)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    received = most = 0
    async for chunk in socket:
        received += len(chunk)
        if received < size // 2:
            await asyncio.sleep(0.001)
        most = max(most, socket.readable_length)
    assert received == size
    # The mark plus what one read of the transport brings.
    assert most <= socket.readable_high_water_mark + 256 * 1024
    await socket.wait_closed()


async def test_async_for_delivers_what_came_before_the_error(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"all of it"), pause(0.05), reset)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    chunks = aiter(socket)
    await asyncio.sleep(0.15)
    assert socket.destroyed
    assert await anext(chunks) == b"all of it"
    with pytest.raises(ConnectionResetError):
        await anext(chunks)


async def test_leaving_async_for_early_keeps_the_socket(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"one"), wait, send(b"two"), close_notify, fin, read_all)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    async for chunk in socket:
        assert chunk == b"one"
        break
    socket.write(b"more")
    assert [chunk async for chunk in socket] == [b"two"]
    await socket.wait_closed()


async def test_drain_waits_for_the_mark(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, pause(0.1), count, finish)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    await socket.drain()
    block = bytes(1 << 20)
    for _ in range(16):
        socket.write(block)
        await socket.drain()
        assert socket.writable_length < socket.writable_high_water_mark
    socket.end()
    await socket.wait_closed()
    await asyncio.to_thread(server.wait)
    assert {"bytes": 16 << 20, "first": "\0" * 40} in server.saw[0]


async def test_drain_raises_the_error(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, pause(0.05), reset)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.write(bytes(64 << 20))
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        await socket.drain()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        await socket.drain()
    await socket.wait_closed()


async def test_once(serve: Serve, trusted: bytes) -> None:
    server = serve()
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    assert await tlsevents.once(socket, "secureConnect") == ()
    socket.write(b"ping")
    assert await tlsevents.once(socket, "data") == (b"pong",)
    socket.end()
    assert await tlsevents.once(socket, "close") == (False,)
    with pytest.raises(tlsevents.StreamError) as caught:
        await tlsevents.once(socket, "data")
    assert caught.value.code == "ERR_STREAM_PREMATURE_CLOSE"


async def test_once_raises_an_error_in_between(serve: Serve) -> None:
    server = serve()
    # An error listener of somebody else still hears it: waiting is not listening.
    socket = tlsevents.connect(host="127.0.0.1", port=server.port)
    heard: list[BaseException] = []
    socket.on("error", heard.append)
    with pytest.raises(tlsevents.CertificateError) as caught:
        await tlsevents.once(socket, "data")
    assert heard == [caught.value]
    await socket.wait_closed()


async def test_once_for_the_error_itself(serve: Serve) -> None:
    server = serve()
    socket = tlsevents.connect(host="127.0.0.1", port=server.port)
    (error,) = await tlsevents.once(socket, "tlsClientError")
    assert isinstance(error, tlsevents.CertificateError)
    await socket.wait_closed()


async def test_once_hears_of_a_close(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, close)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.resume()
    with pytest.raises(tlsevents.StreamError) as caught:
        await tlsevents.once(socket, "data")
    assert caught.value.code == "ERR_STREAM_PREMATURE_CLOSE"


async def test_wait_closed_never_hangs_on_unread_data(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, wait, send(b"x" * 300_000), close_notify, fin, read_all)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.end(b"bye")
    async with asyncio.timeout(5):
        await socket.wait_closed()


async def test_a_response_after_end_waits_for_a_late_reader(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, wait, send(b"answer"), close_notify, fin, read_all)
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.end(b"request")
    await asyncio.sleep(0.1)
    assert b"".join([chunk async for chunk in socket]) == b"answer"
    await socket.wait_closed()


async def test_the_timeline(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, wait, send(b"pong"), close_notify, fin, read_all)
    begun = asyncio.get_running_loop().time()
    socket = tlsevents.connect(
        host="name.example", port=server.port, ca=trusted, servername="localhost",
        lookup=lambda *_: [("127.0.0.1", 4)],
    )  # fmt: skip
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.resume()
    await socket.wait_closed()
    phases = ["lookup", "connect", "handshake", "secure_connect", "first_byte", "end", "close"]
    assert list(socket.timeline) == phases
    times = [begun, *socket.timeline.values(), asyncio.get_running_loop().time()]
    assert times == sorted(times)


@pytest.mark.parametrize("clean", [True, False])
async def test_clean_end(serve: Serve, trusted: bytes, clean: bool) -> None:
    ending: tuple[Any, ...] = (close_notify, fin) if clean else (fin,)
    server = serve(handshake, wait, send(b"pong"), *ending, read_all)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.resume()
    await socket.wait_closed()
    assert socket.clean_end is clean
    assert socket.errored is None


def test_connect_without_a_loop_says_so() -> None:
    with pytest.raises(RuntimeError, match="running event loop"):
        tlsevents.connect(host="127.0.0.1", port=1)
