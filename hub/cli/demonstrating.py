"""`demo` and `simulate`: the fictional world, and the outside systems that show it over real HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from hub.cli.installation import Installation
from hub.cli.output import progress, say_json
from hub.connector import Progress
from hub.demo import World
from hub.demo.stage import Loaded, Stage
from hub.errors import Misconfigured
from hub.outbound import ALLOW_PRIVATE
from hub.plugins import Plugins
from hub.testing.simulator import Simulator


@contextmanager
def simulated_systems(installation: Installation, size: str, *, wanted: bool = True) -> Iterator[list[Simulator]]:
    """The outside systems of the demonstration, serving on this machine; none when the installation is not a demonstration."""
    stage = Stage(installation.store, installation.plugins)
    if not (wanted and stage.is_ours()):
        yield []
        return
    os.environ.setdefault(ALLOW_PRIVATE, "1")
    running = stage.start(size)
    try:
        yield running
    finally:
        for simulator in running:
            simulator.stop()


def fill(installation: Installation, draw: Progress) -> Iterator[Loaded]:
    """Load the demonstration world through the real connectors where that has not happened yet; yields what became of each connection."""
    return Stage(installation.store, installation.plugins).load(draw)


@click.command()
@click.option("--size", type=click.Choice(["S", "M"]), default="S", show_default=True, help="How much of the world.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
@click.pass_obj
def demo(installation: Installation, size: str, as_json: bool) -> None:
    """Fill an empty installation with the fictional world, through simulators and the real connectors; given again, load what is missing."""
    installation.allow_upgrade()
    installation.bring_up_to_date()
    with simulated_systems(installation, size) as running:
        if not running:
            raise Misconfigured("This installation has connections of its own; the demonstration only fills an empty one.")
        with progress() as draw:
            found = list(fill(installation, draw))
    failed = [each.line for each in found if not each.done]
    if as_json:
        say_json({"loaded": [each.line for each in found if each.done], "failed": failed})
    else:
        click.echo("\n".join(each.line for each in found) or "The demonstration world is loaded already.")
    if failed:
        click.echo("The demonstration world is not whole. To load what is missing, give the command again: fichehub demo", err=True)
        click.get_current_context().exit(1)


@click.command()
@click.argument("system")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port to listen on; 0: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--size", type=click.Choice(["S", "M", "L"]), default="S", show_default=True, help="How much of the world it shows.")
@click.option("--seed", type=int, default=2026, show_default=True, help="Another seed, another world.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=N]", help="Switch a fault on, for one request in N; repeat for more.")
@click.option("--faults", "list_faults", is_flag=True, help="Name the faults that this system can show, and stop.")
@click.pass_obj
def simulate(installation: Installation, system: str, port: int, host: str, size: str, seed: int, faults: tuple[str, ...], list_faults: bool) -> None:
    """Serve a simulated outside SYSTEM (sociale-kaart, progezondheid, cobrha, sociaal-brussels) over HTTP until interrupted.

    Faults can also be switched while it runs: POST /_faults with {"name": "...", "on": true}.
    """
    kind = simulator_of(installation.plugins, system)
    if list_faults:
        for name, text in sorted(kind.fault_texts().items()):
            click.echo(f"{name:<18}{text}")
        return
    from hub.web import server  # granian: only who serves pays for loading it

    server.require_free(installation.home, host, port)
    try:
        simulator = kind(World(seed=seed, size=size), size=size, faults=faults)  # type: ignore[arg-type]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from error
    simulator.serve_forever(port, host, ready=lambda address: click.echo(f"{system} simulated at {address}"))


def simulator_of(plugins: Plugins, system: str) -> type[Simulator]:
    """The simulator of this system; raises `Misconfigured` with those that there are."""
    found = {name: kind.simulator for name, kind in plugins.connectors.items() if kind.simulator is not None}
    if system not in found:
        raise Misconfigured(f"There is no simulator of {json.dumps(system)}; there are: {', '.join(sorted(found)) or 'none'}.")
    return found[system]


COMMANDS = (demo, simulate)
