"""A program with only an `error` listener, as most Node programs are: it hears of every failure."""

import asyncio

import tlsevents
from local_server import pem, reset, serve


async def attempt(port: int) -> None:
    """Connect and listen to `error` alone."""
    socket = tlsevents.connect(host="localhost", port=port, ca=pem("ca.pem"))
    socket.on("secureConnect", lambda: print("  secureConnect"))
    socket.on("error", lambda error: print(f"  error, phase {error.phase}: {error.code}"))
    socket.on("close", lambda had_error: print(f"  close, had_error={had_error}"))
    socket.write(b"hello\n")
    await socket.wait_closed()


async def main() -> None:
    """Fail once during the handshake and once after it."""
    with serve("expired") as port:
        print("The handshake fails:")
        await attempt(port)
    with serve(handler=reset) as port:
        print("The server resets an open connection:")
        await attempt(port)


if __name__ == "__main__":
    asyncio.run(main())
