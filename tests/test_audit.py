"""`.ci/audit`, which `make audit` calls: pip-audit itself, asked of a database on this machine."""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
CONTROL = ("jinja2", "2.4.1")
PIN = "{} --hash=sha256:" + 64 * "0" + "\n"


class Database(http.server.ThreadingHTTPServer):
    """Speaks OSV's protocol. `vulnerable` are the (name, version) that it warns of, `asked` all that it was asked."""

    def __init__(self) -> None:
        self.vulnerable: set[tuple[str, str]] = {CONTROL}
        self.asked: set[tuple[str, str]] = set()
        super().__init__(("127.0.0.1", 0), Query)


class Query(http.server.BaseHTTPRequestHandler):
    server: Database

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = (query["package"]["name"], query["version"])
        self.server.asked.add(package)
        is_known = package in self.server.vulnerable
        vulnerability = {"id": "TEST-1", "summary": "known", "affected": []}
        content = json.dumps({"vulns": [vulnerability]} if is_known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[Database]:
    with Database() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def audit(database: Database) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the script on lock files."""
    folders = [str(Path(sys.prefix) / "supply" / "bin"), os.environ["PATH"]]
    program = shutil.which("pip-audit", path=os.pathsep.join(folders))
    if program is None:
        pytest.skip("needs pip-audit: make supply")
    url = f"http://127.0.0.1:{database.server_port}/v1/query"
    service = {"PIP_AUDIT_VULNERABILITY_SERVICE": "osv", "PIP_AUDIT_OSV_URL": url, "no_proxy": "127.0.0.1"}
    run = functools.partial(subprocess.run, env=os.environ | service, capture_output=True, text=True, check=False)
    return lambda *locks: run([ROOT / ".ci" / "audit", program, *locks])


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_each_pinned_package_is_asked_for(audit: Callable, database: Database) -> None:
    pins = {match for lock in LOCKS for match in re.findall(r"(?m)^([\w.-]+)==([\w.+]+)", lock.read_text())}
    assert len(pins) > 100
    done = audit(*LOCKS)
    assert done.returncode == 0, done.stderr
    assert "No known vulnerabilities found" in done.stdout
    assert database.asked == pins | {CONTROL}


def test_a_known_vulnerability_is_named_and_an_error(audit: Callable, database: Database, tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(PIN.format("good==1.0") + PIN.format("bad==2.0"))
    database.vulnerable.add(("bad", "2.0"))
    done = audit(tmp_path / "a.lock")
    assert last_line(done).startswith("error: versions with known vulnerabilities: raise them")
    assert re.search(r"bad +2\.0 +TEST-1", done.stderr)
    assert "good" not in done.stderr


def test_a_database_that_cannot_be_reached_is_an_error(audit: Callable, database: Database, tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(PIN.format("good==1.0"))
    database.server_close()
    assert last_line(audit(tmp_path / "a.lock")).startswith("error: the audit could not be made: no database")


def test_a_server_that_knows_of_nothing_is_no_database(audit: Callable, database: Database, tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(PIN.format("good==1.0"))
    database.vulnerable.clear()
    assert last_line(audit(tmp_path / "a.lock")).startswith("error: the audit could not be made: no database")
    assert database.asked == {CONTROL}


def test_a_package_that_is_left_out_is_an_error(audit: Callable, tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(PIN.format("good==1.0") + PIN.format("odd @ https://127.0.0.1/odd-1.0.zip"))
    done = audit(tmp_path / "a.lock")
    assert last_line(done).startswith("error: the audit could not be made: the line above")
    assert "odd: URL requirements cannot be pinned" in done.stderr


def test_make_audit_asks_for_all_locks() -> None:
    # As by hand, where `make test` has these tests run: a make within another tells of the folder that it leaves.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "audit"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    command = done.stdout.splitlines()[-1].split()
    assert command[0] == ".ci/audit"
    assert sorted(command[2:]) == [lock.name for lock in LOCKS]
