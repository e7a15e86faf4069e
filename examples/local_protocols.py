"""What the servers of the examples say before TLS begins. Not an example itself."""

import contextlib
import select
import socket
import ssl
import struct

from local_server import context_for, secured


def smtp(connection: socket.socket, *, encrypted: bool = False) -> None:
    """Speak enough SMTP to say hello, to start TLS and to part."""
    if not encrypted:
        connection.sendall(b"220 localhost ready\r\n")
    while command := connection.recv(1024).strip():
        if command.startswith(b"EHLO"):
            connection.sendall(b"250-localhost\r\n")
            connection.sendall(b"250 AUTH PLAIN\r\n" if encrypted else b"250 STARTTLS\r\n")
        elif command == b"STARTTLS" and not encrypted:
            connection.sendall(b"220 go ahead\r\n")
            with secured(connection, context_for()) as secure:
                smtp(secure, encrypted=True)
            return
        elif command == b"QUIT":
            connection.sendall(b"221 bye\r\n")
            return
        else:
            connection.sendall(b"502 what?\r\n")


def postgres(connection: socket.socket) -> None:
    """Grant an SSLRequest, and ask who comes over TLS for a password."""
    connection.recv(8)
    connection.sendall(b"S")
    with secured(connection, context_for()) as secure:
        secure.recv(1024)
        secure.sendall(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
        secure.recv(1024)


def http(connection: ssl.SSLSocket) -> None:
    """Answer one request."""
    connection.recv(1024)
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello\n")


def http_proxy(connection: socket.socket) -> None:
    """Connect the client to a port of this machine, and carry bytes until either hangs up."""
    port = int(connection.recv(1024).split()[1].rpartition(b":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as server:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other = {connection: server, server: connection}
        with contextlib.suppress(ConnectionError):
            while True:
                for source in select.select(other, [], [], 10)[0]:
                    # A buffer larger than a TLS record: nothing waits where select cannot see it.
                    data = source.recv(65536)
                    if not data:
                        return
                    other[source].sendall(data)
