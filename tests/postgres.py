"""A real PostgreSQL on this machine, as a process of its own in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

PASSWORD = "right horse"


class Postgres:
    """A server that asks for a password, with one user."""

    user = "sweeper"

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self.programs = programs[-1] if programs else Path(shutil.which("initdb") or "/").parent
        # PostgreSQL refuses to run as root.
        self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if not os.geteuid() else []

    def start(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self.as_user:
            shutil.chown(self.folder, "postgres", "postgres")
            shutil.chown(password, "postgres", "postgres")
        self._run("initdb", "-D", f"{self.folder}/data", "-U", self.user, "-A", "scram-sha-256", "--pwfile", password)
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -F"
        log = f"{self.folder}/log"
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-l", log, "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        secret = password.replace(" ", "%20")
        return f"postgresql://{self.user}:{secret}@127.0.0.1:{self.port}/{database}"

    def ask(self, sql: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(sql)

    def _run(self, program: str, *words: object) -> None:
        done = subprocess.run(
            [*self.as_user, str(self.programs / program), *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=60,
            cwd="/",
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A PostgreSQL server; else skip, saying what is missing."""
    if not shutil.which("initdb") and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("PostgreSQL is not installed: `apt-get install postgresql`")
    folder = Path(tmp_path_factory.mktemp("postgres"))
    for parent in (folder, *folder.parents):
        if parent.owner() == "root" and str(parent) not in ("/", "/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    server = Postgres(folder)
    server.start()
    yield server
    server.stop()
