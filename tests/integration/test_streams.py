"""Node's stream semantics on a real connection: flow, marks, encodings, ends, timeouts."""

from __future__ import annotations

import array
import asyncio
import gc
import tracemalloc
from typing import TYPE_CHECKING, Any

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
    read_all,
    read_data,
    send,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Serve

pytestmark = pytest.mark.on_every_loop


async def opened(server: Any, trusted: bytes, **options: Any) -> tlsevents.TLSSocket:
    return await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted, **options)


async def server_counted(server: Any) -> bytes:
    await asyncio.to_thread(server.wait)
    (counted,) = [note for note in server.saw[0] if isinstance(note, dict) and "bytes" in note]
    first: str = counted["first"]
    return first.encode("latin-1")


# -- reading ------------------------------------------------------------------------------------


async def test_a_paused_socket_stops_the_transport(serve: Serve, trusted: bytes) -> None:
    sent = 0
    size = 32 << 20

    def flood(peer: Peer) -> None:
        nonlocal sent
        block = b"x" * 65536
        while sent < size:
            peer.tls.write(block)
            peer.flush()
            sent += len(block)

    server = serve(handshake, flood, close_notify, fin, read_all)
    socket = await opened(server, trusted)
    socket.pause()
    await asyncio.sleep(0.3)
    # What is under way: the mark, one read of the transport, and the kernel's buffers.
    assert socket.readable_length <= socket.readable_high_water_mark + 256 * 1024
    stopped = sent
    assert stopped < size
    await asyncio.sleep(0.1)
    assert sent == stopped
    received = 0

    def count_bytes(chunk: bytes) -> None:
        nonlocal received
        received += len(chunk)

    socket.on("data", count_bytes)
    socket.resume()
    await socket.wait_closed()
    assert received == size


async def test_end_waits_while_paused(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"all"), close_notify, fin, read_all)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    socket.on("data", lambda _: None)
    socket.pause()
    await asyncio.sleep(0.1)
    assert "end" not in trace.names
    assert "data" not in trace.names
    socket.resume()
    await socket.wait_closed()
    assert trace.names[-5:] == ["resume", "data", "end", "finish", "close"]


async def test_end_waits_while_paused_even_with_nothing_to_read(
    serve: Serve, trusted: bytes
) -> None:
    server = serve(handshake, close_notify, fin, read_all)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    socket.pause()
    await asyncio.sleep(0.1)
    assert "end" not in trace.names
    socket.resume()
    await socket.wait_closed()
    assert trace.names[-3:] == ["end", "finish", "close"]


async def test_pull_mode(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"one"), pause(0.03), send(b"two"), close_notify, fin, read_all)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    read: list[Any] = []

    def pull() -> None:
        while (chunk := socket.read()) is not None:
            read.append(chunk)

    socket.on("readable", pull)
    await socket.wait_closed()
    assert read == [b"one", b"two"]
    assert trace.names == [
        "readable", "data", "readable", "data", "readable", "end", "finish", "close",
    ]  # fmt: skip


async def test_read_by_size(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"abcdefgh"), close_notify, fin, read_all)
    socket = await opened(server, trusted)
    socket.on("readable", lambda: None)
    while socket.readable_length < 8:
        await asyncio.sleep(0.01)
    assert socket.read(3) == b"abc"
    assert socket.read(0) is None
    socket.unshift(b"ABC")
    assert socket.read(4) == b"ABCd"
    await asyncio.sleep(0.05)
    # The peer has ended: what is left is given out though it is less.
    assert socket.read(100) == b"efgh"
    assert socket.read() is None
    await socket.wait_closed()


@pytest.mark.parametrize(
    ("encoding", "pieces", "expected"),
    [
        ("utf8", [b"\xe2\x82", b"\xac!"], "€!"),
        ("utf8", [b"\xe2\x82"], "�"),
        ("utf16le", [b"a", b"\0b\0"], "ab"),
        ("latin1", [b"\xe9"], "é"),
        ("ascii", [b"\xe1"], "a"),
        ("hex", [b"\x01", b"\xff"], "01ff"),
        ("base64", [b"a", b"bcd"], "YWJjZA=="),
        ("base64url", [b"\xfb", b"\xff"], "-_8"),
    ],
)
async def test_set_encoding(
    serve: Serve, trusted: bytes, encoding: str, pieces: list[bytes], expected: str
) -> None:
    steps = [step for piece in pieces for step in (send(piece), pause(0.02))]
    server = serve(handshake, *steps, close_notify, fin, read_all)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    text: list[str] = []
    socket.set_encoding(encoding).on("data", text.append)
    await socket.wait_closed()
    assert "".join(text) == expected


