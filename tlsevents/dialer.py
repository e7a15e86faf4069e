"""The dialer: lookup, happy eyeballs, and every attempt told to the caller.

`dial()` turns a target into one connected `socket.socket` or one error. It reports each
step to a `DialObserver` in the order in which Node emits its events, and looks after each
report whether it was cancelled meanwhile. Sockets that lost are closed, whatever happens.

Attempts are staggered (RFC 8305 section 5): address families alternate, starting with the
first address of the lookup, and the next attempt begins when the one before it failed or
when `attempt_timeout` has passed. Node gives an attempt up at that moment; here it only
counts as timed out, and may still win as long as others are under way. It is given up
when the last address has failed: that a dead address is first in line must not make the
error of the second one wait for the kernel's two minutes.
"""

from __future__ import annotations

import asyncio
import errno
import inspect
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from tlsevents.checks import is_list
from tlsevents.errors import (
    TLSEventsError,
    aggregate_error,
    lookup_error,
    options_error,
    translate_os_error,
)
from tlsevents.identity import is_ip, to_ascii

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["DialObserver", "Target", "dial"]

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_AI_ADDRCONFIG: Final = getattr(socket, "AI_ADDRCONFIG", 0)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to, and how."""

    host: str | None = None
    port: int | None = None
    path: str | None = None
    family: int = 0
    hints: int | None = None
    local_address: str | None = None
    local_port: int | None = None
    lookup: Callable[..., Any] | None = None
    auto_select_family: bool = True
    attempt_timeout: float = 0.5


class DialObserver(Protocol):
    """Who hears of each step."""

    def _dial_lookup(
        self, error: BaseException | None, address: str | None, family: int | None, host: str
    ) -> None: ...
    def _dial_attempt(self, address: str, port: int | None, family: int | None) -> None: ...
    def _dial_attempt_failed(
        self, address: str, port: int | None, family: int | None, error: BaseException
    ) -> None: ...
    def _dial_attempt_timeout(self, address: str, port: int | None, family: int | None) -> None: ...
    def _dial_candidates(self, attempted: Sequence[str]) -> None:
        """Tell which of several addresses have been tried so far, as `ip:port`."""
        ...

    def _dial_socket(self, sock: socket.socket) -> None:
        """Give the socket of an attempt: options that must precede connect(2) go here."""
        ...

    @property
    def _dial_cancelled(self) -> bool: ...


class _Cancelled(Exception):  # noqa: N818
    """The observer lost interest while it was told of something."""


async def dial(target: Target, observer: DialObserver) -> socket.socket | None:
    """Connect to the target.

    Returns:
        The connected, non-blocking socket; None when the observer lost interest.

    Raises:
        NetworkError: nothing answered; `errors` has the attempts if there were several.
        OptionsError: a custom lookup answered something that is no address.
        Exception: whatever a custom lookup raised.

    Cancelling it is safe: no socket is left open.
    """
    try:
        if target.path is not None:
            return await _dial_path(target.path, observer)
        host = target.host or "localhost"
        if is_ip(host):
            address = _Address(host, is_ip(host))
            return await _single(target, address, observer)
        addresses = await _resolve(target, host, observer)
        if len(addresses) == 1:
            return await _single(target, addresses[0], observer)
        return await _race(target, addresses, observer)
    except _Cancelled:
        return None


@dataclass(frozen=True, slots=True)
class _Address:
    ip: str
    family: int


def _look_again(observer: DialObserver) -> None:
    if observer._dial_cancelled:
        raise _Cancelled


# -- lookup ---------------------------------------------------------------------------------


def _selects_family(target: Target) -> bool:
    # Node tries every address only when nothing pins the family or the local end.
    return target.auto_select_family and not target.family and target.local_address is None


async def _resolve(target: Target, host: str, observer: DialObserver) -> list[_Address]:
    try:
        found = await _lookup(target, host)
    except Exception as error:
        _look_again(observer)
        observer._dial_lookup(error, None, None, host)
        _look_again(observer)
        raise
    _look_again(observer)
    if not _selects_family(target):
        return [_checked_single(target, host, found, observer)]
    usable: list[_Address] = []
    for ip, family in found:
        observer._dial_lookup(None, ip, family, host)
        _look_again(observer)
        address = _Address(ip, family)
        if is_ip(ip) and family in _FAMILIES and address not in usable:
            usable.append(address)
    if not usable:
        raise _no_address(found)
    return _alternate(usable)


def _checked_single(
    target: Target, host: str, found: Sequence[tuple[str, int]], observer: DialObserver
) -> _Address:
    if not found:
        raise _no_address(found)
    ip, family = found[0]
    observer._dial_lookup(None, ip, family, host)
    _look_again(observer)
    if not is_ip(ip):
        raise _no_address(found)
    if family not in _FAMILIES:
        raise options_error(
            "ERR_INVALID_ADDRESS_FAMILY",
            f"Invalid address family: {family} {host}:{target.port}",
            phase="lookup",
            host=host,
            port=target.port,
            hint="The lookup function must answer 4 or 6 as family.",
        )
    return _Address(ip, family)


def _no_address(found: Sequence[tuple[str, int]]) -> TLSEventsError:
    answer = found[0][0] if found else ""
    return options_error(
        "ERR_INVALID_IP_ADDRESS",
        f"Invalid IP address: {answer}" if found else "Invalid IP address: the lookup found none",
        phase="lookup",
        hint="The lookup function must answer (address, family) pairs with IP addresses.",
    )


def _alternate(addresses: list[_Address]) -> list[_Address]:
    # RFC 8305 section 4: the families take turns, the first answer's family first.
    first = [a for a in addresses if a.family == addresses[0].family]
    other = [a for a in addresses if a.family != addresses[0].family]
    result: list[_Address] = []
    while first or other:
        if first:
            result.append(first.pop(0))
        if other:
            result.append(other.pop(0))
    return result


async def _lookup(target: Target, host: str) -> list[tuple[str, int]]:
    hints = target.hints
    if hints is None:
        hints = _AI_ADDRCONFIG if not target.family else 0
    if target.lookup is not None:
        wants: dict[str, object] = {"family": target.family or None, "hints": hints}
        if _selects_family(target):
            wants["all"] = True
        answer = target.lookup(host, wants)
        if inspect.isawaitable(answer):
            answer = await answer
        return _read_answer(answer)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            # Python's own encoding is IDNA 2003: it would ask for another name than the one
            # that goes into SNI and is looked for in the certificate.
            host if host.isascii() else to_ascii(host),
            target.port or None,
            family=_FAMILIES.get(target.family, socket.AF_UNSPEC),
            type=socket.SOCK_STREAM,
            flags=hints,
        )
    except socket.gaierror as error:
        raise lookup_error(error, host) from error
    except (UnicodeError, ValueError) as error:
        # No name server was asked: the name cannot be written in DNS (a label too long, …).
        unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        raise lookup_error(unknown, host) from error
    families = {number: version for version, number in _FAMILIES.items()}
    return [
        (_with_scope(address), families[family])
        for family, _, _, _, address in found
        if family in families
    ]


def _with_scope(address: Any) -> str:
    if len(address) == 4 and address[3] and "%" not in address[0]:
        return f"{address[0]}%{address[3]}"
    return str(address[0])


def _is_pair(answer: Any) -> bool:
    return (
        is_list(answer)  # first: what isinstance() alone leaves open, pyright calls unknown
        and isinstance(answer, tuple)
        and len(answer) == 2
        and isinstance(answer[0], str)
    )


def _read_answer(answer: Any) -> list[tuple[str, int]]:
    """Accept what a lookup may answer: pairs, Node's {address, family}, or one address."""
    if isinstance(answer, str):
        return [(answer, is_ip(answer) or 4)]
    if answer is None:
        return []
    if _is_pair(answer) or hasattr(answer, "keys"):
        answer = [answer]
    result: list[tuple[str, int]] = []
    for entry in answer:
        if isinstance(entry, str):
            result.append((entry, is_ip(entry) or 4))
        elif hasattr(entry, "keys"):
            result.append((str(entry["address"]), entry.get("family") or 4))
        else:
            address, family = entry
            result.append((str(address), int(family)))
    return result


