"""Only type-checked, never run: what users' type checkers see. Each line is a promise."""

# pyright: basic, reportDeprecated=true

import asyncio
import hashlib
import socket as sockets
import ssl
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, assert_type

import tlsevents


def every_form_of_connect(plain: tlsevents.Socket, ready: ssl.SSLContext) -> None:
    assert_type(tlsevents.connect(443), tlsevents.TLSSocket)
    tlsevents.connect(443, "example.com")
    tlsevents.connect(443, "example.com", {"rejectUnauthorized": False})
    tlsevents.connect(443, "example.com", {"timeout": 5000}, lambda: None)
    tlsevents.connect(443, "example.com", timeout=5.0)
    tlsevents.connect("/run/server.sock")
    tlsevents.connect({"host": "example.com", "port": 443, "ALPNProtocols": ["h2"]})
    tlsevents.connect(host="example.com", port=443, min_version="TLSv1.3")
    tlsevents.connect(host="example.com", port=443, ca=Path("ca.pem"), cert=b"", key="key.pem")
    tlsevents.connect(port=443, handshake_timeout=None, context=ready)
    tlsevents.connect(socket=plain)
    tlsevents.connect("443", "example.com", lambda: None)
    tlsevents.connect(443, {"servername": "example.com"}, lambda: None)
    tlsevents.connect(443, lambda: print("secure"))
    tlsevents.connect(Path("/run/server.sock"), {"key": [{"pem": b"", "passphrase": ""}]})
    tlsevents.connect({"port": 443, "ca": [b"", "ca.pem"], "minVersion": "TLSv1.3"}, lambda: None)
    tlsevents.connect(options={"port": 443}, callback=lambda: None)
    tlsevents.connect(port=443, min_version=tlsevents.DEFAULT_MIN_VERSION, session_cache=True)
    tlsevents.connect(port=443, check_server_identity=lambda host, cert: None)
    tlsevents.connect(port=443, check_server_identity=tlsevents.check_server_identity)
    tlsevents.connect(port=443, lookup=addresses, family=sockets.AF_INET)


async def addresses(hostname: str, options: dict[str, Any]) -> list[tuple[str, int]]:
    return [(hostname, options["family"])]


def options_from_elsewhere(text: dict[str, str], anything: dict[str, Any], name: str) -> None:
    options = {"host": "example.com", "port": 443, "rejectUnauthorized": False}
    assert_type(tlsevents.connect(options), tlsevents.TLSSocket)
    tlsevents.connect(text)
    tlsevents.connect(anything)
    tlsevents.connect(443, name, **anything)


def carriers(
    plain: sockets.socket,
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    tunnel: tlsevents.TLSSocket,
) -> None:
    tlsevents.connect(socket=plain)
    tlsevents.connect(socket=streams)
    tlsevents.connect(socket=tunnel, session=tunnel.get_session())
    tlsevents.connect({"socket": tunnel})


def every_form_of_net_connect() -> None:
    assert_type(tlsevents.net.connect(80), tlsevents.Socket)
    assert_type(tlsevents.net.connect(80).connect(80, "example.com"), tlsevents.Socket)
    tlsevents.net.connect(80, "example.com", lambda: None)
    tlsevents.net.connect("/run/server.sock", {"timeout": 5000})
    tlsevents.net.connect({"port": 80, "noDelay": True}, lambda: None)
    tlsevents.net.connect(host="example.com", port=80, keep_alive_initial_delay=1.5)


def listeners(socket: tlsevents.TLSSocket) -> None:
    @socket.on("data")
    def received(chunk: bytes) -> None: ...

    @socket.on("close")
    async def closed(had_error: bool) -> None: ...

    @socket.once("tlsClientError")
    def failed(error: tlsevents.TLSEventsError) -> None:
        assert_type(error.code, str | None)
        assert_type(error.hint, str | None)
        assert_type(error.temporary, bool)
        assert_type(error.chain, tuple[bytes, ...])

    socket.on("secureConnect", lambda: None)
    socket.off("data", received)
    socket.remove_listener("close", closed)

    # A decorator gives back what it got.
    received(b"")
    failed(error=tlsevents.TLSEventsError(code="ECONNRESET"))


