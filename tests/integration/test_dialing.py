"""Lookup and connection attempts: Node's events and errors, and nothing left open."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import socket as sockets
import sys
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests.recorder import Recorder
from tests.servers import ServerPlan
from tests.servers import serve as run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.conftest import Serve

pytestmark = pytest.mark.on_every_loop

Pairs = list[tuple[str, int]]


def looks_up(*pairs: tuple[str, int]) -> Callable[..., Pairs]:
    return lambda *_: list(pairs)


async def failure_of(socket: tlsevents.Socket) -> tuple[Recorder, Any]:
    trace = Recorder(socket)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await socket
    await socket.wait_closed()
    return trace, caught.value


async def test_a_refused_connection() -> None:
    trace, error = await failure_of(tlsevents.connect(host="127.0.0.1", port=1))
    assert trace.names == ["connectionAttempt", "connectionAttemptFailed", "error", "close"]
    assert isinstance(error, ConnectionRefusedError)
    assert isinstance(error, tlsevents.NetworkError)
    assert (error.code, error.syscall, error.address, error.port, error.phase) == (
        "ECONNREFUSED", "connect", "127.0.0.1", 1, "connect",
    )  # fmt: skip
    assert str(error) == "connect ECONNREFUSED 127.0.0.1:1"
    assert error.errno == errno.ECONNREFUSED
    assert error.temporary
    assert error.hint


async def test_a_name_nobody_knows() -> None:
    trace, error = await failure_of(tlsevents.connect(host="no-such-host.invalid", port=1))
    assert trace.names == ["lookup", "error", "close"]
    assert error.code in {"ENOTFOUND", "EAI_AGAIN"}
    assert (error.syscall, error.hostname, error.phase) == (
        "getaddrinfo", "no-such-host.invalid", "lookup",
    )  # fmt: skip
    assert isinstance(error, sockets.gaierror)
    assert trace.only("lookup") is error


async def test_a_name_that_cannot_be_asked_for() -> None:
    _, error = await failure_of(tlsevents.net.connect(1, "x" * 64 + ".example"))
    assert error.code == "ENOTFOUND"


async def test_localhost_is_looked_up(serve: Serve, trusted: bytes) -> None:
    server = serve()
    socket = tlsevents.connect(host="localhost", port=server.port, ca=trusted, family=4)
    trace = Recorder(socket)
    await socket
    assert trace.events[0] == ("lookup", (None, "127.0.0.1", 4, "localhost"))
    assert socket.remote_address == "127.0.0.1"
    assert socket.remote_family == "IPv4"
    assert socket.remote_port == server.port
    assert socket.local_address == "127.0.0.1"
    assert socket.address() == {
        "address": "127.0.0.1", "family": "IPv4", "port": socket.local_port,
    }  # fmt: skip
    socket.destroy()
    await socket.wait_closed()
    # What was read while it was open stays known.
    assert socket.remote_address == "127.0.0.1"
    assert socket.local_address is None
    assert socket.address() == {}


async def test_families_take_turns_and_all_errors_are_kept() -> None:
    lookup = looks_up(("127.0.0.1", 4), ("127.0.0.2", 4), ("::1", 6))
    socket = tlsevents.connect(host="x.example", port=1, lookup=lookup)
    trace, error = await failure_of(socket)
    assert [args[1] for name, args in trace.events if name == "lookup"] == [
        "127.0.0.1", "127.0.0.2", "::1",
    ]  # fmt: skip
    assert [args[0] for name, args in trace.events if name == "connectionAttempt"] == [
        "127.0.0.1", "::1", "127.0.0.2",
    ]  # fmt: skip
    assert isinstance(error, tlsevents.NetworkError)
    assert isinstance(error, ConnectionRefusedError)
    assert error.code == "ECONNREFUSED"
    attempts: tuple[Any, ...] = error.errors
    assert [each.address for each in attempts] == ["127.0.0.1", "::1", "127.0.0.2"]
    assert str(error)
    assert socket.auto_select_family_attempted_addresses == ["127.0.0.1:1", "::1:1", "127.0.0.2:1"]


@contextlib.contextmanager
def deaf(*addresses: str) -> Iterator[int]:
    """A port on which nobody answers a SYN."""
    with run(ServerPlan(kind="deaf", address=addresses[0], also=addresses[1:])) as server:
        yield server.port


@contextlib.contextmanager
def deaf_beside_a_listener() -> Iterator[tuple[int, sockets.socket]]:
    """A port that is deaf on 127.0.0.2 and served on 127.0.0.1, where it may be taken already."""
    with contextlib.ExitStack() as stack:
        while True:
            attempt = stack.enter_context(contextlib.ExitStack())
            port = attempt.enter_context(deaf("127.0.0.2"))
            try:
                listener = attempt.enter_context(sockets.create_server(("127.0.0.1", port)))
            except OSError:
                attempt.close()
                continue
            yield port, listener
            return


async def test_the_next_address_when_the_first_is_silent(trusted: bytes) -> None:
    with deaf_beside_a_listener() as (port, listener):
        socket = tlsevents.net.connect(
            port, "x.example",
            lookup=looks_up(("127.0.0.2", 4), ("127.0.0.1", 4)),
            auto_select_family_attempt_timeout=0.05,
        )  # fmt: skip
        trace = Recorder(socket)
        await socket
        assert trace.names == [
            "lookup", "lookup", "connectionAttempt", "connectionAttemptTimeout",
            "connectionAttempt", "connect", "ready",
        ]  # fmt: skip
        assert socket.remote_address == "127.0.0.1"
        listener.accept()[0].close()
        socket.destroy()
        await socket.wait_closed()


async def test_a_silent_address_is_given_up_with_the_last_refusal() -> None:
    with deaf("127.0.0.1") as port:
        socket = tlsevents.net.connect(
            port, "x.example",
            lookup=looks_up(("127.0.0.1", 4), ("127.0.0.2", 4)),
            auto_select_family_attempt_timeout=0.05,
        )  # fmt: skip
        async with asyncio.timeout(1):
            trace, error = await failure_of(socket)
    assert trace.names[-3:] == ["connectionAttemptFailed", "error", "close"]
    assert error.code == "ETIMEDOUT"
    assert [each.code for each in error.errors] == ["ETIMEDOUT", "ECONNREFUSED"]
    assert isinstance(error, TimeoutError)


async def test_destroying_while_an_attempt_is_under_way() -> None:
    with deaf("127.0.0.1") as port:
        socket = tlsevents.connect(host="127.0.0.1", port=port)
        trace = Recorder(socket)
        await asyncio.sleep(0.02)
        socket.destroy()
        await socket.wait_closed()
        assert trace.names == ["connectionAttempt", "close"]


@pytest.mark.parametrize("event", ["lookup", "connectionAttempt", "connect", "ready"])
async def test_destroying_in_every_step(serve: Serve, trusted: bytes, event: str) -> None:
    server = serve()
    socket = tlsevents.connect(
        host="x.example", port=server.port, ca=trusted, servername="localhost",
        lookup=looks_up(("127.0.0.1", 4), ("::1", 6)),
    )  # fmt: skip
    trace = Recorder(socket)
    socket.on(event, lambda *_: socket.destroy())
    await socket.wait_closed()
    after = ["ready", "close"] if event == "connect" else ["close"]
    assert trace.names[trace.names.index(event) + 1 :] == after


@pytest.mark.parametrize(
    "answer",
    [
        [("127.0.0.1", 4)],
        ("127.0.0.1", 4),
        "127.0.0.1",
        ["127.0.0.1"],
        {"address": "127.0.0.1", "family": 4},
        [{"address": "127.0.0.1"}],
    ],
)
@pytest.mark.parametrize("kind", ["plain", "coroutine"])
async def test_what_a_lookup_may_answer(
    serve: Serve, trusted: bytes, answer: Any, kind: str
) -> None:
    server = serve()
    asked: list[Any] = []

    def plain(hostname: str, options: dict[str, Any]) -> Any:
        asked.append((hostname, options))
        return answer

    async def coroutine(hostname: str, options: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        return plain(hostname, options)

    socket = await tlsevents.connect(
        host="x.example", port=server.port, ca=trusted, servername="localhost",
        lookup=coroutine if kind == "coroutine" else plain,
    )  # fmt: skip
    assert asked == [("x.example", {"family": None, "hints": sockets.AI_ADDRCONFIG, "all": True})]
    socket.destroy()
    await socket.wait_closed()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ([("not-an-ip", 4)], "ERR_INVALID_IP_ADDRESS"),
        ([], "ERR_INVALID_IP_ADDRESS"),
        (None, "ERR_INVALID_IP_ADDRESS"),
    ],
)
@pytest.mark.parametrize("select", [True, False])
async def test_what_a_lookup_may_not_answer(answer: Any, code: str, select: bool) -> None:
    socket = tlsevents.connect(
        host="x.example", port=1, lookup=lambda *_: answer, auto_select_family=select
    )
    _, error = await failure_of(socket)
    assert isinstance(error, tlsevents.OptionsError)
    assert (error.code, error.phase) == (code, "lookup")


async def test_a_lookup_with_an_unknown_family() -> None:
    socket = tlsevents.connect(
        host="x.example", port=1, lookup=looks_up(("127.0.0.1", 99)), auto_select_family=False
    )
    trace, error = await failure_of(socket)
    assert trace.names == ["lookup", "error", "close"]
    assert error.code == "ERR_INVALID_ADDRESS_FAMILY"
    assert str(error) == "Invalid address family: 99 x.example:1"


@pytest.mark.parametrize("answer", [7, [7], [("127.0.0.1",)], [("127.0.0.1", "four")]])
async def test_a_lookup_that_answers_nonsense(answer: Any) -> None:
    _, error = await failure_of(
        tlsevents.connect(host="x.example", port=1, lookup=lambda *_: answer)
    )
    assert isinstance(error, (TypeError, ValueError))


async def test_a_lookup_that_raises() -> None:
    def lookup(*_: object) -> None:
        raise LookupError("no such luck")

    trace, error = await failure_of(tlsevents.connect(host="x.example", port=1, lookup=lookup))
    assert trace.names == ["lookup", "error", "close"]
    assert isinstance(error, LookupError)


async def test_the_local_address(serve: Serve, trusted: bytes) -> None:
    server = serve()
    with sockets.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, error = await failure_of(
            tlsevents.connect(
                host="127.0.0.1", port=server.port, local_address="127.0.0.1", local_port=port
            )
        )
    assert str(error) == f"bind EADDRINUSE 127.0.0.1:{port}"
    assert (error.code, error.syscall) == ("EADDRINUSE", "bind")
    socket = await tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=trusted, local_address="127.0.0.3"
    )
    assert socket.local_address == "127.0.0.3"
    socket.destroy()
    await socket.wait_closed()


async def test_no_delay_and_keep_alive(serve: Serve, trusted: bytes) -> None:
    server = serve()
    socket = await tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=trusted,
        no_delay=True, keep_alive=True, keep_alive_initial_delay=7,
    )  # fmt: skip

    def option(level: int, name: int) -> int:
        sock = socket._carrier.get_extra_info("socket")  # type: ignore[union-attr]
        value: int = sock.getsockopt(level, name)
        return value

    assert option(sockets.IPPROTO_TCP, sockets.TCP_NODELAY)
    assert option(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE)
    if sys.platform == "linux":
        assert option(sockets.IPPROTO_TCP, sockets.TCP_KEEPIDLE) == 7
    assert socket.set_no_delay(False) is socket
    assert socket.set_keep_alive(False) is socket
    assert not option(sockets.IPPROTO_TCP, sockets.TCP_NODELAY)
    assert not option(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE)
    socket.destroy()
    await socket.wait_closed()
    socket.set_no_delay().set_keep_alive(True)
    assert socket.ref() is socket
    assert socket.unref() is socket


async def test_a_unix_socket(serve: Serve, trusted: bytes) -> None:
    server = serve(address="unix")
    socket = tlsevents.connect(path=server.path, ca=trusted)
    trace = Recorder(socket)
    await socket
    assert trace.events[0] == ("connectionAttempt", (server.path, None, None))
    assert socket.address() == {}
    assert socket.servername is False
    socket.set_no_delay()
    socket.destroy()
    await socket.wait_closed()


async def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "missing")
    trace, error = await failure_of(tlsevents.connect(path))
    assert trace.names == ["connectionAttempt", "connectionAttemptFailed", "error", "close"]
    assert str(error) == f"connect ENOENT {path}"
    assert (error.code, error.address, error.port) == ("ENOENT", path, None)


async def test_plain_sockets(serve: Serve) -> None:
    def echo(peer: Any) -> None:
        while data := peer.sock.recv(1000):
            peer.sock.sendall(data)

    server = serve(echo, certificate=None)
    called: list[str] = []
    socket = tlsevents.net.connect(server.port, "127.0.0.1", lambda: called.append("callback"))
    trace = Recorder(socket)
    socket.write("hello")
    socket.end()
    socket.resume()
    await socket.wait_closed()
    assert called == ["callback"]
    assert trace.data == b"hello"
    assert trace.names[:4] == ["connectionAttempt", "resume", "connect", "ready"]
    assert sorted(trace.names[4:6]) == ["data", "finish"]  # whichever is faster
    assert trace.names[6:] == ["readable", "end", "close"]


async def test_a_plain_socket_that_connects_twice(serve: Serve) -> None:
    def greet(peer: Any) -> None:
        peer.sock.sendall(b"hello")

    server = serve(greet, certificate=None)
    socket = tlsevents.net.Socket()
    heard: list[bytes] = []
    socket.on("data", heard.append)
    for turn in (1, 2):
        socket.connect(server.port, "127.0.0.1")
        with pytest.raises(tlsevents.StreamError):
            socket.connect(server.port, "127.0.0.1")
        await socket.wait_closed()
        assert heard == [b"hello"] * turn


async def test_net_has_no_tls_options() -> None:
    with pytest.raises(tlsevents.OptionTypeError, match="left to tlsevents"):
        tlsevents.net.connect(1, "127.0.0.1", ca=b"")  # type: ignore[call-overload]
    with pytest.raises(tlsevents.OptionTypeError):
        tlsevents.net.connect(1, "127.0.0.1", nonsense=True)  # type: ignore[call-overload]


async def test_a_tls_socket_does_not_connect_again(serve: Serve, trusted: bytes) -> None:
    server = serve()
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    with pytest.raises(tlsevents.StreamError):
        socket.connect(server.port)
    socket.destroy()
    await socket.wait_closed()
    with pytest.raises(tlsevents.StreamError):
        socket.connect(server.port)


async def test_a_socket_is_freed_without_the_collector(serve: Serve, trusted: bytes) -> None:
    """Errors and timers must not keep a finished socket alive in cycles for long."""
    server = serve()
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    socket.destroy()
    await socket.wait_closed()
    assert socket._engine is None
    del socket
    gc.collect()
