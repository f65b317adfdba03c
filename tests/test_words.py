"""Plain English in templates, documents and the sentences of the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEMPLATES = sorted(
    path
    for folder in ("page/templates", "page/static", "mail/templates")
    for path in (ROOT / "service" / folder).iterdir()
    if path.suffix in {".html", ".txt", ".js"}
)
MODULES = sorted(
    path
    for package in ("answers", "page", "mail")
    for path in (ROOT / "service" / package).glob("*.py")
)

UNCLEAR = re.compile(
    r"\b(?:e-mails?|(?:5|8|19) (?:weeks )?in (?:10|20)|futures lie|what came|newest figure is of"
    r"|known so far|forecasts fared|suffices?|put your own question|last week again|can flatter"
    r"|honestly so|proper use|in silence|take back at any time|your mailbox|hold against"
    r"|is passed, above|process lives|what these do not tell|why this many|worst misses"
    r"|so many people|counted over|sure to suffice|two more weeks|could not be understood"
    r"|as it stood at the|hold what they promised)\b",
    re.IGNORECASE,
)
# Template statements end with %}, and formats begin with %.
SPACED_PER_CENT = re.compile(
    r"(?:\d|\}|&nbsp;|\N{NO-BREAK SPACE})(?: |&nbsp;)?(?<=[ ;])%(?![}\w(])"
)


@pytest.mark.parametrize("pattern", [UNCLEAR, SPACED_PER_CENT], ids=["unclear", "percent"])
@pytest.mark.parametrize(
    "path", TEMPLATES + DOCUMENTS + MODULES, ids=lambda path: str(path.relative_to(ROOT))
)
def test_text_is_plain_english(path, pattern):
    assert not [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if (match := pattern.search(line))
    ]


def test_patterns_match_unclear_text():
    for text in ("8 weeks in 10 between", "Two more weeks", "Weekly e-mail", "19 in 20"):
        assert UNCLEAR.search(text)
    for text in ("80 %", "{{ n.share }}&nbsp;% of", 'f"{100 * p:.0f} %"'):
        assert SPACED_PER_CENT.search(text)
    for text in ("80%", "{% if n == 1 %}", '"%-24s %9s  %s"|format(row)'):
        assert not SPACED_PER_CENT.search(text)
