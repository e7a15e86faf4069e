"""Against servers that others wrote: PostgreSQL, aiosmtpd, nginx, tinyproxy, openssl.

`tests.real_servers` says how each is started. Where one is not installed, its tests are skipped
and say which package brings it; `.ci/run` installs them all.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import pytest

import tlsevents
from tests import pki, real_servers
from tests.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.real_servers import RealServer

ROOT = Path(__file__).parents[2]
VERSIONS = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
every_loop = pytest.mark.on_every_loop


def started(make: Callable[[], AbstractContextManager[RealServer]]) -> Iterator[RealServer]:
    try:
        manager = make()
        server = manager.__enter__()
    except real_servers.NotInstalledError as missing:
        pytest.skip(str(missing))
    try:
        yield server
    finally:
        manager.__exit__(None, None, None)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[RealServer]:
    yield from started(real_servers.postgresql)


@pytest.fixture(scope="module")
def smtp() -> Iterator[RealServer]:
    yield from started(real_servers.smtp)


@pytest.fixture(scope="module")
def nginx() -> Iterator[RealServer]:
    yield from started(real_servers.nginx)


@pytest.fixture(scope="module")
def proxy() -> Iterator[RealServer]:
    yield from started(real_servers.tinyproxy)


@pytest.fixture(scope="module")
def secure_proxy(proxy: RealServer) -> Iterator[RealServer]:
    """An HTTPS proxy: nginx speaks TLS in front of tinyproxy, on its port `front`."""
    yield from started(lambda: real_servers.nginx(tls_for=proxy.port))


@pytest.fixture
def reverser() -> Iterator[RealServer]:
    """Sends each line back reversed; hangs up, with close_notify, on CLOSE."""
    yield from started(lambda: real_servers.openssl("-rev"))


def run_example(name: str, *arguments: str) -> list[str]:
    """Run an example against a real server, whose root it finds where Node would look for it."""
    environment = {"PYTHONPATH": str(ROOT), "NODE_EXTRA_CA_CERTS": pki.cert_path("root-a")}
    result = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / f"{name}.py", *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (result.stderr, result.returncode) == ("", 0)
    return result.stdout.splitlines()


# -- PostgreSQL --------------------------------------------------------------------------------

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class Postgres:
    """As much of a client as the tests need, over any socket."""

    def __init__(self, socket: tlsevents.Socket) -> None:
        self._socket = socket
        self._received = b""

    def start(self, database: str = "postgres") -> None:
        parameters = b"user\0postgres\0database\0" + database.encode() + b"\0\0"
        self._socket.write(struct.pack("!ii", len(parameters) + 8, 196608) + parameters)

    def query(self, text: str) -> None:
        self._send(b"Q", text.encode() + b"\0")

    def terminate(self) -> None:
        self._send(b"X", b"")

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.write(kind + struct.pack("!i", len(body) + 4) + body)

    async def message(self) -> tuple[bytes, bytes]:
        chunks = [self._received]
        size = len(self._received)
        while size < 5 or size <= int.from_bytes(b"".join(chunks[:2])[1:5]):
            chunks.append(await anext(aiter(self._socket)))
            size += len(chunks[-1])
        received = b"".join(chunks)
        length = int.from_bytes(received[1:5])
        self._received = received[length + 1 :]
        return received[:1], received[5 : length + 1]

    async def until_ready(self) -> dict[bytes, bytes]:
        """The last message of each kind, up to ReadyForQuery."""
        messages = {}
        while b"Z" not in messages:
            kind, body = await self.message()
            messages[kind] = body
            assert kind != b"E", body
        return messages

    async def value(self, text: str) -> str:
        """The one column of the one row that a query gives."""
        self.query(text)
        row = (await self.until_ready())[b"D"]
        (length,) = struct.unpack_from("!i", row, 2)
        return row[6 : 6 + length].decode()


async def ask_for_tls(port: int) -> tlsevents.Socket:
    plain = await tlsevents.net.connect(port, "127.0.0.1")
    plain.write(SSL_REQUEST)
    assert await anext(aiter(plain)) == b"S"
    return plain


@every_loop
@VERSIONS
async def test_postgresql_by_ssl_request(
    postgresql: RealServer, trusted: bytes, version: str
) -> None:
    plain = await ask_for_tls(postgresql.port)
    below = Recorder(plain)
    socket = tlsevents.connect(socket=plain, host="localhost", ca=trusted, max_version=version)
    trace = Recorder(socket, quiet=frozenset({"drain"}))
    client = Postgres(socket)
    client.start()  # before the handshake: it waits for it
    assert (await client.until_ready())[b"R"] == bytes(4)
    ours = "pg_stat_ssl WHERE pid = pg_backend_pid()"
    cipher = socket.get_cipher()
    assert cipher is not None
    assert await client.value(f"SELECT version FROM {ours}") == socket.get_protocol() == version
    assert await client.value(f"SELECT cipher FROM {ours}") == cipher["name"]
    big = await client.value("SELECT string_agg(n::text, ',') FROM generate_series(1, 300000) n")
    assert big == ",".join(map(str, range(1, 300001)))
    client.terminate()
    assert [chunk async for chunk in socket] == []  # and no `finish`: as in Node, that destroys
    await socket.wait_closed()
    assert [name for name in trace.names if name not in {"readable", "data"}] == [
        "secure",
        "secureConnect",
        "end",
        "close",
    ]
    assert trace.only("close") is False
    assert below.names == ["close"]


async def test_postgresql_over_an_asyncio_reader_and_writer(
    postgresql: RealServer, trusted: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", postgresql.port)
    writer.write(SSL_REQUEST)
    assert await reader.readexactly(1) == b"S"
    async with tlsevents.connect(socket=(reader, writer), host="localhost", ca=trusted) as socket:
        client = Postgres(socket)
        client.start()
        await client.until_ready()
        assert await client.value("SELECT 'grüß dich'") == "grüß dich"
        client.terminate()


async def test_postgresql_takes_a_client_certificate(
    postgresql: RealServer, trusted: bytes
) -> None:
    plain = await ask_for_tls(postgresql.port)
    certificate: Any = {"cert": pki.pem("client-ok"), "key": pki.key_pem("client-ok")}
    async with tlsevents.connect(
        socket=plain, host="localhost", ca=trusted, **certificate
    ) as socket:
        client = Postgres(socket)
        client.start("template1")
        await client.until_ready()
        query = "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert await client.value(query) == "/O=Contract/CN=client"
        client.terminate()


async def test_postgresql_misses_a_client_certificate(
    postgresql: RealServer, trusted: bytes
) -> None:
    """It says so in its own protocol, over TLS."""
    plain = await ask_for_tls(postgresql.port)
    async with tlsevents.connect(socket=plain, host="localhost", ca=trusted) as socket:
        client = Postgres(socket)
        client.start("template1")
        kind, body = await client.message()
        assert kind == b"E"
        assert b"connection requires a valid client certificate" in body


@VERSIONS
async def test_postgresql_refuses_a_certificate_of_an_unknown_issuer(
    postgresql: RealServer, trusted: bytes, version: str
) -> None:
    """TLS 1.3 lets it say so only after secureConnect."""
    plain = await ask_for_tls(postgresql.port)
    socket = tlsevents.connect(
        socket=plain,
        host="localhost",
        ca=trusted,
        cert=pki.pem("client-untrusted"),
        key=pki.key_pem("client-untrusted"),
        max_version=version,
    )
    trace = Recorder(socket)
    errors: list[tuple[str, tlsevents.TLSEventsError]] = []
    socket.on("tlsClientError", lambda error: errors.append(("tlsClientError", error)))
    socket.on("error", lambda error: errors.append(("error", error)))
    socket.resume()
    await socket.wait_closed()
    ((event, error),) = errors
    assert error.alert == "unknown_ca"
    assert (event, error.phase) == {
        "TLSv1.2": ("tlsClientError", "handshake"),
        "TLSv1.3": ("error", "open"),
    }[version]
    assert trace.only("close") is True


async def test_postgresql_does_not_speak_tls_unasked(
    postgresql: RealServer, trusted: bytes
) -> None:
    with pytest.raises(tlsevents.TLSEventsError) as caught:
        await tlsevents.connect(postgresql.port, "localhost", ca=trusted)
    assert caught.value.phase == "handshake"


def test_the_example_with_postgresql(postgresql: RealServer) -> None:
    output = run_example("postgres_ssl", "localhost", str(postgresql.port))
    assert output == ["SSLRequest: b'S'", "secureConnect, TLSv1.3", "welcome"]


# -- SMTP --------------------------------------------------------------------------------------


async def smtp_reply(socket: tlsevents.Socket, command: bytes = b"") -> str:
    if command:
        socket.write(command + b"\r\n")
    text = ""
    while not re.search(r"^\d{3} .*\r\n\Z", text, re.MULTILINE):
        text += (await anext(aiter(socket))).decode()
    return text


@every_loop
@VERSIONS
async def test_smtp_mail_after_starttls(smtp: RealServer, trusted: bytes, version: str) -> None:
    plain = tlsevents.net.connect(smtp.port, "localhost", family=4)
    below = Recorder(plain, quiet=frozenset({"data", "readable"}))
    assert (await smtp_reply(plain)).startswith("220 ")
    assert "250-STARTTLS" in await smtp_reply(plain, b"EHLO client.example")
    assert (await smtp_reply(plain, b"MAIL FROM:<a@client.example>")).startswith("530 ")
    assert (await smtp_reply(plain, b"STARTTLS")).startswith("220 ")
    socket = tlsevents.connect(socket=plain, host="localhost", ca=trusted, max_version=version)
    trace = Recorder(socket, quiet=frozenset({"data", "readable", "drain"}))
    assert "STARTTLS" not in await smtp_reply(socket, b"EHLO client.example")
    assert socket.get_protocol() == version
    assert (await smtp_reply(socket, b"MAIL FROM:<a@client.example>")).startswith("250 ")
    assert (await smtp_reply(socket, b"RCPT TO:<b@server.example>")).startswith("250 ")
    assert (await smtp_reply(socket, b"DATA")).startswith("354 ")
    line = b"All work and no play makes Jack a dull boy.\r\n"
    for _ in range(50):
        socket.write(line * 1000)
        await socket.drain()
    assert (await smtp_reply(socket, b".")).startswith("250 ")
    assert (await smtp_reply(socket, b"QUIT")).startswith("221 ")
    assert [chunk async for chunk in socket] == []
    await socket.wait_closed()
    assert trace.names == ["secure", "secureConnect", "end", "close"]
    assert below.names == ["lookup", "connectionAttempt", "connect", "ready", "close"]


async def test_smtp_that_expects_starttls_is_no_tls_port(smtp: RealServer, trusted: bytes) -> None:
    socket = tlsevents.connect(smtp.port, "localhost", ca=trusted, family=4)
    (error,) = await tlsevents.once(socket, "tlsClientError")
    assert error.code == "ERR_SSL_WRONG_VERSION_NUMBER"
    assert "STARTTLS" in error.hint
    await socket.wait_closed()


def test_the_example_with_a_mail_server(smtp: RealServer) -> None:
    output = run_example("starttls_smtp", "127.0.0.1", str(smtp.port))
    assert "secureConnect, TLSv1.3" in output
    assert output[-1].startswith("221 ")


# -- nginx -------------------------------------------------------------------------------------


class Http:
    """HTTP/1.1 over a socket, by h11; one request after the other."""

    def __init__(self, socket: tlsevents.Socket) -> None:
        self._socket = socket
        self._http = h11.Connection(h11.CLIENT)

    async def fetch(self, target: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        request = h11.Request(
            method="POST" if body else "GET",
            target=target,
            headers=[("Host", "localhost"), ("Content-Length", str(len(body))), *headers.items()],
        )
        self._socket.write(self._http.send(request) or b"")
        if body:
            self._socket.write(self._http.send(h11.Data(data=body)) or b"")
        self._socket.write(self._http.send(h11.EndOfMessage()) or b"")
        status, received = 0, []
        while True:
            match self._http.next_event():
                case h11.NEED_DATA:
                    self._http.receive_data(await anext(aiter(self._socket), b""))
                case h11.Response(status_code=status):
                    pass
                case h11.Data(data=data):
                    received.append(bytes(data))
                case h11.EndOfMessage():
                    return status, b"".join(received)


@every_loop
@VERSIONS
async def test_nginx_sees_what_we_see(nginx: RealServer, trusted: bytes, version: str) -> None:
    options: Any = {"host": "localhost", "ca": trusted, "max_version": version, "family": 4}
    sessions: list[Any] = []
    for reused in ".", "r":
        session = sessions[0] if sessions else None
        async with tlsevents.connect(port=nginx.port, session=session, **options) as socket:
            socket.on("session", sessions.append)
            cipher = socket.get_cipher()
            assert cipher is not None
            assert socket.is_session_reused() is (reused == "r")
            status, body = await Http(socket).fetch("/facts")
            assert status == 200
            assert body.decode() == f"{version} {cipher['name']} localhost {reused} NONE "
            sessions = sessions or [socket.get_session()]


@every_loop
async def test_nginx_several_requests_large_and_small(nginx: RealServer, trusted: bytes) -> None:
    async with tlsevents.connect(nginx.port, "localhost", ca=trusted, family=4) as socket:
        http = Http(socket)
        assert await http.fetch("/") == (200, b"hello from nginx\n")
        status, body = await http.fetch("/large")
        expected = hashlib.sha256(bytes(range(256)) * (64 << 12))
        assert (status, hashlib.sha256(body).digest()) == (200, expected.digest())
        status, body = await http.fetch("/large", Range="bytes=1000000-1000009")
        assert (status, body) == (206, bytes((1000000 + n) % 256 for n in range(10)))
        status, _ = await http.fetch("/facts", bytes(32 << 20))
        assert status == 200
        status, _ = await http.fetch("/nothing-here")
        assert status == 404
        assert socket.bytes_read > 64 << 20
        assert socket.bytes_written > 32 << 20


async def test_nginx_is_held_back_by_a_paused_socket(nginx: RealServer, trusted: bytes) -> None:
    socket = tlsevents.connect(nginx.port, "localhost", ca=trusted, family=4)
    socket.write(b"GET /large HTTP/1.0\r\n\r\n")
    received = bytearray()
    socket.on("data", received.extend)
    await tlsevents.once(socket, "data")
    socket.pause()
    await asyncio.sleep(0.1)
    held = len(received)
    assert socket.bytes_read < 1 << 20  # the buffer and one read of the transport
    await asyncio.sleep(0.1)
    assert len(received) == held
    socket.resume()
    await socket.wait_closed()
    assert bytes(received).endswith(bytes(range(256)) * 100)
    assert len(received) > 64 << 20
    assert socket.clean_end


@VERSIONS
async def test_nginx_closes_an_idle_connection(
    nginx: RealServer, trusted: bytes, version: str
) -> None:
    """The end of `keepalive_timeout` is a close_notify, and no error."""
    socket = tlsevents.connect(nginx.port, "localhost", ca=trusted, max_version=version, family=4)
    trace = Recorder(socket)
    socket.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    socket.resume()
    await socket.wait_closed()
    assert trace.data.endswith(b"hello from nginx\n")
    assert trace.names == [
        "resume",
        "lookup",
        "connectionAttempt",
        "connect",
        "ready",
        "secure",
        "secureConnect",
        "data",
        "readable",
        "end",
        "finish",
        "close",
    ]
    assert socket.clean_end


@VERSIONS
async def test_nginx_verifies_a_client_certificate(
    nginx: RealServer, trusted: bytes, version: str
) -> None:
    options: Any = {"host": "localhost", "ca": trusted, "max_version": version, "family": 4}
    ours: Any = {"cert": pki.pem("client-ok"), "key": pki.key_pem("client-ok")}
    async with tlsevents.connect(port=nginx.port, **options, **ours) as socket:
        _, body = await Http(socket).fetch("/facts")
        assert body.endswith(b" SUCCESS CN=client,O=Contract")
    strict = nginx.more_ports["strict"]
    async with tlsevents.connect(port=strict, **options, **ours) as socket:
        assert await Http(socket).fetch("/") == (200, b"hello from nginx\n")
    async with tlsevents.connect(port=strict, **options) as socket:
        status, body = await Http(socket).fetch("/")  # nginx refuses by HTTP, not by an alert
        assert status == 400
        assert b"No required SSL certificate was sent" in body


# -- proxies -----------------------------------------------------------------------------------


async def tunnel(proxy: tlsevents.Socket, port: int) -> str:
    """Ask for a tunnel to a port of this machine and give the status line."""
    proxy.write(f"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await anext(aiter(proxy))
    return answer.split(b"\r\n")[0].decode()


@every_loop
async def test_tls_through_an_http_proxy(
    proxy: RealServer, nginx: RealServer, trusted: bytes
) -> None:
    plain = await tlsevents.net.connect(proxy.port, "127.0.0.1")
    assert " 200 " in await tunnel(plain, nginx.port)
    async with tlsevents.connect(socket=plain, host="localhost", ca=trusted) as socket:
        assert await Http(socket).fetch("/") == (200, b"hello from nginx\n")
    await plain.wait_closed()


async def test_a_proxy_that_cannot_connect(proxy: RealServer) -> None:
    plain = await tlsevents.net.connect(proxy.port, "127.0.0.1")
    status = await tunnel(plain, real_servers.free_port())
    assert re.match(r"HTTP/1\.\d 5\d\d ", status)
    plain.destroy()
    await plain.wait_closed()


@every_loop
@VERSIONS
async def test_tls_in_tls_through_an_https_proxy(
    secure_proxy: RealServer, nginx: RealServer, trusted: bytes, version: str
) -> None:
    front = secure_proxy.more_ports["front"]
    outer = await tlsevents.connect(front, "localhost", ca=trusted, family=4)
    assert " 200 " in await tunnel(outer, nginx.port)
    socket = tlsevents.connect(socket=outer, host="localhost", ca=trusted, max_version=version)
    trace = Recorder(socket)
    async with socket:
        http = Http(socket)
        _, body = await http.fetch("/large")
        assert body == bytes(range(256)) * (64 << 12)
        status, _ = await http.fetch("/facts", bytes(4 << 20))
        assert status == 200
    await outer.wait_closed()
    assert trace.names[:2] == ["secure", "secureConnect"]
    assert trace.only("close") is False


async def test_the_inner_certificate_is_verified_too(
    secure_proxy: RealServer, nginx: RealServer, trusted: bytes
) -> None:
    front = secure_proxy.more_ports["front"]
    outer = await tlsevents.connect(front, "localhost", ca=trusted, family=4)
    await tunnel(outer, nginx.port)
    with pytest.raises(tlsevents.CertificateError) as caught:
        await tlsevents.connect(socket=outer, host="localhost", ca=pki.pem("root-b"))
    assert caught.value.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    await outer.wait_closed()


def test_the_example_with_real_proxies(
    proxy: RealServer, secure_proxy: RealServer, nginx: RealServer
) -> None:
    target = f"localhost:{nginx.port}"
    front = secure_proxy.more_ports["front"]
    output = run_example("http_connect_proxy", f"http://127.0.0.1:{proxy.port}", target)
    assert output == ["http proxy: HTTP/1.1 200 OK"]
    output = run_example("http_connect_proxy", f"https://127.0.0.1:{front}", target)
    assert output == ["https proxy: HTTP/1.1 200 OK"]


# -- openssl s_server --------------------------------------------------------------------------


@every_loop
@VERSIONS
async def test_openssl_sends_lines_back(reverser: RealServer, trusted: bytes, version: str) -> None:
    socket = tlsevents.connect(
        reverser.port, "localhost", ca=trusted, max_version=version, family=4
    )
    socket.set_encoding("utf8")
    trace = Recorder(socket, quiet=frozenset({"data", "readable", "resume"}))
    lines: Any = aiter(socket)  # of text
    for line in "abc", "x" * 5000, "been":
        socket.write(line + "\n")
        answer = ""
        while not answer.endswith("\n"):
            answer += await anext(lines)
        assert answer == line[::-1] + "\n"
    socket.write("CLOSE\n")
    assert [chunk async for chunk in lines] == []
    await socket.wait_closed()
    assert trace.names == [
        "lookup",
        "connectionAttempt",
        "connect",
        "ready",
        "secure",
        "secureConnect",
        "end",
        "close",
    ]
    assert socket.clean_end


@every_loop
@VERSIONS
async def test_openssl_is_killed(reverser: RealServer, trusted: bytes, version: str) -> None:
    """The kernel closes for it: an end without close_notify, which is told from a clean one."""
    socket = tlsevents.connect(
        reverser.port, "localhost", ca=trusted, max_version=version, family=4
    )
    trace = Recorder(socket)
    socket.write("once\n")
    assert await tlsevents.once(socket, "data") == (b"ecno\n",)
    reverser.kill()
    await socket.wait_closed()
    assert trace.names[-4:] == ["readable", "end", "finish", "close"]
    assert trace.only("close") is False
    assert not socket.clean_end


async def test_openssl_wants_an_older_protocol(trusted: bytes) -> None:
    for server in started(lambda: real_servers.openssl("-rev", "-tls1_2")):
        socket = tlsevents.connect(server.port, "localhost", ca=trusted, min_version="TLSv1.3")
        (error,) = await tlsevents.once(socket, "tlsClientError")
        assert error.code == "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"
        assert error.alert == "protocol_version"
        await socket.wait_closed()
