"""Real servers, each started as its manual says, in a folder of its own that goes with it.

Every function is a context manager: it starts one server in the foreground on a free port of
127.0.0.1, waits until it accepts connections, and stops it. A server that is not installed
raises `NotInstalledError`, which names the Debian package.

    with postgresql() as server:   # initdb, then: postgres -D FOLDER -c ssl=on ...
        ...connect to server.port...

None is left running: each has a shell above it that ends it when its standard input closes,
which happens even when the tests are killed. None runs as root: PostgreSQL refuses to.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests import pki

START_LIMIT = 30.0
"""Seconds for a server to accept connections."""

_NOBODY: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
_UNPRIVILEGED = _NOBODY if os.name == "posix" and os.geteuid() == 0 else {}

# The server is a child of a shell that waits for the end of its own standard input.
_KEEPER = '"$@" </dev/null & server=$!; cat >/dev/null; kill -s {signal} $server; wait $server'


class NotInstalledError(Exception):
    """The server is not there."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(f"{what} is not installed (Debian: apt-get install {package})")


@dataclass
class RealServer:
    """One running server."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    more_ports: dict[str, int] = field(default_factory=dict)

    def log(self) -> str:
        """What it printed."""
        return (self.folder / "log").read_text(errors="replace")

    def kill(self) -> None:
        """End it without giving it time to say good-bye."""
        os.killpg(self.process.pid, signal.SIGKILL)


def find(program: str, package: str, *folders: str) -> str:
    """Give the path of a program, looking where Debian hides it from ordinary users, too."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *folders])
    found = shutil.which(program, path=path)
    if found is None:
        raise NotInstalledError(program, package)
    return found


def free_port() -> int:
    """Give a port that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """Make a folder that belongs to the server's user, with the certificates in it."""
    # Not below pytest's own: that is closed to other users.
    with tempfile.TemporaryDirectory(prefix="tlsevents-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for file, content in {
            "server.pem": pki.pem("leaf-ok"),
            "server.key": pki.key_pem("leaf-ok"),
            "ca.pem": pki.pem("root-a"),
        }.items():
            (folder / file).write_bytes(content)
            (folder / file).chmod(0o600)
        if _UNPRIVILEGED:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, _NOBODY["user"], _NOBODY["group"])
        yield folder


@contextlib.contextmanager
def _running(
    command: Sequence[str],
    folder: Path,
    port: int,
    *,
    stop: str = "TERM",
    says: str = "",
    user: dict[str, Any] = _UNPRIVILEGED,
) -> Iterator[RealServer]:
    with (folder / "log").open("wb") as log:
        keeper = ["sh", "-c", _KEEPER.format(signal=stop), "sh"]
        process = _start([*keeper, *command], folder, log, user)
    server = RealServer(port, folder, process)
    try:
        _wait_until_it_accepts(server, says)
        yield server
    finally:
        assert process.stdin is not None, "_start made a pipe"
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(
    command: Sequence[str], folder: Path, log: IO[bytes], user: dict[str, Any]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,
        **user,
    )


