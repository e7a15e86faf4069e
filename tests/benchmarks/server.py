"""The server of the benchmark: blocking `ssl`, one thread per connection, large buffers.

It is the same for every client and runs in its own process, on its own core, so that none of its
time is in anybody's figures. OpenSSL releases the GIL, so threads are enough.

A client sends commands of nine bytes, a letter and a number:
    D n   the server sends n bytes
    U n   the client sends n bytes, the server answers with one byte when it has them all
    E n   n round trips of 64 bytes, echoed
    Q 0   the server answers with one line of JSON: what it has counted since the last Q
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import struct
import threading
from collections import Counter

COMMAND = struct.Struct(">cQ")
ECHO_BYTES = 64
BLOCK_BYTES = 1 << 20


class Server:
    def __init__(self, certificate: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._block = bytes(BLOCK_BYTES)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # An EOF without close_notify must be told from an orderly end: the handshake
                # figures are comparable only if everybody closes in the same way.
                with self._context.wrap_socket(
                    connection, server_side=True, suppress_ragged_eofs=False
                ) as tls:
                    self._count("connections")
                    if tls.session_reused:
                        self._count("resumed")
                    self._count(f"negotiated {tls.version()} {(tls.cipher() or ('?',))[0]}")
                    while command := self._read_command(tls):
                        self._obey(tls, *COMMAND.unpack(command))
                    self._count("ended in order")
                    tls.unwrap().close()
        except (ssl.SSLError, OSError) as problem:
            self._count(f"broken: {type(problem).__name__}")

    def _read_command(self, tls: ssl.SSLSocket) -> bytes:
        command = tls.recv(COMMAND.size)
        while command and len(command) < COMMAND.size:
            command += tls.recv(COMMAND.size - len(command))
        return command

    def _obey(self, tls: ssl.SSLSocket, letter: bytes, number: int) -> None:
        if letter == b"D":
            whole, rest = divmod(number, BLOCK_BYTES)
            for _ in range(whole):
                tls.sendall(self._block)
            tls.sendall(self._block[:rest])
        elif letter == b"U":
            buffer = bytearray(BLOCK_BYTES)
            while number:
                number -= tls.recv_into(buffer, min(number, BLOCK_BYTES))
            tls.sendall(b"!")
        elif letter == b"E":
            for _ in range(number):
                message = b""
                while len(message) < ECHO_BYTES:
                    message += tls.recv(ECHO_BYTES - len(message))
                tls.sendall(message)
        elif letter == b"Q":
            with self._lock:
                counts, self._counts = self._counts, Counter()
            tls.sendall(json.dumps(counts).encode() + b"\n")
        else:
            raise ssl.SSLError(f"unknown command {letter!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("certificate", help="PEM file with the key and the chain")
    arguments = parser.parse_args()
    # A thousand idle connections are a thousand threads: keep their stacks small.
    threading.stack_size(256 * 1024)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    Server(arguments.certificate).serve(listener)


if __name__ == "__main__":
    main()
