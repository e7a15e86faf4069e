"""PostgreSQL's own way into TLS: SSLRequest, one byte, then TLS. Takes host and port, or none."""

import asyncio
import struct

import tlsevents
from local_protocols import postgres
from local_server import given_or

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
STARTUP = b"user\0postgres\0database\0postgres\0\0"
TERMINATE = b"X" + struct.pack("!i", 4)


async def message(socket: tlsevents.Socket) -> tuple[bytes, bytes]:
    """Read the type and the body of one message."""
    received = b""
    async for chunk in socket:
        received += chunk
        length = int.from_bytes(received[1:5])
        if len(received) > length >= 4:
            return received[:1], received[5 : length + 1]
    raise EOFError("the server hung up")


async def main() -> None:
    """Ask for TLS, start it on the same connection, and see what the server wants of us."""
    with given_or(postgres) as (host, port, ca):
        async with tlsevents.net.connect(port, host) as plain:
            plain.write(SSL_REQUEST)
            answer = await anext(aiter(plain))
            print("SSLRequest:", answer)
            if answer != b"S":  # b"N": it has no TLS. More than a byte: somebody injected it
                raise ConnectionError("no TLS with this server")
            async with tlsevents.connect(socket=plain, host=host, ca=ca) as socket:
                print("secureConnect,", socket.get_protocol())
                socket.write(struct.pack("!ii", len(STARTUP) + 8, 196608) + STARTUP)
                kind, body = await message(socket)
                if kind == b"R":
                    method = int.from_bytes(body[:4])
                    print({0: "welcome", 3: "password, please"}.get(method, f"method {method}"))
                else:
                    print("the server says", body.decode(errors="replace").split("\0"))
                socket.write(TERMINATE)


if __name__ == "__main__":
    asyncio.run(main())
