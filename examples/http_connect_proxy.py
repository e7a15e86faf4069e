"""TLS through a proxy, and TLS in TLS. Takes the proxy's URL and a host:port, or nothing."""

import asyncio
import sys
from urllib.parse import urlsplit

import tlsevents
from local_protocols import http, http_proxy
from local_server import listen, pem, serve


async def tunnel(proxy: tlsevents.Socket, target: str) -> None:
    """Have the proxy connect us to the target: what follows on its socket is for that one."""
    proxy.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
    answer = b""
    async for chunk in proxy:
        answer += chunk
        if b"\r\n\r\n" in answer:
            break
    if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")):
        raise ConnectionError(f"the proxy answered {answer[:60]!r}")


async def get(proxy_url: str, target: str, ca: str | None = None) -> None:
    """Fetch / of the target through the proxy."""
    url = urlsplit(proxy_url)
    if url.scheme == "https":
        proxy: tlsevents.Socket = tlsevents.connect(port=url.port, host=url.hostname, ca=ca)
    else:
        proxy = tlsevents.net.connect(port=url.port, host=url.hostname)
    async with proxy:
        await tunnel(proxy, target)
        host = target.rpartition(":")[0]
        async with tlsevents.connect(socket=proxy, host=host, ca=ca) as socket:
            socket.write(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n")
            answer = b"".join([chunk async for chunk in socket])
            print(url.scheme, "proxy:", answer.partition(b"\r\n")[0].decode())


async def main() -> None:
    """Use the proxy of the command line, or one without and one with TLS of our own."""
    if len(sys.argv) > 2:
        await get(*sys.argv[1:3])
        return
    with serve(handler=http) as port, listen(http_proxy) as plain, serve(handler=http_proxy) as tls:
        await get(f"http://localhost:{plain}", f"localhost:{port}", pem("ca.pem"))
        await get(f"https://localhost:{tls}", f"localhost:{port}", pem("ca.pem"))


if __name__ == "__main__":
    asyncio.run(main())
