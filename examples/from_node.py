"""A Node program and its port: the options object is taken over as it stands."""

# const fs = require('node:fs');
# const tls = require('node:tls');
#
# const [port, ca] = process.argv.slice(2);
# const options = {
#   host: 'localhost',
#   port: Number(port),
#   ca: fs.readFileSync(ca),
#   minVersion: 'TLSv1.2',
#   rejectUnauthorized: true,
#   timeout: 5000,
# };
# const socket = tls.connect(options, () => {
#   console.log('client connected', socket.authorized ? 'authorized' : 'unauthorized');
#   socket.write('hello\n');
# });
# socket.setEncoding('utf8');
# socket.on('data', (text) => console.log('received', text.trim()));
# socket.on('timeout', () => socket.destroy());
# socket.on('error', (error) => console.log(error.code));
# socket.on('end', () => console.log('server ends connection'));
# socket.on('close', (hadError) => console.log('closed', hadError ? 'badly' : 'well'));

import asyncio
from pathlib import Path

import tlsevents
from local_server import pem, serve


def client(port: int, ca: str) -> tlsevents.TLSSocket:
    """Port of the program above, line by line."""
    options = {
        "host": "localhost",
        "port": int(port),
        "ca": Path(ca).read_bytes(),
        "minVersion": "TLSv1.2",
        "rejectUnauthorized": True,
        "timeout": 5000,
    }

    def connected() -> None:
        print("client connected", "authorized" if socket.authorized else "unauthorized")
        socket.write("hello\n")

    socket = tlsevents.connect(options, connected)
    socket.set_encoding("utf8")
    socket.on("data", lambda text: print("received", text.strip()))
    socket.on("timeout", socket.destroy)
    socket.on("error", lambda error: print(error.code))
    socket.on("end", lambda: print("server ends connection"))
    socket.on("close", lambda had_error: print("closed", "badly" if had_error else "well"))
    return socket


async def main() -> None:
    """Run the port against a server of our own."""
    with serve() as port:
        socket = client(port, pem("ca.pem"))
        await socket.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
