"""Each layer imports only layers below it, and rules of the whole repository hold.

The layers are drawn in docs/architecture.md.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the bottom up; packages of one layer do not import each other.
LAYERS = [
    {"core", "forecast"},
    {"data"},
    {"issues"},
    {"answers"},
    {"api", "page", "mail"},
    {"app"},
    {"scheduler", "server"},
    {"cli"},
]
HEIGHT = {package: height for height, layer in enumerate(LAYERS) for package in layer}

# What only one package may import.
ONLY_IN = {
    **dict.fromkeys(("httpx", "stamina", "python_calamine", "selectolax"), "data"),
    "apscheduler": "scheduler",
    "prometheus_client": "api",
}
SQL = ("sqlalchemy", "alembic", "sqlite3")
NEVER = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}

# The forecasting library takes arrays, dates and generators, and reads nothing of the world.
IMPURE_MODULES = {
    *("apiflask", "flask", "werkzeug", "sqlalchemy", "alembic", "sqlite3", "click", "rich"),
    *("httpx", "requests", "urllib", "socket", "http", "smtplib", "subprocess"),
    *("os", "io", "pathlib", "shutil", "tempfile", "glob", "random"),
}
IMPURE_CALLS = {
    *("open", "input", "np.load", "np.save", "np.savez", "np.loadtxt", "np.genfromtxt"),
    *("pd.read_csv", "pd.read_json", "time.time", "time.monotonic", "time.sleep"),
    *("dt.datetime.now", "dt.datetime.utcnow", "dt.date.today", "datetime.now", "date.today"),
    *("pd.Timestamp.now", "pd.Timestamp.today"),
}
NUMPY_RANDOM_ALLOWED = {"Generator", "default_rng", "SeedSequence"}
FORCED_BY_A_PACKAGE = {"forecast.forecasters.prophet": {"get_state", "set_state", "seed"}}

LONGEST_FILE = 350
LINED = {".py", ".md", ".html", ".css", ".js", ".toml", ".yaml", ".yml", ".sh", ""}
# Text of a licence, lists and figures are as long as they are, and a manual is looked up in.
UNMEASURED = {"LICENSE", "CHANGELOG.md", "operations.md", "rapidoc.js"}
TEXT = LINED | {".csv", ".json", ".mako", ".txt", ".svg", ".ini", ".cfg"}

STIGMATISING = re.compile(
    r"\billegals?\b|\bmigrants? (?:caught|intercepted|seized)|\binvasion|\binvaders?\b|\bswarm"
    r"|\bhordes?\b|\binflux|\baliens?\b|\bboat people\b|\bbogus\b|\bflood(?:s|ed|ing)? of\b",
    re.IGNORECASE,
)
# Put together here, so that this file does not hold what it forbids.
HOSTS_AND_PLACES = re.compile(
    "|".join(
        [
            *(
                re.escape(host)
                for host in (
                    "py" + "pi.org",
                    "python" + "hosted.org",
                    "npm" + "js.org",
                    "npm" + "js.com",
                    "docker" + ".io",
                    "gh" + "cr.io",
                    "quay" + ".io",
                    "crates" + ".io",
                    "debian" + ".org",
                )
            ),
            r"(?<![\w.])/work" + r"/\w",
            r"(?<![\w.])/opt/(?:py" + "pi|wheels)",
            r"(?<![\w.])/(?:home|Users)/\w+/",
        ]
    )
)


@cache
def tracked() -> list[Path]:
    """Files that git knows, or would take up."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git work tree")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the project's packages, by dotted name."""
    found = {}
    for package in ("forecast", "service"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else str(node.module)


def package_of(module: str) -> str:
    """Package of a module of the project: ``forecast``, or the part of ``service`` it is in."""
    package, _, rest = module.partition(".")
    return package if package == "forecast" else rest.partition(".")[0]


def ours(name: str) -> bool:
    return name.partition(".")[0] in ("forecast", "service")


def calls(tree: ast.AST) -> Iterator[str]:
    yield from (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


def numpy_random(tree: ast.AST) -> set[str]:
    """Names of numpy's random module that are used."""
    found = re.findall(r"\b(?:np|numpy)\.random\.(\w+)", ast.unparse(tree))
    return set(found) - NUMPY_RANDOM_ALLOWED


def across_packages() -> Iterator[tuple[str, str]]:
    """Each module that imports another package of ours, and what it imports."""
    for module, tree in modules().items():
        for name in imports(tree):
            if (
                ours(name)
                and package_of(module)
                and package_of(name) not in ("", package_of(module))
            ):
                yield module, name


def test_every_package_has_its_layer() -> None:
    packages = {package_of(module) for module in modules()} - {""}
    assert packages <= set(HEIGHT), "name its layer here and in docs/architecture.md"


def test_a_layer_imports_only_layers_below_it() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, name in across_packages()
        if HEIGHT[package_of(name)] >= HEIGHT[package_of(module)]
    ]
    assert not wrong


def test_no_module_imports_itself_through_others() -> None:
    below = {
        module: {name for name in imports(tree) if name in modules() and name != module}
        for module, tree in modules().items()
    }
    done: set[str] = set()

    def walk(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above, module))
        if module not in done:
            for name in below[module]:
                walk(name, (*above, module))
            done.add(module)

    for module in below:
        walk(module, ())


