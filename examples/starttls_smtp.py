"""STARTTLS: a plain SMTP connection becomes a TLS one. Takes a host and a port, or none."""

import asyncio
import re

import tlsevents
from local_protocols import smtp
from local_server import given_or


async def reply(socket: tlsevents.Socket, command: str | None = None) -> str:
    """Send the command, if any, and wait for the server's reply."""
    if command is not None:
        print(">", command)
        socket.write(f"{command}\r\n")
    text = ""
    async for chunk in socket:
        text += str(chunk, "utf-8")
        if re.search(r"^\d{3}(?: .*)?\r\n\Z", text, re.MULTILINE):  # "250-": there is more
            print(text.rstrip())
            return text
    raise EOFError(f"the server hung up after {text!r}")


async def main() -> None:
    """Say hello in the clear, start TLS on the same connection, and say hello again."""
    with given_or(smtp) as (host, port, ca):
        async with tlsevents.net.connect(port, host) as plain:
            await reply(plain)
            if "STARTTLS" not in await reply(plain, "EHLO client.example"):
                raise ConnectionError("the server, or somebody on the way, wants no TLS")
            if not (await reply(plain, "STARTTLS")).startswith("220"):
                raise ConnectionError("the server refused to start TLS")
            # `host` is whom we mean: its name goes into SNI, and must be in the certificate.
            async with tlsevents.connect(socket=plain, host=host, ca=ca) as socket:
                print("secureConnect,", socket.get_protocol())
                await reply(socket, "EHLO client.example")  # nothing heard in the clear counts
                await reply(socket, "QUIT")


if __name__ == "__main__":
    asyncio.run(main())
