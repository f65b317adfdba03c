"""Import layers, as drawn in docs/architecture.md, and rules of the whole repository."""

import ast
import re
import subprocess
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

# Libraries that only one package may import.
IMPORTED_BY = {
    **dict.fromkeys(("httpx", "stamina", "python_calamine", "selectolax"), "data"),
    "apscheduler": "scheduler",
    "prometheus_client": "api",
}
SQL = {"sqlalchemy", "alembic", "sqlite3"}
NEVER = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}

# The forecasting library takes arrays, dates and generators, and does no I/O.
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
REQUIRED_BY_DEPENDENCY = {"forecast.forecasters.prophet": {"get_state", "set_state", "seed"}}

MAX_LINES = 350
MEASURED = {".py", ".md", ".html", ".css", ".js", ".toml", ".yaml", ".yml", ".sh", ""}
# Licences, lists, reference documents and third-party files.
UNMEASURED = {"LICENSE", "CHANGELOG.md", "operations.md", "rapidoc.js"}
TEXT = MEASURED | {".csv", ".json", ".txt", ".svg", ".ini", ".cfg"}

STIGMATISING = re.compile(
    r"\billegals?\b|\bmigrants? (?:caught|intercepted|seized)|\binvasion|\binvaders?\b|\bswarm"
    r"|\bhordes?\b|\binflux|\baliens?\b|\bboat people\b|\bbogus\b|\bflood(?:s|ed|ing)? of\b",
    re.IGNORECASE,
)
# Hosts of package registries and paths of a machine.
HOSTS_AND_PATHS = re.compile(
    r"(?:pypi|pythonhosted|npmjs|debian)\.(?:org|com)|(?:docker|ghcr|quay|crates)\.io"
    r"|(?<![\w.])/(?:work/\w|opt/(?:pypi|wheels)|(?:home|Users)/\w+/)"
)