def _wait_until_it_accepts(server: RealServer, says: str) -> None:
    deadline = time.monotonic() + START_LIMIT
    while not (says in server.log() and _accepts(server.port)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"it does not start: {server.log()}")
        time.sleep(0.02)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def postgresql() -> Iterator[RealServer]:
    """Start PostgreSQL: initdb into the folder, then postgres with ssl on.

    The user postgres may come in without a password; to the database template1 only with a client
    certificate that root-a issued.
    """
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    postgres = find("postgres", "postgresql", *folders)
    # initdb looks for postgres beside itself; a link from elsewhere would mislead it.
    initdb = str(Path(postgres).resolve().with_name("initdb"))
    with _home() as folder:
        data = folder / "data"
        subprocess.run(
            [
                initdb,
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
            ],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
            **_UNPRIVILEGED,
        )
        (data / "pg_hba.conf").write_text(
            "hostssl template1 postgres 127.0.0.1/32 trust clientcert=verify-ca\n"
            "hostssl postgres  postgres 127.0.0.1/32 trust\n"
        )
        settings = {
            "ssl": "on",
            "ssl_cert_file": folder / "server.pem",
            "ssl_key_file": folder / "server.key",
            "ssl_ca_file": folder / "ca.pem",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "1MB",
            "max_connections": "10",
        }
        port = free_port()
        command = [postgres, "-D", str(data), "-p", str(port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        # It listens before it is ready. INT: clients are hung up on.
        ready = "ready to accept connections"
        with _running(command, folder, port, stop="INT", says=ready) as server:
            yield server


@contextlib.contextmanager
def smtp() -> Iterator[RealServer]:
    """Start aiosmtpd: STARTTLS before anything else, mail is thrown away."""
    try:
        import aiosmtpd  # noqa: F401
    except ImportError:
        raise NotInstalledError("aiosmtpd", "python3-aiosmtpd, or pip install aiosmtpd") from None
    with _home() as folder:
        port = free_port()
        command = [sys.executable, "-W", "ignore", "-m", "aiosmtpd", "--nosetuid"]
        command += ["--listen", f"127.0.0.1:{port}", "--class", "aiosmtpd.handlers.Sink"]
        command += ["--tlscert", "server.pem", "--tlskey", "server.key"]
        # As ourselves: another user need not have access to this Python.
        with _running(command, folder, port, user={}) as server:
            yield server


_NGINX = """\
{modules}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    root {folder}/www;
    client_max_body_size 0;
    map $ssl_client_verify $client {{
        default "$ssl_client_verify $ssl_client_s_dn";
    }}
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:1m;
    ssl_client_certificate {folder}/ca.pem;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_verify_client optional;
        keepalive_timeout 1s;
        location = /facts {{
            return 200 "$ssl_protocol $ssl_cipher $ssl_server_name $ssl_session_reused $client";
        }}
    }}
    server {{
        listen 127.0.0.1:{strict} ssl;
        ssl_verify_client on;
    }}
}}
{stream}
"""

_NGINX_STREAM = """\
stream {{
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        proxy_pass 127.0.0.1:{target};
    }}
}}
"""


@contextlib.contextmanager
def nginx(*, tls_for: int | None = None) -> Iterator[RealServer]:
    """Start nginx with TLS; port `strict` insists on a client certificate.

    Args:
        tls_for: a port of another server; our port `front` speaks TLS for it.
    """
    program = find("nginx", "nginx")
    modules = stream = ""
    strict, front, port = free_port(), free_port(), free_port()
    with _home() as folder:
        if tls_for is not None:
            modules = f"load_module {_stream_module()};"
            stream = _NGINX_STREAM.format(folder=folder, port=front, target=tls_for)
        www = folder / "www"
        www.mkdir()
        (www / "index.html").write_text("hello from nginx\n")
        (www / "large").write_bytes(bytes(range(256)) * (64 << 12))  # 64 MiB
        (folder / "conf").write_text(
            _NGINX.format(folder=folder, port=port, strict=strict, modules=modules, stream=stream)
        )
        command = [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "conf")]
        with _running(command, folder, port, stop="QUIT") as server:
            server.more_ports = {"strict": strict, "front": front}
            yield server


def _stream_module() -> str:
    for folder in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"):
        module = Path(folder, "ngx_stream_module.so")
        if module.exists():
            return str(module)
    raise NotInstalledError("nginx's stream module", "libnginx-mod-stream")


@contextlib.contextmanager
def tinyproxy() -> Iterator[RealServer]:
    """Start tinyproxy: a plain HTTP proxy that lets CONNECT through to any port."""
    program = find("tinyproxy", "tinyproxy-bin")
    port = free_port()
    configuration = f"""\
        Port {port}
        Listen 127.0.0.1
        Timeout 20
        MaxClients 20
        Allow 127.0.0.1
        LogLevel Warning
        """
    with _home() as folder:
        (folder / "conf").write_text(textwrap.dedent(configuration))
        command = [program, "-d", "-c", str(folder / "conf")]
        with _running(command, folder, port) as server:
            yield server


@contextlib.contextmanager
def openssl(*arguments: str) -> Iterator[RealServer]:
    """Start `openssl s_server` with more arguments, for example `-rev`: lines come back reversed.

    It serves one connection after the other.
    """
    program = find("openssl", "openssl")
    port = free_port()
    with _home() as folder:
        command = [program, "s_server", "-accept", f"127.0.0.1:{port}", "-quiet"]
        command += ["-cert", "server.pem", "-key", "server.key", *arguments]
        with _running(command, folder, port) as server:
            yield server
