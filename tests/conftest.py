"""What all tests share: a fresh database on both engines, a browser, and the rule that no test leaves this machine.

PostgreSQL and Chromium are looked for; a test that needs what is missing is skipped with the reason, and the summary says how to install it.
With FICHEHUB_REQUIRE_ALL=1 (as in .ci/run) every skip is a failure. FICHEHUB_HYPOTHESIS=long searches much longer for counter-examples.
"""

import gc
import os
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from tests import own_postgres
from tests.in_memory import folder_in_memory

if TYPE_CHECKING:  # half a second that most runs need not pay
    from playwright.sync_api import Browser, Page, Route

settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=5_000)
settings.load_profile(os.environ.get("FICHEHUB_HYPOTHESIS", "ci"))

REQUIRE_ALL = os.environ.get("FICHEHUB_REQUIRE_ALL") == "1"

_CHROMIUM_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_POSTGRES_ROOM = 2_000
"""Megabytes: a server of its own for each of four processes, with its log of up to 256 MB."""
_LOCAL_HOSTS = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}
_missing = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_missing] = {}
    # A developer's own installation must be out of reach of the tests.
    for name in ("FICHEHUB_HOME", "FICHEHUB_DATABASE_URL"):
        os.environ.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is made to collect seven thousand tests stays till the end: the garbage collector need not walk through it over and over."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by what a test asks for, so that `-m "not postgres and not browser"` leaves out exactly those; rooms with slow tests come first, then those with a browser.

    One that takes minutes and comes last would leave all processors but one with nothing to do.
    """
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "postgres_server" in asked:
            item.add_marker(pytest.mark.postgres)
        if "chromium_path" in asked:
            item.add_marker(pytest.mark.browser)
    slow, browsing = ({item.path for item in items if item.get_closest_marker(mark)} for mark in ("slow", "browser"))
    items.sort(key=lambda item: (item.path not in slow, item.path not in browsing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"FICHEHUB_REQUIRE_ALL=1 forbids to skip a test: {reason}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes of a run (pytest-xdist) tells the first what it missed."""
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["missing"] = session.config.stash[_missing]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_missing].update(getattr(node, "workeroutput", {}).get("missing", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.line(value)
    missing = config.stash[_missing]
    if missing:
        terminalreporter.section("missing on this machine")
        for what, how in missing.items():
            terminalreporter.line(f"{what}: the tests that need it did not run. To install it: {how}")


def _skip_for_want_of(config: pytest.Config, what: str, how: str) -> None:
    config.stash[_missing][what] = how
    pytest.skip(f"{what} was not found; {how}")


@pytest.fixture(scope="session", autouse=True)
def _stay_on_this_machine() -> Iterator[None]:
    """Names of other hosts do not resolve, so that a forgotten address fails here and not at a partner's."""
    real = socket.getaddrinfo

    def only_local(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in _LOCAL_HOSTS or str(name).startswith("127."):
            return real(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, f"tests may not leave this machine, but one asked for {name!r}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", only_local)
        yield


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[own_postgres.PostgresServer]:
    """A PostgreSQL server of this test run alone; in memory where there is room, as a new database is some three hundred files."""
    programs = own_postgres.find_programs()
    if programs is None:
        _skip_for_want_of(pytestconfig, "PostgreSQL", own_postgres.HOW_TO_INSTALL)
    else:
        within = folder_in_memory(_POSTGRES_ROOM)
        with own_postgres.running_postgres(programs, more={"max_wal_size": "256MB"}, within=within) as server:
            yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: own_postgres.PostgresServer) -> str:
    """The URL of the server's maintenance database; tests that write ask for `database_url`."""
    return postgres_server.url()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the current schema, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "fichehub.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_name(postgres_server: own_postgres.PostgresServer) -> str:
    """The same in PostgreSQL: a database that serves as a template."""
    name = postgres_server.create()
    _migrate(postgres_server.url(name))
    return name


def _migrate(url: str) -> None:
    from hub.store import database

    engine = database.connect(url)
    database.migrate(engine)
    engine.dispose()


@pytest.fixture
def postgres_database_url(postgres_server: own_postgres.PostgresServer, migrated_name: str) -> Iterator[str]:
    """A PostgreSQL database of this test alone, at the current schema and with nothing in it."""
    name = postgres_server.create(template=migrated_name)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_database_url(migrated_file: Path, tmp_path: Path) -> str:
    """The same in SQLite."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'fichehub.sqlite')}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database at the current schema with nothing in it; a test that asks for it runs once on each engine."""
    engine: str = request.param
    url: str = request.getfixturevalue({"sqlite": "sqlite_database_url", "postgresql": "postgres_database_url"}[engine])
    return url


@pytest.fixture(scope="session")
def chromium_path(pytestconfig: pytest.Config) -> str:
    """The installed Chromium; FICHEHUB_CHROMIUM names another one."""
    named = os.environ.get("FICHEHUB_CHROMIUM")
    for program in [named] if named else _CHROMIUM_PROGRAMS:
        path = shutil.which(program)
        if path:
            return path
    _skip_for_want_of(pytestconfig, "Chromium", "apt-get install chromium, or set FICHEHUB_CHROMIUM to a program")
    raise AssertionError("a skip always raises")


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> "Iterator[Browser]":
    """A headless Chromium for the whole run; every test opens contexts of its own in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium_path, args=_CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def new_page(browser: "Browser") -> "Iterator[Callable[..., Page]]":
    """Opens a page in a context of its own, as a visitor from Flanders; options are those of `Browser.new_context`.

    At the end the test fails when a page asked for a host other than this machine, or when a script on it failed.
    """
    contexts = []
    complaints: list[str] = []

    def stay_here(route: "Route") -> None:
        url = urlsplit(route.request.url)
        if url.scheme in {"http", "https"} and url.hostname not in _LOCAL_HOSTS:
            complaints.append(f"a page asked for {route.request.url}")
            route.abort()
        else:
            route.continue_()

    def open_page(**options: Any) -> "Page":
        context = browser.new_context(**{"locale": "nl-BE", "timezone_id": "Europe/Brussels", **options})
        contexts.append(context)
        context.route("**/*", stay_here)
        context.on("weberror", lambda failure: complaints.append(f"a script failed: {failure.error.message}"))
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page: "Callable[..., Page]") -> "Page":
    """One page to look at; see `new_page`."""
    return new_page()