async def test_set_encoding_of_what_is_buffered(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send("grün".encode()), wait)
    socket = await opened(server, trusted)
    while not socket.readable_length:
        await asyncio.sleep(0.01)
    socket.set_encoding("utf8")
    assert socket.read() == "grün"
    with pytest.raises(tlsevents.OptionsError) as caught:
        socket.set_encoding("klingon")
    assert caught.value.code == "ERR_UNKNOWN_ENCODING"
    socket.destroy()
    await socket.wait_closed()


class Sink:
    """The least that `pipe` takes."""

    def __init__(self) -> None:
        self.got = b""
        self.ended = 0

    def write(self, chunk: bytes) -> None:
        self.got += chunk

    def end(self) -> None:
        self.ended += 1


async def test_pipe_into_anything(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"one"), send(b"two"), close_notify, fin, read_all)
    socket = await opened(server, trusted)
    sink = Sink()
    assert socket.pipe(sink) is sink
    await socket.wait_closed()
    assert (sink.got, sink.ended) == (b"onetwo", 1)


async def test_pipe_without_ending_the_destination(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"one"), close_notify, fin, read_all)
    socket = await opened(server, trusted)
    sink = Sink()
    socket.pipe(sink, end=False)
    await socket.wait_closed()
    assert (sink.got, sink.ended) == (b"one", 0)


async def test_pipe_between_sockets_has_backpressure(serve: Serve, trusted: bytes) -> None:
    size = 4 << 20
    source_server = serve(handshake, send(b"s" * size), close_notify, fin, read_all)
    slow_server = serve(handshake, pause(0.3), count, finish)
    source, destination = await opened(source_server, trusted), await opened(slow_server, trusted)
    events: list[tuple[str, Any]] = []
    destination.on("pipe", lambda who: events.append(("pipe", who)))
    destination.on("unpipe", lambda who: events.append(("unpipe", who)))
    source.pipe(destination)
    await asyncio.sleep(0.15)
    assert destination.writable_length < size // 2
    assert source.readable_flowing is False
    await source.wait_closed()
    await destination.wait_closed()
    assert events == [("pipe", source), ("unpipe", source)]
    await asyncio.to_thread(slow_server.wait)
    assert {"bytes": size, "first": "s" * 40} in slow_server.saw[0]


async def test_unpipe(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, send(b"one"), wait, send(b"two"), close_notify, fin, read_all)
    socket = await opened(server, trusted)
    sink = Sink()
    socket.pipe(sink)
    while not sink.got:
        await asyncio.sleep(0.01)
    socket.unpipe(sink)
    socket.write(b"go on")
    await asyncio.sleep(0.05)
    assert sink.got == b"one"
    assert b"".join([chunk async for chunk in socket]) == b"two"
    await socket.wait_closed()


# -- writing ------------------------------------------------------------------------------------


async def test_writes_before_the_connection_arrive_in_order(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, count, finish)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    done: list[str] = []
    assert socket.write(b"one ", lambda error: done.append(f"one {error}"))
    assert socket.write("two ", "utf8", lambda: done.append("two"))
    assert (socket.bytes_written, socket.writable_length) == (8, 8)

    @socket.on("secureConnect")
    def secure() -> None:
        assert done == []
        socket.write(b"three ")
        socket.end(b"last", lambda error: done.append(f"end {error}"))

    await socket.wait_closed()
    assert done == ["one None", "two", "end None"]
    assert await server_counted(server) == b"one two three last"


async def test_a_write_after_an_early_end_is_an_error(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, count, finish)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    told: list[tuple[str, str | None]] = []
    socket.end(b"last", lambda error: told.append(("end", error.code)))
    socket.on("secureConnect", lambda: socket.write(b"more"))
    socket.on("error", lambda error: told.append(("error", error.code)))
    await socket.wait_closed()
    # Node drops the data of the earlier end() too.
    assert told == [
        ("error", "ERR_STREAM_WRITE_AFTER_END"),
        ("end", "ERR_STREAM_WRITE_AFTER_END"),
    ]


