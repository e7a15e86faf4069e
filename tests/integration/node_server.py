"""A TLS server of real Node, for what only a second implementation can vouch for."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Self

from tests import pki
from tests.conformance.node_client import find_node

_PROGRAM = """
const tls = require('node:tls');
const options = JSON.parse(process.argv[1]);
const exports_ = options.exports || [];
const server = tls.createServer(options, (socket) => {
  const seen = {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher(),
    reused: socket.isSessionReused(),
    finished: socket.getFinished().toString('hex'),
    peerFinished: socket.getPeerFinished().toString('hex'),
    exported: exports_.map(([length, label, context]) => socket.exportKeyingMaterial(
      length, label, context === null ? undefined : Buffer.from(context, 'hex')).toString('hex')),
  };
  console.log(JSON.stringify(seen));
  socket.on('error', () => {});
  socket.on('data', (chunk) => socket.end('pong'));
});
server.on('tlsClientError', (error) => console.log(JSON.stringify({error: error.code})));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""

MISSING = find_node() is None


class NodeServer:
    """Serves on 127.0.0.1 until left; answers the first data with `pong` and its end.

    Args:
        options: of `tls.createServer()`; `exports` is a list of (length, label, context in hex).
    """

    def __init__(self, **options: Any) -> None:
        node = find_node()
        assert node is not None, "the test is skipped where there is no Node"
        given = {
            "key": pki.key_pem("leaf-ok").decode(),
            "cert": pki.pem("leaf-ok").decode(),
            **options,
        }
        self._process = subprocess.Popen(
            [node, "-e", _PROGRAM, json.dumps(given)], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def saw(self) -> dict[str, Any]:
        """What the server saw of the next connection; blocks until there was one."""
        seen: dict[str, Any] = json.loads(self._line())
        return seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
