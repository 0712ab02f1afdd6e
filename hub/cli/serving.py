"""`serve`, `work` and `up`: the processes of an installation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import click

from hub.cli import demonstrating
from hub.cli.installation import Installation
from hub.cli.output import progress
from hub.web import lifeline
from hub.web.settings import WORKERS, Settings

_host = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
_anonymous = click.option(
    "--anonymous/--no-anonymous",
    envvar="FICHEHUB_ANONYMOUS",
    default=True,
    show_default=True,
    help="Answer askers without a key (public values only) [FICHEHUB_ANONYMOUS].",
)
_public_url = click.option(
    "--public-url",
    envvar="FICHEHUB_PUBLIC_URL",
    default="",
    help="How the hub is called from outside, e.g. https://hub.example.org [FICHEHUB_PUBLIC_URL].",
)
_port = click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port to listen on.")


@click.command()
@_host
@_port
@click.option("--workers", type=click.IntRange(1, 64), default=WORKERS, show_default=True, help="Processes that answer.")
@_anonymous
@_public_url
@click.option("--trusted-proxies", type=click.IntRange(0, 5), default=0, show_default=True, help="Proxies in front that set X-Forwarded-For.")
@click.pass_obj
def serve(installation: Installation, host: str, port: int, workers: int, anonymous: bool, public_url: str, trusted_proxies: int) -> None:
    """Serve start page, API and endpoints until interrupted."""
    from hub.web.server import serve as serve_forever  # granian: only who serves pays for loading it

    installation.bring_up_to_date()
    settings = Settings(anonymous=anonymous, trusted_proxies=trusted_proxies, public_url=public_url)
    serve_forever(installation.database_url, installation.home, settings, host=host, port=port, workers=workers, on_ready=_ready)


@click.command()
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input does: whoever started it is gone.")
@click.pass_obj
def work(installation: Installation, with_parent: bool) -> None:
    """Run the connections that are due, and the hub's own jobs, until interrupted. Any number may run side by side."""
    from hub.jobs import Worker
    from hub.store import loads_from_here

    installation.require()  # a worker of a folder that somebody mistyped would wait there for ever
    installation.bring_up_to_date()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if with_parent:
        lifeline.end_with(sys.stdin.fileno())
    click.echo("Working. Connections run when they are due.")
    loads_from_here()
    Worker(installation.store, installation.plugins).run_forever(stop)


@click.command()
@_host
@_port
@click.option("--size", type=click.Choice(["S", "M"]), default="S", show_default=True, help="Size of the demonstration world.")
@click.option("--demo/--no-demo", default=True, show_default=True, help="Fill an empty installation with the demonstration world.")
@_anonymous
@_public_url
@click.pass_obj
def up(installation: Installation, host: str, port: int, size: str, demo: bool, anonymous: bool, public_url: str) -> None:
    """Everything on one machine: database, demonstration world, server and worker. What `make run` calls."""
    from hub.web import server

    server.require_free(installation.home, host, port)  # before the demonstration is loaded for nothing
    installation.allow_upgrade()
    installation.bring_up_to_date()
    with demonstrating.simulated_systems(installation, size, wanted=demo) as shown:
        if shown:
            with progress() as draw:
                for loaded in demonstrating.fill(installation, draw):
                    click.echo(loaded.line)
        # By the environment: what stands on a command line can be read by every user of the machine.
        where = {"FICHEHUB_HOME": str(installation.home), "FICHEHUB_DATABASE_URL": installation.database_url}
        parent = lifeline.hold()
        worker = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", "work", "--with-parent"],
            env={**os.environ, **where},
            stdout=subprocess.DEVNULL,
            stdin=parent.fileno(),
        )
        try:
            _say_addresses(host, port)
            server.serve(
                installation.database_url,
                installation.home,
                Settings(demo=bool(shown), anonymous=anonymous, public_url=public_url),
                host=host,
                port=port,
                on_ready=_ready,
            )
        finally:
            worker.terminate()
            worker.wait()


def _say_addresses(host: str, port: int) -> None:
    address = f"http://{host}:{port}"
    for what, path in (
        ("Start page", "/"),
        ("FHIR", "/fhir/metadata"),
        ("API", "/api/v1/docs"),
        ("Widget", "/widget/demo"),
        ("Health", "/health"),
    ):
        click.echo(f"  {what:<12}{address}{path}")


def _ready(address: str) -> None:
    click.echo(f"Ready: {address}")
    sys.stdout.flush()


COMMANDS = (serve, work, up)
