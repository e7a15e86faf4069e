"""Servers on this machine for the examples to talk to. Not an example itself."""

import contextlib
import socket
import socketserver
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def pem(name: str) -> str:
    """Return the path of a file of ./certificates (test only, made by make.py there)."""
    return str(Path(__file__).parent / "certificates" / name)


def echo_line(connection: ssl.SSLSocket) -> None:
    """Read one line and send it back."""
    connection.sendall(b"you said: " + connection.recv(1024))


def reset(connection: ssl.SSLSocket) -> None:
    """Read one line, then reset the connection instead of closing it."""
    connection.recv(1024)
    no_linger = struct.pack("ii", 1, 0)  # closing with no time to linger sends RST
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    raise ConnectionAbortedError


@contextlib.contextmanager
def secured(connection: socket.socket, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """Speak TLS with the client of a connection, and close it in order."""
    with context.wrap_socket(connection, True, do_handshake_on_connect=False) as secure:
        try:
            secure.do_handshake()
            yield secure
            secure.unwrap()
        except ssl.SSLError:  # the alert is sent; let it arrive before we hang up
            secure.shutdown(socket.SHUT_WR)
            while secure.recv(1024):
                pass
            raise


def context_for(certificate: str = "localhost") -> ssl.SSLContext:
    """Make the context of a server with the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem(f"{certificate}.pem"), pem(f"{certificate}.key"))
    return context


@contextlib.contextmanager
def listen(handler: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve plain TCP in threads on a free port of 127.0.0.1; the block is given the port."""

    class Server(socketserver.ThreadingTCPServer):
        def finish_request(self, request: Any, client_address: object) -> None:
            request.settimeout(10)
            # A client of these examples may refuse us, or vanish: that is their subject.
            with contextlib.suppress(OSError):
                handler(request)

    with Server(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@contextlib.contextmanager
def serve(
    certificate: str = "localhost",
    handler: Callable[[ssl.SSLSocket], None] = echo_line,
    *,
    ask_for_client_certificate: bool = False,
) -> Iterator[int]:
    """Serve TLS in threads on a free port of 127.0.0.1; the block is given the port."""
    context = context_for(certificate)
    if ask_for_client_certificate:
        context.load_verify_locations(pem("ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED

    def over_tls(connection: socket.socket) -> None:
        with secured(connection, context) as secure:
            handler(secure)

    with listen(over_tls) as port:
        yield port


@contextlib.contextmanager
def given_or(handler: Callable[[socket.socket], None]) -> Iterator[tuple[str, int, str | None]]:
    """Give host, port and ca: those of the command line, or of a plain server of our own."""
    if len(sys.argv) > 2:
        yield sys.argv[1], int(sys.argv[2]), None
    else:
        with listen(handler) as port:
            yield "localhost", port, pem("ca.pem")
