"""README keeps to what is there: its commands, code, links, option names and error codes."""

import ast
import dataclasses
import re
import textwrap
from pathlib import Path

import pytest

import tlsevents
from tests import readme_figures
from tlsevents.codes import ALERTS, CODES, VERDICTS
from tlsevents.options import ConnectOptions

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of a section's tables."""
    return re.findall(r"^\| (.*?) \|", text, re.MULTILINE)


def quoted(cells: list[str], pattern: str) -> set[str]:
    return {name for cell in cells for name in re.findall(rf"`({pattern})`", cell)}


def test_the_first_sh_block_is_two_commands() -> None:
    assert re.search(r"^```(\w*)", README, re.MULTILINE)[1] == "sh"  # type: ignore[index]
    run, test = blocks("sh")[0].splitlines()
    assert run.endswith("python examples/quickstart.py")
    assert test.endswith("python -m pytest")


@pytest.mark.parametrize("code", blocks("python"))
def test_code_is_python(code: str) -> None:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
    compile(textwrap.dedent(code), "README.md", "exec", flags)


LINKS = re.findall(r"\]\(([\w./-]+)\)|^\[\w+\]: ([\w./-]+)$", README, re.MULTILINE)


@pytest.mark.parametrize("link", sorted({inline or named for inline, named in LINKS}))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_error_code_is_one_that_the_library_knows() -> None:
    known = set(CODES) | {code for code, _ in VERDICTS.values()}
    known |= {f"ERR_SSL_{reason}" for _, reason in ALERTS.values()}
    mentioned = quoted(first_cells(section("Errors")), r"[A-Z][A-Z0-9_/]{4,}")
    assert mentioned
    assert not mentioned - known


def test_every_option_is_one_that_the_library_knows() -> None:
    mentioned = quoted(first_cells(section("Connecting")), r"[a-z_]+")
    assert mentioned
    assert not mentioned - {field.name for field in dataclasses.fields(ConnectOptions)}


async def test_every_method_and_property_is_one_that_a_socket_has() -> None:
    text = section("Methods and properties").split("Beside `connect`")[0]
    mentioned = set(re.findall(r"`([a-z_]+)[`(]", text)) - {"ssl", "session", "keylog"}
    mentioned |= set(re.findall(r"`(?:await )?socket\.([a-z_]+)", section("asyncio")))
    socket = tlsevents.connect(host="127.0.0.1", port=1)
    socket.destroy()
    await socket.wait_closed()
    assert {"write", "authorized", "drain"} <= mentioned
    assert {name for name in mentioned if not hasattr(socket, name)} == set()


def test_every_function_of_the_module_is_there() -> None:
    text = section("Methods and properties").split("Beside `connect`")[1].replace("DEFAULT_*", "")
    mentioned = set(re.findall(r"`([a-z_]+)`", text))
    assert mentioned
    assert {name for name in mentioned if not hasattr(tlsevents, name)} == set()


def test_the_figures_are_those_of_the_benchmark() -> None:
    block = readme_figures.BLOCK.search(README)
    assert block is not None
    expected = block[1] + readme_figures.figures() + block[2]
    assert block[0] == expected, "run: python -m tests.readme_figures"
