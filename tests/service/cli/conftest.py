"""Commands in this process with given settings, and as processes that run until stopped."""

import signal
import subprocess

import httpx
import psutil
import pytest
from click.testing import CliRunner

from service.cli.main import group
from tests.service.support import ROOT, command, declare_quick_models, environment, free_port
from tests.support.waiting import BOUND, wait_until


@pytest.fixture
def invoke_with(monkeypatch):
    """A function that returns one which runs a command with the settings."""

    def prepare(settings):
        monkeypatch.setattr("service.core.settings.load_settings", lambda: settings)
        monkeypatch.setattr("service.core.logs.configure", lambda *_: None)
        return lambda *words, stdin=None: CliRunner().invoke(group, words, input=stdin)

    return prepare


def _restore_signals():
    """Restore signals that children of a background shell or of nohup ignore."""
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Service:
    """A ``crossings`` process, whose output goes to a file."""

    def __init__(self, role, settings, log):
        self.url = f"http://127.0.0.1:{settings['port']}"
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command(role),
                env=environment(**settings),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_restore_signals,
            )

    @property
    def output(self):
        return self.log.read_text("utf-8")

    def wait_for(self, text):
        """Wait until the output contains `text`."""

        def is_printed():
            has_ended = self.process.poll() is not None
            is_found = text in self.output
            assert is_found or not has_ended, self.output
            return is_found

        wait_until(is_printed, text)

    def get(self, path):
        response = httpx.get(self.url + path, timeout=BOUND, trust_env=False)
        return response.status_code, response.text

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number=signal.SIGTERM):
        """Send a signal; the process and its children must end in order."""
        children = self.children()
        self.process.send_signal(number)
        assert self.process.wait(BOUND) == 0, self.output
        assert not psutil.wait_procs(children, timeout=BOUND)[1]
        assert "Traceback" not in self.output


@pytest.fixture
def start(tmp_path):
    """Start a role on a free port, with models that are quick to fit."""
    defaults = {
        "port": free_port(),
        "var_dir": tmp_path / "var",
        "models_dir": declare_quick_models(tmp_path / "models"),
        "paths": 100,
        "champion_origins": 4,
        "fit_seconds": 0,  # a fit in its own process would load the libraries of every family
    }
    started = []

    def run(role="run", **settings):
        started.append(Service(role, defaults | settings, tmp_path / f"log-{len(started)}"))
        return started[-1]

    yield run
    for service in started:
        if service.process.poll() is None:
            for process in [*service.children(), psutil.Process(service.process.pid)]:
                process.kill()
        service.process.wait()
