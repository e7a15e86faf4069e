"""No listeners at all: await, async with, async for, and try/except."""

import asyncio
import ssl

import tlsevents
from local_server import pem, serve


async def talk(port: int, host: str = "localhost") -> None:
    """Say hello, print the answer, and catch what Python programs have always caught."""
    try:
        async with tlsevents.connect(host=host, port=port, ca=pem("ca.pem")) as socket:
            print("connected with", socket.get_protocol())
            socket.write(b"hello\n")
            await socket.drain()
            async for chunk in socket:
                print("received", chunk)
    except ssl.SSLCertVerificationError as error:  # a tlsevents.CertificateError is one
        print("certificate refused:", error)
    except OSError as error:  # and a tlsevents.NetworkError is one of these
        print("no connection:", error)


async def main() -> None:
    """Succeed, meet an expired certificate, and find a name that does not exist."""
    with serve() as port:
        await talk(port)
    with serve("expired") as port:
        await talk(port)
    await talk(443, host="no-such-host.invalid")


if __name__ == "__main__":
    asyncio.run(main())
