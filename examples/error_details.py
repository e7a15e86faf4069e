"""What an error tells: message, code, phase, hint; and what is still known when it is overruled."""

import asyncio

import tlsevents
from local_server import pem, serve


def explain(error: tlsevents.TLSEventsError) -> None:
    """Print all that a log or a user may want to know."""
    print("  message:  ", error)
    print("  code:     ", error.code)
    print("  phase:    ", error.phase)
    print("  hint:     ", error.hint)
    print("  temporary:", error.temporary)


async def main() -> None:
    """Connect twice to a server with an expired certificate."""
    with serve("expired") as port:
        print("By default the connection is refused:")
        socket = tlsevents.connect(host="localhost", port=port, ca=pem("ca.pem"))
        socket.on("tlsClientError", explain)
        await socket.wait_closed()

        print("With reject_unauthorized=False (to diagnose, never to stay) it is made:")
        socket = tlsevents.connect(
            host="localhost", port=port, ca=pem("ca.pem"), reject_unauthorized=False
        )
        async with socket:
            certificate = socket.get_peer_certificate() or {}
            print("  authorized:         ", socket.authorized)
            print("  authorization_error:", socket.authorization_error)
            print("  valid until:        ", certificate["valid_to"])


if __name__ == "__main__":
    asyncio.run(main())
