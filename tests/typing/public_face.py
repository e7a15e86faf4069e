"""Only type-checked, never run: what users' type checkers see. Each line is a promise."""

import asyncio
import ssl
from pathlib import Path
from typing import assert_type

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


async def coroutines(socket: tlsevents.TLSSocket) -> None:
    assert_type(await socket, tlsevents.TLSSocket)
    async with tlsevents.connect(443) as connected:
        assert_type(connected, tlsevents.TLSSocket)
    async for chunk in socket:
        print(chunk)
    await socket.drain()
    await socket.wait_closed()
    async with asyncio.timeout(1):
        await tlsevents.once(socket, "data")


def properties(socket: tlsevents.TLSSocket) -> None:
    assert_type(socket.write(b"bytes"), bool)
    assert_type(socket.write("text"), bool)
    assert_type(socket.authorized, bool)
    assert_type(socket.destroyed, bool)
    assert_type(socket.bytes_read, int)
    assert_type(socket.clean_end, bool)
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