# -- attempts ---------------------------------------------------------------------------------


def _sockaddr(address: _Address, port: int | None) -> tuple[Any, ...]:
    if address.family == 4:
        return (address.ip, port or 0)
    ip, _, zone = address.ip.partition("%")
    scope = 0
    if zone:
        scope = int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    return (ip, port or 0, 0, scope)


def _open_socket(target: Target, address: _Address, observer: DialObserver) -> socket.socket:
    family = address.family
    try:
        sock = socket.socket(_FAMILIES[family], socket.SOCK_STREAM)
    except OSError as error:  # no descriptor is left, or no such family on this machine
        raise _attempt_error(error, target, address, None) from error
    try:
        sock.setblocking(False)
        if target.local_address is not None or target.local_port:
            _bind(target, family, sock)
        observer._dial_socket(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(target: Target, family: int, sock: socket.socket) -> None:
    local = target.local_address or ("0.0.0.0" if family == 4 else "::")  # noqa: S104
    try:
        sock.bind(_sockaddr(_Address(local, family), target.local_port))
    except OSError as error:
        raise translate_os_error(
            error,
            syscall="bind",
            phase="connect",
            address=local,
            port=target.local_port or None,
        ) from error


async def _connect(target: Target, address: _Address, sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, _sockaddr(address, target.port))


def _attempt_error(
    error: OSError, target: Target, address: _Address, sock: socket.socket | None
) -> TLSEventsError:
    local = None
    if error.errno == errno.ENETUNREACH and sock is not None:
        try:
            name = sock.getsockname()
            local = f"{name[0]}:{name[1]}"
        except OSError:
            local = None
    return translate_os_error(
        error,
        syscall="connect",
        phase="connect",
        address=address.ip,
        port=target.port or None,
        local=local,
    )


def _fails_at_once(error: OSError) -> bool:
    # connect(2) itself says these; Node emits no connectionAttemptFailed for them.
    return error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EINVAL)


