"""The promise: handshake-phase errors and later errors reach separate listeners, once."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import unittest.mock
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests import pki
from tests.recorder import Recorder
from tests.servers import (
    Peer,
    alert,
    close_notify,
    damage_next_record,
    fin,
    handshake,
    pause,
    raw,
    read_all,
    read_raw,
    reset,
    send,
    wait,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

pytestmark = pytest.mark.on_every_loop

VERSIONS = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


class Heard:
    """What reached which listener."""

    def __init__(self, socket: tlsevents.TLSSocket, *events: str) -> None:
        self.errors: list[tuple[str, BaseException]] = []
        for event in events:
            socket.on(event, lambda error, event=event: self.errors.append((event, error)))

    @property
    def codes(self) -> list[tuple[str, str | None]]:
        return [(event, getattr(error, "code", None)) for event, error in self.errors]


@VERSIONS
async def test_a_refused_certificate_is_a_handshake_error(
    serve: Serve, trusted: bytes, version: str
) -> None:
    server = serve(certificate="leaf-expired", maximum=version)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    heard = Heard(socket, "tlsClientError", "error")
    await socket.wait_closed()
    assert trace.names == ["connectionAttempt", "connect", "ready", "tlsClientError", "close"]
    assert trace.only("close") is True
    assert heard.codes == [("tlsClientError", "CERT_HAS_EXPIRED")]
    error = heard.errors[0][1]
    assert isinstance(error, tlsevents.CertificateError)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert error.phase == "verify"
    assert error.hint
    assert error.chain == (pki.der("leaf-expired"),)
    assert socket.authorized is False
    assert socket.errored is error
    # The server is told why: the alert reached it.
    await asyncio.to_thread(server.wait)
    assert "server handshake error: SSLV3_ALERT_CERTIFICATE_EXPIRED" in server.saw[0]


@VERSIONS
async def test_with_only_an_error_listener_it_is_an_error(
    serve: Serve, trusted: bytes, version: str
) -> None:
    server = serve(certificate="leaf-expired", maximum=version)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    heard = Heard(socket, "error")
    await socket.wait_closed()
    assert heard.codes == [("error", "CERT_HAS_EXPIRED")]
    assert trace.names[-2:] == ["error", "close"]


async def test_with_no_listener_it_goes_to_the_loop(
    serve: Serve, trusted: bytes, loop_errors: list[dict[str, Any]]
) -> None:
    server = serve(certificate="leaf-expired")
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    await socket.wait_closed()
    (context,) = loop_errors
    loop_errors.clear()
    assert context["exception"] is socket.errored
    assert context["emitter"] is socket


async def test_whoever_awaits_gets_the_same_error_raised(serve: Serve, trusted: bytes) -> None:
    server = serve(certificate="leaf-expired")
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    heard = Heard(socket, "tlsClientError")
    with pytest.raises(tlsevents.CertificateError) as caught:
        await socket
    assert heard.errors == [("tlsClientError", caught.value)]
    await socket.wait_closed()
    with pytest.raises(tlsevents.CertificateError):
        await socket


async def test_awaiting_alone_keeps_the_loop_quiet(serve: Serve, trusted: bytes) -> None:
    server = serve(certificate="leaf-expired")
    with pytest.raises(tlsevents.CertificateError):
        await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)


@VERSIONS
async def test_what_fails_later_is_an_error(serve: Serve, trusted: bytes, version: str) -> None:
    server = serve(handshake, wait, send(b"pong"), damage_next_record, read_raw, maximum=version)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    heard = Heard(socket, "tlsClientError", "error")
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.on("data", lambda _: socket.write(b"again"))
    await socket.wait_closed()
    assert trace.names == [
        "connectionAttempt", "resume", "connect", "ready", "secure", "secureConnect",
        "data", "error", "close",
    ]  # fmt: skip
    assert heard.codes == [("error", "ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC")]
    error = heard.errors[0][1]
    assert isinstance(error, tlsevents.NegotiationError)
    assert (error.phase, error.alert) == ("open", "bad_record_mac")
    assert trace.only("close") is True
    assert socket.authorized is True


async def test_a_late_error_does_not_reach_handshake_listeners_even_alone(
    serve: Serve, trusted: bytes, loop_errors: list[dict[str, Any]]
) -> None:
    server = serve(handshake, wait, send(b"pong"), pause(0.03), reset)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    heard = Heard(socket, "tlsClientError")
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    await socket.wait_closed()
    assert heard.codes == []
    assert [context["exception"] for context in loop_errors] == [socket.errored]
    assert isinstance(socket.errored, ConnectionResetError)
    loop_errors.clear()


@pytest.mark.parametrize(("version", "event", "phase"), [
    ("TLSv1.2", "tlsClientError", "handshake"),
    ("TLSv1.3", "error", "open"),
])  # fmt: skip
async def test_a_server_that_wants_a_client_certificate(
    serve: Serve, trusted: bytes, version: str, event: str, phase: str
) -> None:
    server = serve(maximum=version, client_ca="root-a")
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    heard = Heard(socket, "tlsClientError", "error")
    await socket.wait_closed()
    ((name, error),) = heard.errors
    assert name == event
    assert isinstance(error, tlsevents.NegotiationError)
    assert error.phase == phase
    expected = "certificate_required" if version == "TLSv1.3" else "handshake_failure"
    assert error.alert == expected
    assert error.hint


@pytest.mark.parametrize("where", ["connect", "secureConnect", "data", "end", "close"])
@pytest.mark.parametrize("kind", ["plain", "coroutine"])
async def test_a_listener_that_raises_breaks_nothing(
    serve: Serve, trusted: bytes, loop_errors: list[dict[str, Any]], where: str, kind: str
) -> None:
    server = serve(handshake, wait, send(b"pong"), close_notify, fin, read_all)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)

    def plain(*_: object) -> None:
        raise RuntimeError("in a listener")

    async def coroutine(*_: object) -> None:
        raise RuntimeError("in a listener")

    listener = plain if kind == "plain" else coroutine
    socket.on(where, listener)
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.on("data", lambda _: None)
    socket.on("error", lambda _: pytest.fail("not an error of the socket"))
    await socket.wait_closed()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert trace.names[-4:] == ["readable", "end", "finish", "close"]
    (context,) = loop_errors
    loop_errors.clear()
    assert str(context["exception"]) == "in a listener"
    assert (context["event"], context["listener"]) == (where, listener)


@pytest.mark.parametrize("where", ["error", "tlsClientError"])
async def test_an_error_listener_that_raises_does_not_recurse(
    serve: Serve, loop_errors: list[dict[str, Any]], where: str
) -> None:
    server = serve()
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=pki.pem("root-b"))
    trace = Recorder(socket)

    def listener(_error: BaseException) -> None:
        raise RuntimeError("in an error listener")

    socket.on(where, listener)
    await socket.wait_closed()
    assert trace.names[-2:] == [where, "close"]
    (context,) = loop_errors
    loop_errors.clear()
    assert str(context["exception"]) == "in an error listener"


async def test_destroy_with_an_error_follows_the_promise(serve: Serve, trusted: bytes) -> None:
    server = serve()
    for moment, event in (("connect", "tlsClientError"), ("secureConnect", "error")):
        socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
        heard = Heard(socket, "tlsClientError", "error")
        stop = ValueError("stop")
        socket.on(moment, lambda socket=socket, stop=stop: socket.destroy(stop))
        await socket.wait_closed()
        assert heard.errors == [(event, stop)]


@pytest.mark.parametrize(
    ("script", "code", "names"),
    [
        ((raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), read_raw), "ERR_SSL_WRONG_VERSION_NUMBER", []),
        ((raw(alert(2, 40)), read_raw), "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", []),
        ((fin, read_raw), "ECONNRESET", ["readable", "end"]),
        ((raw(alert(1, 0)), read_raw), "ECONNRESET", ["readable", "end"]),
        ((pause(0.03), reset), "ECONNRESET", []),
    ],
)
async def test_a_server_that_is_none(
    serve: Serve, trusted: bytes, script: tuple[Any, ...], code: str, names: list[str]
) -> None:
    server = serve(*script, certificate=None)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    heard = Heard(socket, "tlsClientError", "error")
    await socket.wait_closed()
    assert heard.codes == [("tlsClientError", code)]
    assert trace.names == [
        "connectionAttempt", "connect", "ready", *names, "tlsClientError", "close",
    ]  # fmt: skip


async def test_an_unknown_alert_is_an_error_with_its_number(serve: Serve, trusted: bytes) -> None:
    server = serve(raw(alert(2, 200)), read_raw, certificate=None)
    with pytest.raises(tlsevents.NegotiationError, match="200"):
        await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)


async def test_a_silent_server_meets_the_deadline(serve: Serve, trusted: bytes) -> None:
    server = serve(read_raw, certificate=None)
    socket = tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=trusted, handshake_timeout=0.05
    )
    with pytest.raises(TimeoutError) as caught:
        await socket
    assert isinstance(caught.value, tlsevents.NetworkError)
    assert caught.value.code == "ERR_TLS_HANDSHAKE_TIMEOUT"
    assert caught.value.phase == "handshake"
    assert caught.value.temporary
    await socket.wait_closed()


async def test_a_file_that_is_missing(serve: Serve) -> None:
    server = serve()
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca="/nowhere/ca.pem")
    trace = Recorder(socket)
    heard = Heard(socket, "tlsClientError")
    await socket.wait_closed()
    # Nobody was dialed with a broken configuration.
    assert trace.names == ["tlsClientError", "close"]
    ((_, error),) = heard.errors
    assert isinstance(error, tlsevents.OptionsError)
    assert isinstance(error, FileNotFoundError)
    assert (error.code, error.phase, error.syscall, error.path) == (
        "ENOENT", "options", "open", "/nowhere/ca.pem",
    )  # fmt: skip


async def test_nothing_comes_after_close(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, wait, send(b"pong" * 10000), reset)
    socket = tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    trace = Recorder(socket)
    Heard(socket, "error")
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.on("data", lambda _: socket.destroy())
    await socket.wait_closed()
    for call in (socket.pause, socket.resume, socket.end, socket.destroy):
        call()
    socket.read()
    socket.set_timeout(0.001)
    await asyncio.sleep(0.05)
    assert trace.names[-1] == "close"
    assert trace.names.count("close") == 1


async def test_a_refused_certificate_wins_over_what_the_server_does_then(serve: Serve) -> None:
    """The verdict of an unknown context takes a while to name; the server resets meanwhile."""

    def shake_and_reset(peer: Peer) -> None:
        with contextlib.suppress(Exception):
            handshake(peer)
        reset(peer)

    server = serve(shake_and_reset)
    # Roots nobody has used yet, so that naming the verdict has to go through the executor.
    socket = tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=[pki.pem("root-b"), pki.pem("inter-b")]
    )
    slow = socket._secure_context.verifier

    def verifier() -> Any:
        time.sleep(0.1)
        return slow()

    patch = unittest.mock.patch.object
    with (
        patch(type(socket._secure_context), "verifier", side_effect=verifier),
        pytest.raises(tlsevents.CertificateError) as caught,
    ):
        await socket
    assert caught.value.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    await socket.wait_closed()