async def test_queued_writes_leave_with_the_finished(serve: Serve, trusted: bytes) -> None:
    """One packet: the server has the data when its handshake ends."""
    together: list[bool] = []

    def handshake_and_look(peer: Peer) -> None:
        handshake(peer)
        together.append(peer.incoming.pending > 0)

    server = serve(handshake_and_look, count, finish)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.write(b"early")
    socket.end()
    await socket.wait_closed()
    assert await server_counted(server) == b"early"
    assert together == [True]


async def test_the_return_value_and_drain(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    done: list[int] = []
    assert socket.write(b"a" * 65535, lambda: done.append(1)) is True
    assert socket.write(b"b", lambda: done.append(2)) is False
    assert socket.writable_need_drain
    assert done == []
    assert await tlsevents.once(socket, "drain") == ()
    assert socket.writable_length == 0
    await asyncio.sleep(0)
    assert done == [1, 2]
    socket.end()
    await socket.wait_closed()
    assert trace.names == ["drain", "finish", "readable", "end", "close"]


async def test_a_loop_of_writes_ends(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    turns = 0
    while socket.write(b"x" * 1024):
        turns += 1
        assert turns < 1000
    assert turns == 63
    socket.end()
    await socket.wait_closed()


async def test_a_large_write_is_not_copied(serve: Serve, trusted: bytes) -> None:
    size = 256 << 20
    server = serve(handshake, read_all, finish)
    socket = await opened(server, trusted, allow_half_open=True)
    block = bytes(size)
    gc.collect()
    tracemalloc.start()
    try:
        socket.write(block)
        await socket.drain()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1 << 20
    socket.destroy()
    await socket.wait_closed()


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"bytearray"), b"bytearray"),
        (memoryview(b"memoryview")[6:], b"view"),
        (array.array("H", [0x4142]), b"BA"),
        ("é€", "é€".encode()),
        (memoryview(b"a-b-c-")[::2], b"abc"),
        ("\ud800", "�".encode()),
    ],
)
async def test_what_can_be_written(
    serve: Serve, trusted: bytes, chunk: Any, expected: bytes
) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    socket.write(chunk)
    assert socket.bytes_written == len(expected)
    socket.end()
    await socket.wait_closed()
    assert await server_counted(server) == expected


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("68656c6c6f", "hex", b"hello"),
        ("68656cXX", "hex", b"hel"),
        ("aGk=", "base64", b"hi"),
        ("-_8", "base64url", b"\xfb\xff"),
        ("é", "latin1", b"\xe9"),
        ("€", "utf16le", b"\xac\x20"),
    ],
)
async def test_encodings_of_text(
    serve: Serve, trusted: bytes, text: str, encoding: str, expected: bytes
) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    socket.write(text, encoding)
    socket.end()
    await socket.wait_closed()
    assert await server_counted(server) == expected


@pytest.mark.parametrize("chunk", [1, {}, [], True, 1.5, object()])
async def test_what_cannot_be_written_harms_nothing(
    serve: Serve, trusted: bytes, chunk: Any
) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    with pytest.raises(tlsevents.OptionTypeError) as caught:
        socket.write(chunk)
    assert caught.value.code == "ERR_INVALID_ARG_TYPE"
    with pytest.raises(tlsevents.OptionsError) as unknown:
        socket.write("x", "nope")
    assert unknown.value.code == "ERR_UNKNOWN_ENCODING"
    with pytest.raises(tlsevents.OptionsError) as null:
        socket.write(None)  # type: ignore[arg-type]
    assert null.value.code == "ERR_STREAM_NULL_VALUES"
    socket.end(b"fine")
    await socket.wait_closed()
    assert await server_counted(server) == b"fine"