async def _single(target: Target, address: _Address, observer: DialObserver) -> socket.socket:
    sock = _open_socket(target, address, observer)
    try:
        observer._dial_attempt(address.ip, target.port, address.family)
        _look_again(observer)
        await _connect(target, address, sock)
        _look_again(observer)
    except OSError as error:
        failure = _attempt_error(error, target, address, sock)
        sock.close()
        _look_again(observer)
        if not _fails_at_once(error):
            observer._dial_attempt_failed(address.ip, target.port, address.family, failure)
            _look_again(observer)
        raise failure from error
    except BaseException:
        sock.close()
        raise
    return sock


async def _race(target: Target, addresses: list[_Address], observer: DialObserver) -> socket.socket:
    running: dict[asyncio.Task[None], tuple[_Address, socket.socket]] = {}
    failures: dict[_Address, BaseException] = {}
    attempted: list[str] = []
    waiting = list(addresses)
    winner: socket.socket | None = None
    try:
        while winner is None:
            newest: asyncio.Task[None] | None = None
            while waiting and newest is None:
                address = waiting.pop(0)
                newest = _start_attempt(target, address, observer, running, failures, attempted)
            overdue = {a for a, _ in running.values()} & failures.keys()
            if newest is None and len(overdue) == len(running):
                # Only attempts are left that had their time: the last address has failed.
                break
            patience = target.attempt_timeout if waiting else None
            winner = await _next_outcome(
                target, observer, running, failures, newest=newest, patience=patience
            )
        if winner is not None:
            return winner
        raise aggregate_error([failures[a] for a in addresses if a in failures])
    finally:
        for task, (_, sock) in running.items():
            task.cancel()
            if sock is not winner:
                sock.close()
        if running:
            await asyncio.gather(*running, return_exceptions=True)


def _start_attempt(
    target: Target,
    address: _Address,
    observer: DialObserver,
    running: dict[asyncio.Task[None], tuple[_Address, socket.socket]],
    failures: dict[_Address, BaseException],
    attempted: list[str],
) -> asyncio.Task[None] | None:
    attempted.append(f"{address.ip}:{target.port}")
    observer._dial_candidates(attempted)
    try:
        sock = _open_socket(target, address, observer)
    except OSError as error:
        failures[address] = error
        return None
    try:
        observer._dial_attempt(address.ip, target.port, address.family)
        _look_again(observer)
    except BaseException:
        sock.close()
        raise
    task = asyncio.get_running_loop().create_task(_connect(target, address, sock))
    running[task] = (address, sock)
    return task


async def _next_outcome(
    target: Target,
    observer: DialObserver,
    running: dict[asyncio.Task[None], tuple[_Address, socket.socket]],
    failures: dict[_Address, BaseException],
    *,
    newest: asyncio.Task[None] | None,
    patience: float | None,
) -> socket.socket | None:
    """Wait for a connection (returned), a failure or the time of the newest attempt."""
    deadline = None if patience is None else asyncio.get_running_loop().time() + patience
    while running:
        left = None if deadline is None else max(0, deadline - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        _look_again(observer)
        if not done:
            if newest is not None and newest in running:
                address, _ = running[newest]
                timed_out = OSError(errno.ETIMEDOUT, "the attempt took too long")
                failures[address] = _attempt_error(timed_out, target, address, None)
                observer._dial_attempt_timeout(address.ip, target.port, address.family)
                _look_again(observer)
            return None
        for task in done:
            address, sock = running.pop(task)
            error = task.exception()
            if error is None:
                return sock
            late = address in failures
            failure: BaseException = error
            if isinstance(error, OSError):
                failure = _attempt_error(error, target, address, sock)
                failure.__cause__ = error
            sock.close()
            failures.setdefault(address, failure)
            if not late and not (isinstance(error, OSError) and _fails_at_once(error)):
                observer._dial_attempt_failed(address.ip, target.port, address.family, failure)
                _look_again(observer)
            if task is newest:
                return None
        if not any(a not in failures for a, _ in running.values()):
            return None
    return None


async def _dial_path(path: str, observer: DialObserver) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise options_error(
            "ENOTSUP",
            f"connect ENOTSUP {path}",
            phase="connect",
            hint="This system has no Unix sockets; connect to a host and port.",
        )
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise translate_os_error(error, syscall="connect", phase="connect", address=path) from error
    try:
        sock.setblocking(False)
        observer._dial_socket(sock)
        observer._dial_attempt(path, None, None)
        # connect(2) on a path answers at once; the failure still belongs to a later turn.
        await asyncio.sleep(0)
        _look_again(observer)
        await asyncio.get_running_loop().sock_connect(sock, path)
        _look_again(observer)
    except OSError as error:
        sock.close()
        failure = translate_os_error(
            error, syscall="connect", phase="connect", address=path, path=None
        )
        _look_again(observer)
        observer._dial_attempt_failed(path, None, None, failure)
        _look_again(observer)
        raise failure from error
    except BaseException:
        sock.close()
        raise
    return sock
