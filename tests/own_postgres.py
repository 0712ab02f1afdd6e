"""A PostgreSQL server of our own for tests and benchmarks: made in a temporary folder, gone afterwards; or in a folder that a benchmark keeps.

It never touches a server that runs on the machine already: it listens on a Unix socket in its own folder and on no port.
"""

import glob
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

HOW_TO_INSTALL = "apt-get install postgresql (version 15 or newer; only the programs are used, no server needs to run)"

_START_SECONDS = 60.0
# Durability is worth nothing here. The time zone is deliberately not UTC: a server in Belgium usually is not.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "timezone": "Europe/Brussels",
}
# The server lives exactly as long as somebody holds the other end of this shell's standard input, so that it also goes
# away when the test process is killed. A folder to be kept is its fourth word.
_KEEPER = """
"$1" -D "$2/data" -k "$2" $3 >"$2/server.log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server" 2>/dev/null
wait "$server"
cd / && [ -n "$4" ] || rm -rf "$2"
"""


class PostgresServer:
    """A running server; every database in it is thrown away with its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def url(self, database: str = "postgres") -> str:
        """A URL that both SQLAlchemy and psycopg understand."""
        return f"postgresql://fichehub@/{database}?host={quote(str(self._folder), safe='')}"

    def create(self, template: str = "template1") -> str:
        """Make a database as a copy of `template`, to which nobody may be connected; the answer is its name."""
        self._made += 1
        name = f"test_{os.getpid()}_{self._made}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            # Copied file by file, and not block by block through the log as is usual since PostgreSQL 15: half the processor time.
            how = "STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {how}')
        return name

    def ensure(self, name: str) -> bool:
        """Make an empty database of this name unless there is one; whether it was made."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return False
        self._execute(f'CREATE DATABASE "{name}"')
        return True

    def drop(self, name: str) -> None:
        """Remove a database, also when connections to it are still open."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


def find_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest version first; None when the machine has none."""
    folders: list[str] = []
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(os.path.dirname(os.path.realpath(on_path)))
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=_version, reverse=True)
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        folders.append(answer.stdout.strip())
    for folder in folders:
        if folder and all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres")):
            return Path(folder)
    return None


@contextmanager
def running_postgres(
    programs: Path, kept: Path | None = None, more: Mapping[str, str] | None = None, *, within: Path | None = None
) -> Iterator[PostgresServer]:
    """Start a server from the programs in this folder and stop it at the end; RuntimeError with its log when it does not start.

    `kept`: the folder that the server lives in, made if need be; it stays, and its databases are there the next time. `more`: settings over our own.
    `within`: where the folder is made that does not stay; otherwise where the machine has its temporary files.
    """
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="fichehub-pg-", dir=within)) if kept is None else kept.resolve()
    user = _unprivileged_user()
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    group = None if user is None else pwd.getpwnam(user).pw_gid
    extra_groups: list[int] | None = None if user is None else []
    if not (folder / "data").exists():
        made = subprocess.run(
            [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "fichehub", "--auth=trust", "--no-sync",
             "--encoding=UTF8", "--locale=C.UTF-8"],
            capture_output=True, text=True, check=False, cwd="/", user=user, group=group, extra_groups=extra_groups,
        )  # fmt: skip
        if made.returncode != 0:
            shutil.rmtree(folder / "data" if kept else folder, ignore_errors=True)
            raise RuntimeError(f"initdb failed: {made.stderr.strip()}")
    settings = " ".join(f"-c {name}={value}" for name, value in {**_SETTINGS, **(more or {})}.items())
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, "keeper", str(programs / "postgres"), str(folder), settings, "kept" if kept else ""],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        cwd="/", user=user, group=group, extra_groups=extra_groups,
    )  # fmt: skip
    try:
        server = PostgresServer(folder)
        _wait_until_it_answers(server, folder / "server.log")
        yield server
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait(timeout=30)


def _wait_until_it_answers(server: PostgresServer, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                written = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
                raise RuntimeError(f"PostgreSQL did not start: {error}\n{written[-2000:]}") from error
            time.sleep(0.02)
        else:
            return


def _unprivileged_user() -> str | None:
    """Whom to run as: PostgreSQL refuses root. None means: as who we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise RuntimeError("PostgreSQL does not run as root, and the machine has neither a user 'postgres' nor 'nobody'")


def _version(folder: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", folder))
