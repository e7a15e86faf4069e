"""A server that wants a certificate from its client, too."""

import asyncio
import ssl
from typing import Any

import tlsevents
from local_server import pem, serve


def greet(connection: ssl.SSLSocket) -> None:
    """Greet the client by the name in its certificate."""
    certificate: Any = connection.getpeercert()
    subject = dict(pair for (pair,) in certificate["subject"])
    connection.sendall(f"welcome, {subject['commonName']}\n".encode())


async def attempt(title: str, port: int, **options: Any) -> None:
    """Connect with the options and print what happens."""
    print(title)
    socket = tlsevents.connect(host="localhost", port=port, ca=pem("ca.pem"), **options)
    socket.on("secureConnect", lambda: print("  secureConnect"))
    socket.on("data", lambda chunk: print("  data", chunk))
    socket.on("tlsClientError", lambda error: print("  tlsClientError", error.code))
    socket.on("error", lambda error: print("  error", error.alert))
    socket.on("close", lambda had_error: print(f"  close, had_error={had_error}"))
    await socket.wait_closed()


async def main() -> None:
    """Connect with a client certificate, and without one on both versions of TLS."""
    with serve(handler=greet, ask_for_client_certificate=True) as port:
        await attempt("With a certificate:", port, cert=pem("client.pem"), key=pem("client.key"))
        # TLS 1.3 lets the server refuse only after the client is done: an `error`, not a
        # tlsClientError. A program that must know waits for the first byte of the server.
        await attempt("Without one, TLS 1.3:", port)
        await attempt("Without one, TLS 1.2:", port, max_version="TLSv1.2")


if __name__ == "__main__":
    asyncio.run(main())