async def test_cork(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    socket.cork()
    socket.cork()
    socket.write(b"one")
    socket.write(b"two")
    socket.uncork()
    await asyncio.sleep(0.02)
    assert (socket.writable_length, socket.writable_corked) == (6, 1)
    socket.uncork()
    await asyncio.sleep(0.02)
    assert socket.writable_length == 0
    socket.cork()
    socket.end(b"three")
    await socket.wait_closed()
    assert await server_counted(server) == b"onetwothree"


async def test_write_after_end(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    told: list[Any] = []
    socket.on("error", told.append)
    socket.end()
    assert socket.write(b"late", told.append) is False
    await socket.wait_closed()
    assert [error.code for error in told] == ["ERR_STREAM_WRITE_AFTER_END"] * 2
    assert trace.names == ["error", "close"]


async def test_write_after_destroy_is_only_told_to_its_callback(
    serve: Serve, trusted: bytes
) -> None:
    server = serve(handshake, count, finish)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    told: list[Any] = []
    socket.destroy()
    assert socket.write(b"late", told.append) is False
    await socket.wait_closed()
    assert [error.code for error in told] == ["ERR_STREAM_DESTROYED"]
    assert trace.names == ["close"]


@pytest.mark.parametrize("half_open", [True, False])
async def test_half_open(serve: Serve, trusted: bytes, half_open: bool) -> None:
    server = serve(handshake, send(b"bye"), close_notify, fin, read_data)
    socket = await opened(server, trusted, allow_half_open=half_open)
    trace = Recorder(socket)
    socket.resume()
    await tlsevents.once(socket, "end")
    assert socket.ready_state == "writeOnly"
    if half_open:
        await asyncio.sleep(0.05)
        assert socket.writable
        socket.end(b"late")
    await socket.wait_closed()
    assert trace.names[-3:] == ["end", "finish", "close"]
    await asyncio.to_thread(server.wait)
    assert ({"data": "late"} in server.saw[0]) is half_open


async def test_data_keeps_coming_after_our_end(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, wait, read_all_application, send(b"x" * 100_000), close_notify, fin)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    socket.resume()
    socket.end(b"request")
    await socket.wait_closed()
    assert socket.bytes_read == 100_000
    assert trace.names == ["resume", "finish", "data", "readable", "end", "close"]


def read_all_application(peer: Peer) -> None:
    while peer.read():
        pass


async def test_destroy_drops_what_is_queued(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, pause(0.1), read_all)
    socket = await opened(server, trusted)
    told: list[Any] = []
    socket.write(b"x" * (64 << 20), told.append)
    await asyncio.sleep(0.02)
    socket.destroy()
    await socket.wait_closed()
    assert [error.code for error in told] == ["EBADF"]


# -- idle timeout ---------------------------------------------------------------------------------


async def test_timeout_fires_once_and_closes_nothing(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, read_all, close_notify, fin)
    socket = await opened(server, trusted)
    trace = Recorder(socket)
    fired: list[str] = []
    assert socket.set_timeout(0.04, lambda: fired.append("callback")) is socket
    await asyncio.sleep(0.15)
    assert trace.names == ["timeout"]
    assert fired == ["callback"]
    socket.write(b"activity")
    await asyncio.sleep(0.1)
    assert trace.names == ["timeout", "timeout"]
    socket.set_timeout(0)
    socket.write(b"activity")
    await asyncio.sleep(0.1)
    assert trace.names == ["timeout", "timeout"]
    assert socket.timeout == 0
    socket.end()
    await socket.wait_closed()


@pytest.mark.parametrize(
    ("value", "code"),
    [(-1, "ERR_OUT_OF_RANGE"), (float("nan"), "ERR_OUT_OF_RANGE"), ("1", "ERR_INVALID_ARG_TYPE"),
     (None, "ERR_INVALID_ARG_TYPE"), (True, "ERR_INVALID_ARG_TYPE")],
)  # fmt: skip
async def test_bad_timeouts(serve: Serve, trusted: bytes, value: Any, code: str) -> None:
    server = serve(handshake, read_all)
    socket = await opened(server, trusted)
    with pytest.raises(tlsevents.OptionsError) as caught:
        socket.set_timeout(value)
    assert caught.value.code == code
    socket.destroy()
    await socket.wait_closed()


# -- where events are emitted --------------------------------------------------------------------


async def test_no_method_emits_from_inside(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, wait, send(b"pong"), read_all, close_notify, fin)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    assert trace.names == []
    await socket

    calls: list[Callable[[], object]] = [
        lambda: socket.on("data", lambda _: None),
        socket.pause,
        socket.resume,
        lambda: socket.write(b"x" * 100_000),
        lambda: socket.set_timeout(1),
        socket.cork,
        socket.uncork,
        socket.end,
        lambda: socket.destroy(ValueError("x")),
        socket.destroy,
    ]
    socket.on("error", lambda _: None)
    for call in calls:
        before = list(trace.events)
        call()
        assert trace.events == before
    await socket.wait_closed()
