"""A small HTTPS client: h11 speaks HTTP, the socket carries the bytes. Needs the library h11."""

import asyncio
import ssl

import h11

import tlsevents
from local_server import pem, serve


async def get(port: int, target: str) -> tuple[int, bytes]:
    """Fetch https://localhost:port/target and return the status and the body."""
    http = h11.Connection(h11.CLIENT)
    headers = [("Host", f"localhost:{port}"), ("Connection", "close")]
    request = h11.Request(method="GET", target=target, headers=headers)
    status, body = 0, b""
    options = {"host": "localhost", "port": port, "ca": pem("ca.pem")}
    async with tlsevents.connect({**options, "ALPNProtocols": ["http/1.1"]}) as socket:
        socket.write(http.send(request) + http.send(h11.EndOfMessage()))
        chunks = aiter(socket)
        while True:
            match http.next_event():
                case h11.NEED_DATA:
                    http.receive_data(await anext(chunks, b""))  # b"": the server is done
                case h11.Response(status_code=status):
                    pass
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    return status, body


def say_hello(connection: ssl.SSLSocket) -> None:
    """Answer any request, in chunks."""
    connection.recv(1024)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.sendall(b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n")


async def main() -> None:
    """Fetch a page from a server of our own."""
    with serve(handler=say_hello) as port:
        status, body = await get(port, "/")
        print(status, body.decode())


if __name__ == "__main__":
    asyncio.run(main())
