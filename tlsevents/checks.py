"""What a row of the option table is made of, and the checks of options that are not about TLS.

A check gets what was `Asked`, and returns what `ConnectOptions` holds or raises with Node's code
and message. In Node's dialect messages name the option as `options.camelCase`, in Python's as the
keyword.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import re
import socket as sockets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn, TypeAlias, TypeGuard, cast

from tlsevents.errors import (
    OptionsError,
    OptionTypeError,
    UnsupportedOptionError,
    option_range_error,
    option_type_error,
    option_value_error,
    options_error,
    received,
    unsupported_option,
)

__all__ = [
    "DEFAULT_ATTEMPT_TIMEOUT",
    "DEFAULT_HANDSHAKE_TIMEOUT",
    "DEFAULT_HIGH_WATER_MARK",
    "LONGEST_TIMER",
    "SHORTEST_ATTEMPT_TIMEOUT",
    "SYSTEM",
    "Asked",
    "Check",
    "Dialect",
    "OnRead",
    "Option",
    "PemContent",
    "PemPath",
    "Sealed",
    "Source",
    "SystemTrust",
    "attempt_timeout",
    "boolean",
    "carrier",
    "deadline",
    "family",
    "function",
    "high_water_mark",
    "hints",
    "host",
    "initial_delay",
    "integer",
    "is_buffer",
    "is_ip",
    "is_list",
    "is_mapping",
    "is_number",
    "javascript_number",
    "local_address",
    "local_port",
    "not_forwarded",
    "onread",
    "path",
    "port_number",
    "seconds",
    "signal",
    "string",
    "timer",
    "truthy",
    "unknown",
]

DEFAULT_HANDSHAKE_TIMEOUT: Final = 60.0
DEFAULT_HIGH_WATER_MARK: Final = 65536
DEFAULT_ATTEMPT_TIMEOUT: Final = 0.5  # Node 26; 20 and 24 have 0.25
SHORTEST_ATTEMPT_TIMEOUT: Final = 0.01
LONGEST_TIMER: Final = 2**31 - 1  # milliseconds, of Node's timers


# --- Values ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PemContent:
    """Certificates, keys or lists given in memory (PEM, or PKCS#12 for pfx)."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PemPath:
    """A file that holds certificates, keys or lists; read later, off the event loop."""

    path: str


Source: TypeAlias = PemContent | PemPath


@dataclass(frozen=True, slots=True)
class Sealed:
    """A key or PKCS#12 bundle with the passphrase that opens it, if any."""

    source: Source
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SystemTrust:
    """`ca="system"`: trust what the operating system trusts."""


SYSTEM: Final = SystemTrust()


@dataclass(frozen=True, slots=True)
class OnRead:
    """`onread`: received data goes into the caller's buffer, and no `data` event is emitted."""

    buffer: bytearray | memoryview | Callable[[], bytearray | memoryview] = field(repr=False)
    callback: Callable[[int, Any], object]


# --- Reading --------------------------------------------------------------------------------------

Dialect = Literal["node", "python"]

# What the types in Node's messages are called in Python.
_PYTHON_TYPES = {
    "string": "str",
    "number": "int or float",
    "boolean": "bool",
    "function": "callable",
    "an instance of Array": "list",
    "string or an instance of Buffer, TypedArray, or DataView": "str, bytes or os.PathLike",
    "an instance of Buffer, TypedArray, or DataView": "bytes",
    "string or one of null or undefined": "str or None",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One option as it was given, and how to complain about it."""

    option: Option
    value: Any
    dialect: Dialect
    given: Mapping[str, Any]  # by Python name, both dialects, for checks that look at a second one

    def name(self, node_name: str | None = None) -> str:
        """The option's name as messages show it; `node_name` where Node's differs from the rule."""
        if self.dialect == "python":
            return self.option.python
        return node_name or f"options.{self.option.node}"

    def wrong_type(
        self, expected: str, value: object = ..., *, node_name: str | None = None
    ) -> OptionTypeError:
        """Make Node's error for a wrong type."""
        if self.dialect == "python":
            expected = _PYTHON_TYPES.get(expected, expected)
        return option_type_error(
            self.name(node_name),
            expected,
            self.value if value is ... else value,
            secret=self.option.secret,
        )

    def wrong_value(
        self, reason: str = "is invalid", value: object = ..., *, node_name: str | None = None
    ) -> OptionsError:
        """Make Node's error for a wrong value."""
        shown = self.value if value is ... else value
        return option_value_error(self.name(node_name), shown, reason, secret=self.option.secret)

    def out_of_range(self, text: str, *, node_name: str | None = None) -> OptionsError:
        """Make Node's error for a number out of range."""
        return option_range_error(self.name(node_name), text, self.value)

    def unsupported(self, remedy: str) -> UnsupportedOptionError:
        """Make the error for what cannot be honoured."""
        name = self.option.python if self.dialect == "python" else self.option.node
        return unsupported_option(name, remedy)


Check: TypeAlias = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the table.

    Args:
        python: the keyword, and the field of `ConnectOptions`.
        node: the key in an options mapping.
        check: makes the field's value of the one given, or raises.
        context: True if it belongs to the secure context, and a ready-made one replaces it.
        secret: True if its value may appear in no message.
        late: a second check, after those of all other options.
        supported: False refuses any value but the default, with `remedy` as the way out.
        remedy: what to do instead, a sentence.
    """

    python: str
    node: str
    check: Check
    context: bool = False
    secret: bool = False
    late: Check | None = None
    supported: bool = True
    remedy: str = "this version does not implement it yet; leave it out."


# Type guards: mypy and pyright disagree about what isinstance() says of generic classes.


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Tell whether `value` is what JavaScript calls a plain object."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether `value` is what JavaScript calls an array."""
    return isinstance(value, list | tuple)


def is_buffer(value: object) -> TypeGuard[bytes]:
    """Tell whether `value` is bytes in one of their forms; make them bytes before use."""
    return isinstance(value, bytes | bytearray | memoryview)


def is_number(value: object) -> bool:
    """Tell whether `value` is what JavaScript calls a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def truthy(asked: Asked) -> bool:
    """A boolean that Node coerces; Node's falsy values are fewer than Python's."""
    value = asked.value
    if is_number(value) or isinstance(value, str):
        return bool(value) and value == value  # noqa: PLR0124 - NaN is falsy
    return value is not False


def boolean(asked: Asked) -> bool:
    """Take True or False, nothing else."""
    if not isinstance(asked.value, bool):
        raise asked.wrong_type("boolean")
    return asked.value


def string(asked: Asked) -> str:
    """Take a str."""
    if not isinstance(asked.value, str):
        raise asked.wrong_type("string")
    return asked.value


def function(asked: Asked) -> Callable[..., Any]:
    """Take anything callable."""
    if not callable(asked.value):
        raise asked.wrong_type("function")
    return cast("Callable[..., Any]", asked.value)


def integer(asked: Asked, low: int, high: int, *, node_name: str | None = None) -> int:
    """A whole number within bounds; JavaScript's 5.0 is one too."""
    value = asked.value
    if not is_number(value):
        raise asked.wrong_type("number", node_name=node_name)
    if isinstance(value, float) and not value.is_integer():
        raise asked.out_of_range("an integer", node_name=node_name)
    if not low <= value <= high:
        limits = f">= {low}" if high == sys.maxsize else f">= {low} && <= {high}"
        raise asked.out_of_range(limits, node_name=node_name)
    return int(value)


# Times: milliseconds in Node's dialect, seconds in Python's and in the result.


def seconds(asked: Asked) -> float:
    """Turn a time of either dialect into seconds."""
    value = float(asked.value)
    return value / 1000 if asked.dialect == "node" else value


def timer(asked: Asked) -> float:
    """Take an idle timeout; 0 is off."""
    if not is_number(asked.value):
        raise asked.wrong_type("number", node_name="msecs")
    if not (asked.value >= 0 and math.isfinite(asked.value)):
        raise asked.out_of_range("a non-negative finite number", node_name="msecs")
    return seconds(asked)


def deadline(asked: Asked) -> float | None:
    """Take a limit for the handshake; None is no limit."""
    if asked.value is None:
        return None
    if not is_number(asked.value):
        raise asked.wrong_type("number")
    if not (asked.value > 0 and math.isfinite(asked.value)):
        raise asked.out_of_range("a positive finite number, or None for no limit")
    return seconds(asked)


def initial_delay(asked: Asked) -> float:
    """Take a delay; a negative one is as good as none, as in Node."""
    if not is_number(asked.value):
        raise asked.wrong_type("number")
    return seconds(asked) if math.isfinite(asked.value) else 0.0


def attempt_timeout(asked: Asked) -> float:
    """Take the time one address gets; below 10 ms becomes 10 ms, as in Node."""
    if asked.dialect == "node":
        integer(asked, 1, LONGEST_TIMER)
    elif not is_number(asked.value):
        raise asked.wrong_type("number")
    elif not (asked.value > 0 and math.isfinite(asked.value)):
        raise asked.out_of_range("a positive finite number")
    return max(seconds(asked), SHORTEST_ATTEMPT_TIMEOUT)


# Where to connect.


def host(asked: Asked) -> str:
    """Take a host name or IP address; empty is localhost."""
    host = string(asked)
    if "\0" in host:
        raise asked.wrong_value("must be a string without null bytes")
    return host or "localhost"


def javascript_number(text: str) -> float:
    """`Number(text)` for what may be a port: decimal, hexadecimal, octal, binary, exponents."""
    text = text.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", text):
        return int(text, 0)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return float(text)
    return math.nan


def port_number(asked: Asked) -> int:
    """Take 0 to 65535, also as the text of a number."""
    value = asked.value
    if not (is_number(value) or isinstance(value, str)):
        raise asked.wrong_type("one of type number or string")
    number: float = javascript_number(value) if isinstance(value, str) else value
    # NaN and infinity fail the first comparison, fractions the second.
    if not (0 <= number <= 0xFFFF and number == int(number)):
        raise options_error(
            "ERR_SOCKET_BAD_PORT", f"Port should be >= 0 and < 65536. {received(value)}."
        )
    return int(number)


def local_port(asked: Asked) -> int:
    """Take a port to bind to."""
    if not is_number(asked.value):
        raise asked.wrong_type("number")
    return port_number(asked)


def path(asked: Asked) -> str | None:
    """Take the path of a Unix socket; empty is none."""
    value = asked.value
    if isinstance(value, os.PathLike):
        value = os.fsdecode(cast("os.PathLike[str]", value))
    if not isinstance(value, str):
        raise asked.wrong_type("string")
    return value or None


def is_ip(text: object) -> bool:
    """Tell whether `text` is an IP address, without brackets."""
    try:
        ipaddress.ip_address(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return True


def local_address(asked: Asked) -> str:
    """Take an IP address to bind to."""
    if not is_ip(asked.value):
        shown = asked.value if isinstance(asked.value, str | int | float) else repr(asked.value)
        raise OptionTypeError(
            f"Invalid IP address: {shown}", code="ERR_INVALID_IP_ADDRESS", phase="options"
        )
    return cast("str", asked.value)


_FAMILIES: dict[Any, Literal[0, 4, 6]] = {0: 0, 4: 4, 6: 6, "IPv4": 4, "IPv6": 6}
_ADDRESS_FAMILIES: dict[Any, Literal[0, 4, 6]] = {
    sockets.AF_UNSPEC: 0,
    sockets.AF_INET: 4,
    sockets.AF_INET6: 6,
}


def family(asked: Asked) -> Literal[0, 4, 6]:
    """Take 0, 4, 6, and their other spellings in Node and Python."""
    value = asked.value
    known = _ADDRESS_FAMILIES if isinstance(value, sockets.AddressFamily) else _FAMILIES
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value not in known:
        raise asked.wrong_value("must be one of: 0, 4, 6")
    return known[value]


# Not every system has all three; they are different bits, so that their sum is all of them.
_HINTS: Final[int] = sum(
    getattr(sockets, name, 0) for name in ("AI_ADDRCONFIG", "AI_ALL", "AI_V4MAPPED")
)


def hints(asked: Asked) -> int:
    """Take flags for getaddrinfo."""
    value = asked.value
    if not is_number(value):
        raise asked.wrong_type("number")
    if not math.isfinite(value) or int(value) & ~_HINTS:
        raise asked.wrong_value(node_name="hints")
    return int(value)


def carrier(asked: Asked) -> Any:
    """Take a socket, a reader and writer, or something with the methods of Node's streams."""
    value = asked.value
    if isinstance(value, sockets.socket):
        return value
    if isinstance(value, tuple):
        pair = cast("tuple[Any, ...]", asked.value)
        if len(pair) == 2 and hasattr(pair[0], "read") and hasattr(pair[1], "write"):
            return pair
    elif all(callable(getattr(value, name, None)) for name in ("pause", "resume", "write", "on")):
        return value
    raise asked.wrong_type(
        "an instance of Socket, TLSSocket or socket.socket, or a pair of StreamReader and"
        " StreamWriter"
    )


# The stream.


def high_water_mark(asked: Asked) -> int:
    """Take a number of bytes."""
    value = asked.value
    if not is_number(value) or value < 0 or value != value // 1:
        raise asked.wrong_value(node_name="options.readableHighWaterMark")
    return int(value)


def onread(asked: Asked) -> OnRead:
    """Take Node's {buffer, callback}; Node overlooks a malformed one, we do not."""
    given = asked.value
    if not is_mapping(given):
        raise asked.wrong_type("an instance of Object")
    strangers = given.keys() - {"buffer", "callback"}
    if strangers:
        raise unknown(f"{asked.name()}.{min(map(str, strangers))}", ["buffer", "callback"])
    buffer: Any = given.get("buffer")
    callback: Any = given.get("callback")
    if not callable(buffer) and not _is_writable(buffer):
        raise option_type_error(
            f"{asked.name()}.buffer",
            "an instance of bytearray or a writable memoryview (not empty), or a function that"
            " returns one",
            buffer,
        )
    if not callable(callback):
        raise option_type_error(f"{asked.name()}.callback", "function", callback)
    return OnRead(cast("bytearray", buffer), callback)


def _is_writable(buffer: Any) -> bool:
    if isinstance(buffer, memoryview):
        return not buffer.readonly and buffer.nbytes > 0
    return isinstance(buffer, bytearray) and len(buffer) > 0


def signal(asked: Asked) -> NoReturn:
    """Refuse AbortSignals: asyncio has its own way."""
    # Whatever has no attributes of its own can be no AbortSignal, and gets Node's answer.
    if isinstance(asked.value, str | bytes | int | float | Mapping | list | tuple):
        raise asked.wrong_type("an instance of AbortSignal", node_name="signal")
    raise asked.unsupported(
        "cancel the task that awaits the socket (asyncio.timeout() does), or call destroy()."
    )


def not_forwarded(asked: Asked) -> None:
    """Refuse what has no effect in Node's tls.connect()."""
    if truthy(asked):
        raise asked.unsupported("Node's tls.connect() does not forward it either; leave it out.")


def unknown(name: str, known: Sequence[str]) -> OptionTypeError:
    """Complain about a name that is not in `known`."""
    nearest = difflib.get_close_matches(name.rpartition(".")[2], known, 1, 0.0)
    return OptionTypeError(
        f'Unknown option "{name}"; the nearest known one is "{nearest[0]}"',
        code="ERR_UNKNOWN_OPTION",
        phase="options",
    )