def test_the_library_is_pure() -> None:
    wrong = []
    for module, tree in modules().items():
        if package_of(module) != "forecast":
            continue
        used = {name.partition(".")[0] for name in imports(tree)}
        wrong += [f"{module} imports {name}" for name in used & (IMPURE_MODULES | {"service"})]
        wrong += [f"{module} calls {name}" for name in set(calls(tree)) & IMPURE_CALLS]
        allowed = FORCED_BY_A_PACKAGE.get(module, set())
        wrong += [f"{module} uses np.random.{name}" for name in numpy_random(tree) - allowed]
        if "time" in used and module != "forecast.backtest":
            wrong.append(f"{module} imports time")
    assert not wrong


def test_time_is_only_measured() -> None:
    tree = modules()["forecast.backtest"]
    assert {name for name in calls(tree) if name.startswith("time.")} == {"time.perf_counter"}


@pytest.mark.parametrize(("package", "home"), ONLY_IN.items())
def test_a_library_is_imported_in_one_package(package: str, home: str) -> None:
    wrong = [
        module
        for module, tree in modules().items()
        if package_of(module) != home
        and package in {name.partition(".")[0] for name in imports(tree)}
    ]
    assert not wrong, f"only service/{home} imports {package}"


def test_sql_lies_in_the_stores_and_in_core() -> None:
    wrong = [
        module
        for module, tree in modules().items()
        if package_of(module) != "core" and not module.endswith("_store")
        if set(SQL) & {name.partition(".")[0] for name in imports(tree)}
    ]
    assert not wrong


def test_packages_and_arrows_stay_few() -> None:
    arrows = {(package_of(module), package_of(name)) for module, name in across_packages()}
    assert len(HEIGHT) <= 13
    assert len(arrows) <= 60
    assert len(LAYERS) <= 8


def test_days_are_counted_with_a_unit() -> None:
    """``origin + 7`` is an error from numpy 2.5 on: ``origin + 7 * ONE_DAY``."""
    day = r"\b(?:origin|start|end|data_through|START|ORIGIN)"
    bare = re.compile(day + r" [+-] (?:\d|[A-Z]\b|\(|np\.arange)")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in ("forecast", "tests", "bench")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if bare.search(line) and "DAY" not in line and path != Path(__file__)
    ]
    assert not wrong


def test_nothing_is_pickled() -> None:
    wrong = []
    for path in tracked():
        if path.suffix == ".py":
            tree = ast.parse(path.read_text("utf-8"), str(path))
            names = {n.name for n in ast.walk(tree) if isinstance(n, ast.alias)}
            names |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            roots = {name.partition(".")[0] for name in names}
            bad = {*(roots & NEVER)}
            bad |= {name for name in calls(tree) if name.endswith(("read_pickle", "to_pickle"))}
            bad |= {
                "allow_pickle"
                for n in ast.walk(tree)
                if isinstance(n, ast.keyword) and n.arg == "allow_pickle"
                if not (isinstance(n.value, ast.Constant) and n.value.value is False)
            }
            wrong += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(bad)]
    assert not wrong


def test_modules_say_first_what_they_offer() -> None:
    """After the docstring and `from __future__`, `__all__`; each of its names exists."""
    wrong = []
    for module, tree in modules().items():
        if (ROOT / module.replace(".", "/")).is_dir() or re.search(
            r"\.(migrations|__main__)", module
        ):
            continue
        body = [n for n in tree.body if ast.unparse(n) != "from __future__ import annotations"]
        first = body[1] if len(body) > 1 and ast.get_docstring(tree) else None
        targets = [ast.unparse(t) for t in first.targets] if isinstance(first, ast.Assign) else []
        if targets != ["__all__"]:
            wrong.append(f"{module}: a docstring, then __all__")
            continue
        assert isinstance(first, ast.Assign)
        offered = ast.literal_eval(first.value)
        if len(offered) != len(set(offered)):
            wrong.append(f"{module}: __all__ names something twice")
        wrong += [f"{module}: no {name}" for name in set(offered) - _defined(tree)]
        wrong += [
            f"{module}: {node.name} is neither in __all__ nor begins with _"
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            # A view or a command is offered by the route or the group that it is registered with.
            if node.name not in offered and not node.decorator_list
        ]
    assert not wrong


def _defined(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                several = target.elts if isinstance(target, ast.Tuple) else [target]
                names |= {ast.unparse(one) for one in several}
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_a_file_can_be_held_in_the_head() -> None:
    wrong = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix in LINED and path.name not in UNMEASURED
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_FILE
    }
    assert not wrong, f"longer than {LONGEST_FILE} lines"


def test_words_are_neutral() -> None:
    assert not _found(STIGMATISING)


def test_no_registry_and_no_machine_is_named() -> None:
    assert not _found(HOSTS_AND_PLACES)


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in tracked()
        if path.suffix in TEXT and path.resolve() != Path(__file__).resolve()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if (match := pattern.search(line))
    ]