def listeners_as_calls(
    socket: tlsevents.TLSSocket, name: str, whatever: Callable[..., None]
) -> None:
    socket.on("data", [].append)
    chunks: list[bytes] = []
    assert_type(socket.on("data", chunks.append), Callable[[bytes], None])
    socket.on("data", bytearray().extend)
    socket.on("data", hashlib.sha256().update)
    socket.on("data", print)
    socket.on("data", lambda chunk: chunk.hex())
    socket.on("close", lambda had_error: print("broken" if had_error else "over"))
    socket.on("error", lambda error: print(error.code, error.phase, error.hint))
    socket.on("tlsClientError", print)
    socket.on("lookup", lambda error, address, family, host: print(error or address, family, host))
    socket.on("connectionAttempt", lambda ip, port, _: print(ip, port))
    socket.on("connectionAttemptFailed", lambda ip, port, family, error: print(error.code))
    socket.on("session", lambda session: print(session.id))
    socket.on("keylog", lambda line: print(line.decode()))
    socket.on("pipe", lambda source: print("from", source))
    socket.on("timeout", socket.destroy)
    socket.once("end", socket.end)
    socket.prepend_listener("drain", lambda: None)
    socket.prepend_once_listener("finish", lambda: None)

    async def text(chunk: str) -> None: ...

    async def error(error: Exception) -> None: ...

    socket.set_encoding("utf8").on("data", text)
    socket.on("error", error)

    # Events of one's own, and names that come from somewhere else.
    socket.on("my-event", lambda first, second: first + second)
    socket.on(name, whatever)
    socket.once(name, print)
    assert_type(socket.emit("my-event", 1, 2), bool)
    assert_type(socket.listeners(name), list[Callable[..., Any]])
    assert_type(socket.listener_count("data"), int)

    @socket.on("my-event")
    def mine(first: int, second: int) -> None: ...

    @socket.listens_to("connectionAttempt")
    def attempt(ip: str, port: int | None, family: int | None) -> None: ...


class Counting(tlsevents.TLSSocket):
    """Users may derive: the emitter's methods are those of any pyee emitter."""

    def emit(self, event: str, *args: Any, **kwargs: Any) -> bool:
        return super().emit(event, *args, **kwargs)


async def coroutines(socket: tlsevents.TLSSocket) -> None:
    assert_type(await socket, tlsevents.TLSSocket)
    async with tlsevents.connect(443) as connected:
        assert_type(connected, tlsevents.TLSSocket)
    async for chunk in socket:
        assert_type(chunk, bytes | Any)
    whole: bytes = b"".join([chunk async for chunk in socket])
    print(whole)
    assert_type(await tlsevents.net.connect(80), tlsevents.Socket)
    await socket.drain()
    await socket.wait_closed()
    async with asyncio.timeout(1):
        await tlsevents.once(socket, "data")


def properties(socket: tlsevents.TLSSocket) -> None:
    assert_type(socket.write(b"bytes"), bool)
    assert_type(socket.write("text"), bool)
    assert_type(socket.write(memoryview(b"bytes"), lambda error: error is None), bool)
    socket.write(array("H", [1, 2]), callback=lambda: None)
    socket.end("cafe", "hex", lambda: None)
    socket.end(lambda: None)
    assert_type(socket.authorized, bool)
    assert_type(socket.destroyed, bool)
    assert_type(socket.bytes_read, int)
    assert_type(socket.clean_end, bool)
    assert_type(socket.authorization_error, str | None)
    assert_type(socket.alpn_protocol, str | Literal[False] | None)
    assert_type(socket.ready_state, Literal["opening", "open", "readOnly", "writeOnly", "closed"])
    assert_type(socket.remote_address, str | None)
    assert_type(socket.local_port, int | None)
    assert_type(socket.errored, BaseException | None)
    assert_type(socket.timeline, dict[str, float])
    assert_type(socket.get_session(), tlsevents.Session | None)
    assert_type(socket.get_peer_certificate(), dict[str, Any] | None)
    assert_type(socket.get_cipher(), dict[str, str] | None)
    assert_type(socket.get_finished(), bytes | None)
    assert_type(socket.resume().pause().set_timeout(1.5), tlsevents.TLSSocket)
    socket.set_timeout(1.5)
    socket.end()
    socket.destroy()


def errors_are_what_python_knows() -> None:
    try:
        pass
    except tlsevents.CertificateError as error:
        refused: ssl.SSLCertVerificationError = error
        print(refused.verify_code)
    except tlsevents.NegotiationError as error:
        negotiation: ssl.SSLError = error
        print(negotiation)
    except tlsevents.NetworkError as error:
        network: OSError = error
        print(network.errno, error.address, error.port)
    except tlsevents.OptionsError as error:
        options: ValueError = error
        print(options)
