"""The key log: per socket, only for who listens, and never on a disk."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests import pki
from tests.recorder import Recorder
from tests.servers import ServerPlan, handshake
from tests.servers import serve as serving

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

ORDER = [
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "EXPORTER_SECRET",
    "SERVER_TRAFFIC_SECRET_0",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
]


def client(port: int, **options: Any) -> tlsevents.TLSSocket:
    return tlsevents.connect(host="127.0.0.1", port=port, ca=pki.pem("root-a"), **options)


def follow(socket: tlsevents.TLSSocket) -> list[bytes]:
    lines: list[bytes] = []
    socket.on("keylog", lines.append)
    return lines


async def close(socket: tlsevents.TLSSocket) -> None:
    socket.destroy()
    await socket.wait_closed()


@pytest.mark.on_every_loop
async def test_five_lines_of_tls13_in_order_before_secure(serve: Serve) -> None:
    socket = client(serve().port)
    recorder = Recorder(socket, quiet=frozenset({"connectionAttempt"}))
    lines = follow(socket)
    await socket
    await close(socket)
    assert recorder.names == [
        *("connect", "ready", *["keylog"] * 5, "secure", "secureConnect", "close")
    ]
    assert [line.split()[0].decode() for line in lines] == ORDER
    assert all(line.endswith(b"\n") and line.count(b" ") == 2 for line in lines)
    assert len({line.split()[1] for line in lines}) == 1


async def test_one_line_of_tls12(serve: Serve) -> None:
    socket = client(serve(maximum="TLSv1.2").port)
    lines = follow(socket)
    await socket
    await close(socket)
    assert [line.split()[0] for line in lines] == [b"CLIENT_RANDOM"]


async def test_they_are_the_lines_of_the_server(serve: Serve) -> None:
    server = serve(handshake, tickets=0)  # one with a key log of its own
    socket = client(server.port)
    lines = follow(socket)
    await socket
    await close(socket)
    server.wait()
    assert server._key_log is not None
    with open(server._key_log, "rb") as file:
        assert set(lines) <= set(file.readlines())


async def test_a_listener_that_comes_with_connect_is_early_enough(serve: Serve) -> None:
    socket = client(serve().port)
    lines: list[bytes] = []
    socket.on("connect", lambda: socket.on("keylog", lines.append))
    await socket
    await close(socket)
    assert len(lines) == 5


async def test_sockets_on_one_context_hear_their_own_lines_only(serve: Serve) -> None:
    server = serve()
    sockets = [client(server.port) for _ in range(8)]
    lines = [follow(socket) for socket in sockets[::2]]
    await asyncio.gather(*sockets)
    randoms = {each[0].split()[1] for each in lines}
    assert len(randoms) == 4
    for each in lines:
        assert [line.split()[0].decode() for line in each] == ORDER
        assert {line.split()[1] for line in each} < randoms
    for socket in sockets:
        await close(socket)


async def test_event_loops_of_several_threads(serve: Serve) -> None:
    server = serve()
    heard: list[list[bytes]] = []

    async def one() -> None:
        socket = client(server.port)
        lines = follow(socket)
        await socket
        await close(socket)
        heard.append(lines)

    async def many() -> None:
        await asyncio.gather(*[one() for _ in range(5)])
        await asyncio.get_running_loop().shutdown_default_executor()

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0.02)
    assert [len(lines) for lines in heard] == [5] * 15
    assert len({lines[0].split()[1] for lines in heard}) == 15


async def test_the_pipe_is_closed_with_the_last_handshake(serve: Serve) -> None:
    socket = client(serve().port)
    follow(socket)
    await socket
    assert [name for name in os.listdir("/proc/self/fd") if is_pipe(name)] == pipes_of_the_loop()
    await close(socket)


def is_pipe(name: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith("pipe:")
    except OSError:
        return False


def pipes_of_the_loop() -> list[str]:
    """What was there before; the servers and pytest may have some."""
    return _before


_before: list[str] = []


@pytest.fixture(autouse=True)
def _note_pipes() -> None:
    _before[:] = [name for name in os.listdir("/proc/self/fd") if is_pipe(name)]


@pytest.mark.parametrize("moment", ["connect", "ready", "keylog"])
async def test_destroying_in_the_middle_leaves_no_descriptor(serve: Serve, moment: str) -> None:
    socket = client(serve().port)
    follow(socket)
    socket.on(moment, lambda *_: socket.destroy())
    await socket.wait_closed()
    await asyncio.sleep(0.05)  # a context may still be under construction


async def test_a_handshake_that_fails_leaves_no_descriptor(serve: Serve) -> None:
    socket = client(serve(certificate="leaf-self").port)
    lines = follow(socket)
    socket.on("tlsClientError", lambda _: None)
    await socket.wait_closed()
    assert [line.split()[0].decode() for line in lines] == ORDER[:1]


async def test_who_does_not_listen_is_not_logged(serve: Serve) -> None:
    async with client(serve().port) as socket:
        assert socket._observed is None
        assert socket._engine is not None
        assert socket._engine.ssl_object.context.keylog_filename is None
        late = follow(socket)
    assert late == []


async def test_a_context_of_ones_own_keeps_its_own_log(serve: Serve, tmp_path: Any) -> None:
    context = ssl.create_default_context(cadata=pki.pem("root-a").decode())
    context.keylog_filename = str(tmp_path / "keys")
    socket = tlsevents.connect(host="localhost", port=serve().port, context=context)
    lines = follow(socket)
    await socket
    await close(socket)
    assert lines == []  # as the documentation says: the log of that context is the user's
    assert context.keylog_filename == str(tmp_path / "keys")
    assert len((tmp_path / "keys").read_text().splitlines()) >= 5


async def test_listening_for_sessions_and_keys_of_a_refused_connection() -> None:
    with serving(ServerPlan(kind="refuse")) as server:
        socket = client(server.port)
        lines = follow(socket)
        socket.on("session", lines.append)
        with pytest.raises(ConnectionRefusedError):
            await socket
        await socket.wait_closed()
        assert lines == []


async def test_no_descriptors_left_for_the_pipe(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    socket = client(serve().port)
    follow(socket)
    monkeypatch.setattr(os, "pipe", none_left)
    with pytest.raises(tlsevents.NetworkError) as caught:
        await socket
    await socket.wait_closed()
    assert caught.value.code == "EMFILE"
    assert caught.value.syscall == "pipe"
