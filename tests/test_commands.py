"""Commands in documents exist and take the options shown."""

import re
import shlex
from itertools import chain, dropwhile
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


def find_commands(text):
    """Yield the words of each command in shell blocks and inline code."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from split_commands(line)
    for code in INLINE.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        yield from split_commands(re.sub(r"[\[\]]", " ", code))


def split_commands(line):
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "~-./*?=$:{},@%+<>"
    try:
        words = list(lexer)
    except ValueError:  # an open quotation, as in a here-document
        return
    command = []
    for word in [*words, ";"]:
        if word not in END:
            command.append(word)
        elif command:
            yield command
            command = []


def find_error(words):
    """Return the error in a command of this project, if any."""
    words = list(dropwhile(re.compile(r"^[A-Z_]+=").match, words))
    if not words:
        return None
    program, *arguments = words
    if program.rpartition("/")[2] == "crossings":
        return find_crossings_error(arguments)
    if program == "make":
        unknown = {a for a in arguments if re.fullmatch("[a-z-]+", a)} - TARGETS
        return f"make has no {unknown}" if unknown else None
    if program.startswith("scripts/"):
        return None if (ROOT / program).is_file() else f"no {program}"
    if "python" in program and arguments[:1] == ["-m"] and arguments[1].startswith("bench."):
        return find_bench_error(arguments[1], arguments[2:])
    return None


def find_crossings_error(arguments):
    command = group
    for at, word in enumerate(arguments):
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        subcommand = command.get_command(click.Context(command), word)
        if subcommand is None:
            return f"crossings has no {' '.join(arguments[: at + 1])}"
        command = subcommand
    options = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
    options -= {name for each in command.params for name in each.opts}
    unknown = options - {"--help", "-h", "--version"}
    return f"crossings {' '.join(arguments)}: no {unknown}" if unknown else None


def find_bench_error(module, arguments):
    file = ROOT / f"{module.replace('.', '/')}.py"
    if not file.is_file():
        return f"no {module}"
    source = file.read_text("utf-8")
    missing = [word for word in arguments if word.startswith("--") and f'"{word}"' not in source]
    return f"{module} has no {missing}" if missing else None


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documented_commands_exist(path):
    commands = find_commands(path.read_text("utf-8"))
    assert not [error for words in commands if (error := find_error(words))]


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
def test_unknown_command_is_detected(text):
    assert any(map(find_error, find_commands(text)))


def test_make_targets_have_descriptions():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    described = set(re.findall(r"^([a-z-]+):[^#\n]*## \S", makefile, re.MULTILINE))
    assert described == TARGETS
