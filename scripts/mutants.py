"""Mutation testing: a seeded sample of cosmic-ray's mutants, each against its module's tests.

Run by `make mutate`. cosmic-ray makes the mutants and runs the tests; this script samples, and
selects the tests: those at the mirrored path, and for a family of forecasters the shared ones.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec, TestOutcome

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("forecast", "service/answers")
FAMILIES = Path("forecast/forecasters")
PYTEST = f"{ROOT}/.venv/bin/python -m pytest -x -q -n 0 -p no:cacheprovider"


def tests_of(module: Path) -> str:
    """Return the command that tests `module`, a path from the root."""
    chosen = [f"tests/{module.parent}/test_{module.name}"]
    if module.parent == FAMILIES and module.stem != "base":
        chosen += ["tests/forecast/test_serialize.py", "tests/forecast/forecasters/test_base.py"]
        return f"{PYTEST} {' '.join(chosen)} -k '{module.stem}'"
    return f"{PYTEST} {chosen[0]}"


def unread(module: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the position of each annotation: none is evaluated, so no test can fail."""
    nodes: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            nodes.append(node.returns)
    return [
        ((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in nodes if n
    ]


def mutants() -> list[MutationSpec]:
    """Return all mutants, always in the same order."""
    found = []
    for package in PACKAGES:
        for module in sorted(Path(package).rglob("*.py")):
            if not Path(f"tests/{module.parent}/test_{module.name}").exists():
                continue
            spans = unread(module)
            for item in _all_work_items([module], {}):
                (mutation,) = item.mutations
                if not any(a <= mutation.start_pos < b for a, b in spans):
                    found.append(mutation)
    return sorted(found, key=lambda m: (str(m.module_path), m.operator_name, m.occurrence))


def copy(to: Path) -> None:
    """Copy the files tracked by git, with local changes."""
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if Path(name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, to / name)
    subprocess.run(["git", "init", "-q", str(to)], check=True)


Job = tuple[MutationSpec, float]
Outcome = tuple[MutationSpec, str, str]


def begin(folders: multiprocessing.Queue[str]) -> None:
    """Give each process its own working copy."""
    os.chdir(folders.get())
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    # The unchanged modules publish once; publishing for each mutant takes longer than its tests.
    os.environ["CROSSINGS_TEST_PUBLISHED"] = str(Path.cwd().parent)


def baseline(module: Path) -> tuple[Path, float]:
    """Return the seconds of the tests of `module`; a failure would invalidate all results."""
    began = time.monotonic()
    done = subprocess.run(tests_of(module), shell=True, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"the tests of {module} fail unchanged:\n{done.stdout[-2000:]}")
    return module, time.monotonic() - began


def attempt(job: Job) -> Outcome:
    """Test one mutant; taking three times as long as the unchanged module counts as killed."""
    mutation, seconds = job
    result = mutate_and_test([mutation], tests_of(mutation.module_path), 3 * seconds + 30)
    if result.test_outcome not in (TestOutcome.KILLED, TestOutcome.SURVIVED):
        raise click.ClickException(f"{mutation.module_path}: {result.output}")
    return mutation, result.test_outcome.value, result.diff or ""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sample", type=click.IntRange(1), default=400, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--minutes", type=click.FloatRange(1), default=60.0, show_default=True, help="At most."
)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--only", default="", help="Modules whose path holds this text.")
def main(sample: int, seed: int, minutes: float, processes: int, only: str) -> None:
    """Print the share of mutants killed, and a diff of each survivor."""
    began = time.monotonic()
    os.chdir(ROOT)
    every = [m for m in mutants() if only in str(m.module_path)]
    chosen = random.Random(seed).sample(every, min(sample, len(every)))
    modules = sorted({m.module_path for m in chosen})
    click.echo(f"{len(chosen)} of {len(every)} mutants, in {len(modules)} modules")
    killed: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        folders: multiprocessing.Queue[str] = multiprocessing.Queue()
        for number in range(processes):
            copy(Path(folder, str(number)))
            folders.put(str(Path(folder, str(number))))
        with multiprocessing.Pool(processes, begin, (folders,)) as pool:
            seconds = dict(pool.imap_unordered(baseline, modules))
            click.echo(f"{time.monotonic() - began:,.0f} s for the modules unchanged")
            jobs = [(m, seconds[m.module_path]) for m in chosen]
            for mutation, outcome, diff in pool.imap_unordered(attempt, jobs):
                module = str(mutation.module_path)
                tried[module] += 1
                killed[module] += outcome == "killed"
                if outcome != "killed":
                    place = f"{module}:{mutation.start_pos[0]}"
                    lines = [d for d in diff.splitlines() if d[:1] in "+-" and d[1:2] not in "+-"]
                    click.echo("\n".join([f"survived {place}", *lines]))
                if time.monotonic() - began > 60 * minutes:
                    click.echo(f"stopped after {minutes:g} minutes")
                    break
    for module in sorted(tried):
        click.echo(f"{killed[module]:4} of {tried[module]:3}  {module}")
    total, dead = sum(tried.values()), sum(killed.values())
    click.echo(
        f"{dead} of {total} killed, {100 * dead / total:.1f} %, seed {seed}, "
        f"{time.monotonic() - began:,.0f} s"
    )


if __name__ == "__main__":
    main()
