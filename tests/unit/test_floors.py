"""Each module has a floor and imports only from lower ones; what it may use of others is listed.

Layers are kept by this test, not by good intentions: a new file must be given its floor here.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tlsevents"

FLOORS = {
    "codes": 0,
    "errors": 0,
    "checks": 0,
    "tls_checks": 0,
    "options": 0,
    "_cpython": 0,
    "sessions": 0,
    "cipher_names": 0,
    "identity": 1,
    "verification": 1,
    "certificates": 1,
    "facts": 2,
    "trust": 1,
    "credentials": 1,
    "offer": 1,
    "context": 1,
    "engine": 1,
    "keylog": 1,
    "observation": 1,
    "emitter": 2,
    "encodings": 0,
    "pipe": 2,
    "readable": 2,
    "duplex": 2,
    "events": 3,
    "shapes": 3,
    "wire": 3,
    "dialer": 3,
    "socket_facts": 3,
    "stream_carrier": 3,
    "extras": 3,
    "plan": 2,
    "net": 4,
    "tls": 4,
    "__init__": 5,
}

# Within a floor only these: (who, whom).
NEIGHBOURS = {
    ("errors", "codes"),
    ("checks", "errors"),
    ("tls_checks", "errors"),
    ("tls_checks", "checks"),
    ("options", "errors"),
    ("options", "checks"),
    ("options", "tls_checks"),
    ("options", "sessions"),
    ("tls_checks", "sessions"),
    ("observation", "engine"),
    ("observation", "keylog"),
    ("certificates", "verification"),
    ("credentials", "trust"),
    ("context", "trust"),
    ("context", "credentials"),
    ("context", "offer"),
    ("context", "verification"),
    ("encodings", "errors"),
    ("pipe", "readable"),  # its type alone
    ("readable", "emitter"),
    ("readable", "pipe"),
    ("duplex", "emitter"),
    ("duplex", "readable"),
    ("dialer", "wire"),
    ("socket_facts", "wire"),
    ("stream_carrier", "wire"),
    ("tls", "net"),
}

# The only places where a library outside of the standard one may be used.
LIBRARIES = {
    "idna": {"identity"},
    "certifi": {"trust", "credentials"},
    "truststore": {"context"},
    "cryptography": {"credentials", "certificates", "facts"},
    "pyee": {"emitter"},
    "typing_extensions": {"duplex", "events"},  # in an `if TYPE_CHECKING`
}

# Engine and wire never import each other (the floors alone would let the wire do so).
STRANGERS = {("engine", "wire"), ("wire", "engine"), ("dialer", "engine")}

NO_ASYNCIO = {module for module, floor in FLOORS.items() if floor <= 1}

# CPython's private names about TLS, which may change with any version of Python.
PRIVATE = {"_ssl", "_sslobj", "_msg_callback"}


def modules() -> list[str]:
    return sorted(path.stem for path in PACKAGE.glob("*.py"))


def syntax(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Every module that is imported anywhere in the file, by full name."""
    for node in ast.walk(syntax(module)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=None, names=names):  # from . import errors
                yield from (f"tlsevents.{name.name}" for name in names)
            case ast.ImportFrom(module=str(origin), level=level, names=names):
                if level:
                    yield f"tlsevents.{origin}"
                elif origin == "tlsevents":  # from tlsevents import errors
                    yield from (f"tlsevents.{name.name}" for name in names)
                else:
                    yield origin


def own_imports(module: str) -> set[str]:
    return {
        name.split(".")[1]
        for name in imports(module)
        if name.startswith("tlsevents.") and name.split(".")[1] in FLOORS
    }


def test_every_module_has_a_floor() -> None:
    assert modules() == sorted(FLOORS)


@pytest.mark.parametrize("module", FLOORS)
def test_a_module_imports_only_from_lower_floors(module: str) -> None:
    wrong = {
        other
        for other in own_imports(module)
        if FLOORS[other] >= FLOORS[module] and (module, other) not in NEIGHBOURS
    }
    assert not wrong


@pytest.mark.parametrize(("module", "other"), STRANGERS)
def test_engine_and_wire_never_meet_below_tls(module: str, other: str) -> None:
    assert other not in own_imports(module)


@pytest.mark.parametrize("module", FLOORS)
def test_a_module_uses_only_the_libraries_that_are_its_business(module: str) -> None:
    foreign = {name.split(".")[0] for name in imports(module)} - {"tlsevents"}
    wrong = {
        library
        for library in foreign
        if library not in sys.stdlib_module_names and module not in LIBRARIES.get(library, ())
    }
    assert not wrong


@pytest.mark.parametrize("module", sorted(NO_ASYNCIO))
def test_the_lower_floors_know_no_event_loop(module: str) -> None:
    assert "asyncio" not in {name.split(".")[0] for name in imports(module)}


@pytest.mark.parametrize("module", sorted(FLOORS.keys() - {"_cpython"}))
def test_private_names_of_cpython_stay_in_one_module(module: str) -> None:
    names = {node.attr for node in ast.walk(syntax(module)) if isinstance(node, ast.Attribute)}
    names |= set(imports(module))
    assert not names & PRIVATE
