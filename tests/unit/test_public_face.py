"""The public names are those on this list: adding or losing one is a decision, seen in a review."""

import __future__

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tlsevents
import tlsevents.net

PACKAGE = Path(tlsevents.__file__).parent

FACE = {
    # connecting
    "connect",
    "TLSSocket",
    "Socket",
    "once",
    "net",
    # sessions
    "Session",
    "SessionCache",
    # errors
    "TLSEventsError",
    "CertificateError",
    "NegotiationError",
    "NetworkError",
    "OptionsError",
    "OptionTypeError",
    "UnsupportedOptionError",
    "StreamError",
    # Node's functions and values of the module
    "SecureContext",
    "create_secure_context",
    "check_server_identity",
    "convert_alpn_protocols",
    "get_ca_certificates",
    "get_ciphers",
    "root_certificates",
    "set_default_ca_certificates",
    "DEFAULT_CIPHERS",
    "DEFAULT_ECDH_CURVE",
    "DEFAULT_MAX_VERSION",
    "DEFAULT_MIN_VERSION",
}

NET_FACE = {"connect", "Socket"}


def public_modules() -> list[str]:
    return sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("_"))


def test_the_face_is_the_written_list() -> None:
    assert sorted(tlsevents.__all__) == sorted(FACE)


def test_every_public_name_is_there_and_in_dir() -> None:
    assert all(hasattr(tlsevents, name) for name in FACE)
    assert set(dir(tlsevents)) >= FACE


def test_nothing_else_looks_public() -> None:
    others = {
        name
        for name, value in vars(tlsevents).items()
        if not name.startswith("_") and not isinstance(value, ModuleType | __future__._Feature)
    }
    assert others <= FACE


def test_the_face_of_net_is_the_written_list() -> None:
    assert sorted(tlsevents.net.__all__) == sorted(NET_FACE)


@pytest.mark.parametrize("name", public_modules())
def test_every_module_says_what_it_offers(name: str) -> None:
    module = importlib.import_module(f"tlsevents.{name}")
    assert module.__all__
    assert all(hasattr(module, each) for each in module.__all__)


@pytest.mark.parametrize("name", sorted(FACE - {"root_certificates", "net"}))
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(tlsevents, name)
    if callable(value):
        assert value.__doc__


def test_importing_takes_only_the_required_libraries() -> None:
    program = "import sys, tlsevents; print(*{name.split('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(result.stdout.split())
    assert loaded.isdisjoint({"cryptography", "truststore", "uvloop"})


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
