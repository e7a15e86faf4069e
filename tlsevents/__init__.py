"""An asyncio TLS client socket with Node's `tls.TLSSocket` event API, on pyee."""

from tlsevents.tls import TLSSocket, connect