@cache
def tracked():
    """Files that git tracks or would add."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git work tree")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@cache
def modules():
    """Every module of the project's packages, by dotted name."""
    trees = {}
    for package in ("forecast", "service"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            trees[name] = ast.parse(path.read_text("utf-8"), str(path))
    return trees


def imports(tree):
    """Dotted names that a module imports, at any level."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else str(node.module)


def package_of(module):
    """``forecast``, or the subpackage of ``service``."""
    package, _, rest = module.partition(".")
    return package if package == "forecast" else rest.partition(".")[0]


def calls(tree):
    yield from (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


def top_level(tree):
    """Top-level packages that a module imports."""
    return {name.partition(".")[0] for name in imports(tree)}


def numpy_random(tree):
    """Names used from numpy's random module."""
    names = re.findall(r"\b(?:np|numpy)\.random\.(\w+)", ast.unparse(tree))
    return set(names) - NUMPY_RANDOM_ALLOWED


def across_packages():
    """Pairs of a module and a name that it imports from another of the project's packages."""
    for module, tree in modules().items():
        for name in imports(tree):
            is_ours = name.partition(".")[0] in ("forecast", "service")
            if is_ours and package_of(module) and package_of(name) not in ("", package_of(module)):
                yield module, name


def relative(path):
    return str(path.relative_to(ROOT))


def test_every_package_has_a_layer():
    packages = {package_of(module) for module in modules()} - {""}
    assert packages <= set(HEIGHT), "add the layer here and to docs/architecture.md"


def test_layer_imports_only_lower_layers():
    wrong = [
        f"{module} imports {name}"
        for module, name in across_packages()
        if HEIGHT[package_of(name)] >= HEIGHT[package_of(module)]
    ]
    assert not wrong


def test_modules_have_no_import_cycle():
    imported = {
        module: {name for name in imports(tree) if name in modules() and name != module}
        for module, tree in modules().items()
    }
    visited = set()

    def visit(module, importers):
        assert module not in importers, " -> ".join((*importers, module))
        if module not in visited:
            for name in imported[module]:
                visit(name, (*importers, module))
            visited.add(module)

    for module in imported:
        visit(module, ())


def test_forecast_package_is_pure():
    wrong = []
    for module, tree in modules().items():
        if package_of(module) != "forecast":
            continue
        used = top_level(tree)
        wrong += [f"{module} imports {name}" for name in used & (IMPURE_MODULES | {"service"})]
        wrong += [f"{module} calls {name}" for name in set(calls(tree)) & IMPURE_CALLS]
        allowed = REQUIRED_BY_DEPENDENCY.get(module, set())
        wrong += [f"{module} uses np.random.{name}" for name in numpy_random(tree) - allowed]
        if "time" in used and module != "forecast.backtest":
            wrong.append(f"{module} imports time")
        clocks = {name for name in calls(tree) if name.startswith("time.")}
        wrong += [f"{module} calls {name}" for name in clocks - {"time.perf_counter"}]
    assert not wrong


@pytest.mark.parametrize(("package", "home"), IMPORTED_BY.items())
def test_library_is_imported_by_one_package(package, home):
    wrong = [
        module
        for module, tree in modules().items()
        if package_of(module) != home and package in top_level(tree)
    ]
    assert not wrong, f"only service/{home} imports {package}"


def test_only_stores_and_core_import_sql():
    wrong = [
        module
        for module, tree in modules().items()
        if package_of(module) != "core" and not module.endswith("_store")
        if SQL & top_level(tree)
    ]
    assert not wrong


def test_pickle_is_not_used():
    wrong = []
    for path in tracked():
        text = path.read_text("utf-8") if path.suffix == ".py" else ""
        if any(name in text for name in NEVER):  # most files need no parsing
            tree = ast.parse(text, str(path))
            names = {n.name for n in ast.walk(tree) if isinstance(n, ast.alias)}
            names |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            roots = {name.partition(".")[0] for name in names}
            bad = roots & NEVER
            bad |= {name for name in calls(tree) if name.endswith(("read_pickle", "to_pickle"))}
            bad |= {
                "allow_pickle"
                for n in ast.walk(tree)
                if isinstance(n, ast.keyword) and n.arg == "allow_pickle"
                if not (isinstance(n.value, ast.Constant) and n.value.value is False)
            }
            wrong += [f"{relative(path)}: {name}" for name in sorted(bad)]
    assert not wrong


def test_modules_begin_with_docstring_and_all():
    """Each name in `__all__` exists, and each public function is in it."""
    wrong = []
    for module, tree in modules().items():
        is_package = (ROOT / module.replace(".", "/")).is_dir()
        if is_package or re.search(r"\.(migrations|__main__)", module):
            continue
        body = [n for n in tree.body if ast.unparse(n) != "from __future__ import annotations"]
        first = body[1] if len(body) > 1 and ast.get_docstring(tree) else None
        targets = [ast.unparse(t) for t in first.targets] if isinstance(first, ast.Assign) else []
        if targets != ["__all__"]:
            wrong.append(f"{module}: a docstring, then __all__")
            continue
        assert isinstance(first, ast.Assign)
        exported = ast.literal_eval(first.value)
        if len(exported) != len(set(exported)):
            wrong.append(f"{module}: __all__ has a duplicate")
        wrong += [f"{module}: no {name}" for name in set(exported) - _defined(tree)]
        wrong += [
            f"{module}: {node.name} is neither in __all__ nor begins with _"
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            # Views and commands are registered by their decorators.
            if node.name not in exported and not node.decorator_list
        ]
    assert not wrong


def _defined(tree):
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                elements = target.elts if isinstance(target, ast.Tuple) else [target]
                names |= {ast.unparse(element) for element in elements}
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_files_are_short():
    wrong = {
        relative(path): lines
        for path in tracked()
        if path.suffix in MEASURED and path.name not in UNMEASURED
        if (lines := len(path.read_text("utf-8").splitlines())) > MAX_LINES
    }
    assert not wrong, f"longer than {MAX_LINES} lines"


@pytest.mark.parametrize("pattern", [STIGMATISING, HOSTS_AND_PATHS], ids=["stigma", "hosts"])
def test_files_have_no_stigmatising_words_hosts_or_paths(pattern):
    assert not [
        f"{relative(path)}:{number}: {match.group()}"
        for path in tracked()
        if path.suffix in TEXT and path.resolve() != Path(__file__).resolve()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if (match := pattern.search(line))
    ]
