"""CPU seconds and peak memory of commands, beside bare Python.

The forecast is compared with a bare script that fits Prophet to the same days and draws as many
paths. All run in turns, so that other work on the machine affects them alike; prints medians.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
FIGURES = "service/data/figures.csv"
PYTHON, CROSSINGS = [sys.executable], [sys.executable, "-m", "service.cli"]
_NAMES = """
from service.cli.main import group
def walk(command, words):
    print(*words)
    for name in getattr(command, "list_commands", lambda _: ())(None):
        walk(command.get_command(None, name), [*words, name])
walk(group, [])
"""
_PROPHET = f"""
import pandas as pd, prophet
days = pd.read_csv("{FIGURES}", parse_dates=["date"])[["date", "people"]].tail(1826)
days = days.rename(columns={{"date": "ds", "people": "y"}}).assign(y=lambda row: row.y ** 0.5)
model = prophet.Prophet(daily_seasonality=False, uncertainty_samples=1000).fit(days, seed=1)
ahead = model.make_future_dataframe(28, include_history=False)
print((model.predictive_samples(ahead)["yhat"].clip(0) ** 2).shape)
"""


def main() -> None:
    """Publish a forecast, measure in turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = range(parser.parse_args().rounds)
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith("CROSSINGS_")]:
            del os.environ[name]
        os.environ |= {"CROSSINGS_SOURCE": "figures", "CROSSINGS_VAR_DIR": folder}
        os.environ["CROSSINGS_FITTED_DIR"] = f"{folder}/fitted"
        cost([*CROSSINGS, "ingest"])
        cost([*CROSSINGS, "refit"])
        listed = subprocess.check_output([*PYTHON, "-c", _NAMES], cwd=ROOT, text=True)
        helps = [[*line.split(), "--help"] for line in listed.splitlines()]
        worst = max(helps[1:], key=lambda words: min(cost([*CROSSINGS, *words]) for _ in rounds))
        forecast = ["forecast", "--data", FIGURES, "--format", "csv"]
        ours = [helps[0], worst, ["status"], ["doctor"], forecast, [*forecast, "--model=prophet"]]
        programs = {"bare Python": [*PYTHON, "-c", ""], "bare Prophet": [*PYTHON, "-c", _PROPHET]}
        programs |= {" ".join(["crossings", *words]): [*CROSSINGS, *words] for words in ours}
        measured = [{name: cost(words) for name, words in programs.items()} for _ in rounds]
    print("| program | CPU, s | over bare Python, s | times bare Prophet | peak, MB |", end="\n|")
    print(" --- |" * 5)
    for name in programs:
        column = [(*row[name], row["bare Python"][0], row["bare Prophet"][0]) for row in measured]
        kinds = [(cpu, cpu - bare, cpu / fit, peak) for cpu, peak, bare, fit in column]
        medians = map(median, zip(*kinds, strict=True))
        print("| {} | {:.2f} | {:.2f} | {:.2f} | {:.0f} |".format(name, *medians))


def cost(command: list[str]) -> tuple[float, float]:
    """CPU seconds of a program and its children, and its peak memory in MB."""
    nowhere = subprocess.DEVNULL
    child = subprocess.Popen(command, cwd=ROOT, stdout=nowhere, stderr=nowhere)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
