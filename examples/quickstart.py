"""See the promise kept: a good connection and a failing one, each event printed as it happens."""

import asyncio

import tlsevents
from local_server import pem, serve


def show_events(socket: tlsevents.TLSSocket) -> None:
    """Print each event of the socket that a program usually listens to."""
    socket.on("secureConnect", lambda: print(f"  secureConnect   {socket.get_protocol()}"))
    socket.on("data", lambda chunk: print(f"  data            {chunk!r}"))
    socket.on("end", lambda: print("  end"))
    socket.on("close", lambda had_error: print(f"  close           had_error={had_error}"))

    @socket.on("tlsClientError")  # all that fails before secureConnect
    def handshake_failed(error: tlsevents.TLSEventsError) -> None:
        print(f"  tlsClientError  {error}")
        print(f"    code   {error.code}")
        print(f"    phase  {error.phase}")
        print(f"    hint   {error.hint}")

    @socket.on("error")  # all that fails after it
    def failed(error: tlsevents.TLSEventsError) -> None:
        print(f"  error           {error.code}: {error}")


async def main() -> None:
    """Connect to a good server, then to one whose certificate has expired."""
    for certificate in "localhost", "expired":
        print(f"A server with the certificate {certificate}.pem:")
        with serve(certificate) as port:
            socket = tlsevents.connect(host="localhost", port=port, ca=pem("ca.pem"))
            show_events(socket)
            socket.write(b"hello\n")  # waits for secureConnect, like all writes
            await socket.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
