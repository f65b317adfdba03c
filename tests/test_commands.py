"""Every command that a document names is one that there is, with the options it is given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import pytest

from service.cli.main import group

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
END = {"|", "||", "&&", ";", "&", ">", ">>", "<"}


def commands(text: str) -> Iterator[list[str]]:
    """Words of the commands in the shell blocks, and in code within sentences."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from pieces(line)
    for code in INLINE.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        yield from pieces(re.sub(r"[\[\]]", " ", code))


def pieces(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "~-./*?=$:{},@%+<>"
    try:
        words = list(lexer)
    except ValueError:  # a quotation that goes on, as in a here-document
        return
    piece: list[str] = []
    for word in [*words, ";"]:
        if word in END:
            if piece:
                yield piece
            piece = []
        else:
            piece.append(word)


def wrong(words: list[str]) -> str | None:
    """What does not hold of a command, if it is one of ours."""
    bare = list(words)
    while bare and re.match(r"^[A-Z_]+=", bare[0]):
        bare.pop(0)
    if not bare:
        return None
    program, arguments = bare[0], bare[1:]
    if program.rpartition("/")[2] == "crossings":
        return wrong_of_crossings(arguments)
    if program == "make":
        unknown = {a for a in arguments if re.fullmatch("[a-z-]+", a)} - TARGETS
        return f"make has no {unknown}" if unknown else None
    if program.startswith("scripts/"):
        return None if (ROOT / program).is_file() else f"no {program}"
    if "python" in program and arguments[:1] == ["-m"] and arguments[1].startswith("bench."):
        return wrong_of_a_bench(arguments[1], arguments[2:])
    return None


def wrong_of_crossings(arguments: list[str]) -> str | None:
    command: click.Command = group
    for at, word in enumerate(arguments):
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            return f"crossings has no {' '.join(arguments[: at + 1])}"
        command = found
    known = {name for each in command.params for name in each.opts} | {"--help", "-h", "--version"}
    given = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
    return f"crossings {' '.join(arguments)}: no {given - known}" if given - known else None


def wrong_of_a_bench(module: str, arguments: list[str]) -> str | None:
    file = ROOT / f"{module.replace('.', '/')}.py"
    if not file.is_file():
        return f"no {module}"
    source = file.read_text("utf-8")
    missing = [word for word in arguments if word.startswith("--") and f'"{word}"' not in source]
    return f"{module} has no {missing}" if missing else None


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_are_named_exist(path: Path) -> None:
    assert not [said for words in commands(path.read_text("utf-8")) if (said := wrong(words))]


@pytest.mark.parametrize(
    "text",
    [
        "`crossings paint`",
        "`crossings keys paint`",
        "```sh\ncrossings refit \\\n    --gently\n```",
        "`make tea`",
        "`scripts/paint`",
        "```sh\nCROSSINGS_PORT=80 .venv/bin/python -m bench.latency --gently\n```",
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str) -> None:
    assert [words for words in commands(text) if wrong(words)]


def test_every_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    said = set(re.findall(r"^([a-z-]+):[^#\n]*## \S", makefile, re.MULTILINE))
    assert said == TARGETS
