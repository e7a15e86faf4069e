"""Handle each cause in its own way, by error.code."""

import asyncio
import socket as plain

import tlsevents
from local_server import pem, serve


def decide(error: tlsevents.TLSEventsError) -> None:
    """Say what a program would do next."""
    match error.code:
        case "DEPTH_ZERO_SELF_SIGNED_CERT" | "SELF_SIGNED_CERT_IN_CHAIN":
            print(f"{error.code}: ask the user whether to trust this server, then pass it as ca=")
        case "CERT_HAS_EXPIRED" | "CERT_NOT_YET_VALID":
            print(f"{error.code}: tell the operator of the server, look at our own clock")
        case "ECONNREFUSED" | "ETIMEDOUT" | "EHOSTUNREACH":
            print(f"{error.code}: try the next server of the list")
        case _:
            print(f"{error.code}: log it: {error} ({error.hint})")


async def attempt(port: int) -> None:
    """Connect, and hand what goes wrong to decide()."""
    socket = tlsevents.connect(host="127.0.0.1", port=port, ca=pem("ca.pem"))
    socket.on("tlsClientError", decide)
    await socket.wait_closed()


async def main() -> None:
    """Meet a self-signed certificate, an expired one, and a port where nobody listens."""
    with serve("self-signed") as port:
        await attempt(port)
    with serve("expired") as port:
        await attempt(port)
    with plain.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        await attempt(nobody.getsockname()[1])


if __name__ == "__main__":
    asyncio.run(main())
