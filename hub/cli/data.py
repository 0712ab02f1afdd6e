"""`query`, `export`, `changes`, `erase` and `db`: what is in the hub."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click
from sqlalchemy.exc import DatabaseError

from hub.cli.accepting_keys import accept_keys
from hub.cli.connecting import in_short, settings, settings_of
from hub.cli.installation import Installation
from hub.cli.output import (
    NotUnderstood,
    OutputFile,
    as_json,
    counted,
    progress,
    say_done,
    say_json,
    say_line,
    say_table,
    say_written,
)
from hub.connector import Context, Export
from hub.directory import Directory
from hub.errors import FichehubError, FieldError, Invalid, Misconfigured
from hub.model.audience import LEVELS
from hub.model.entity import Entity
from hub.model.fiche import ENTITY_TYPES
from hub.model.identifiers import impossible
from hub.model.particulars import name_in
from hub.model.query import SORTS, Near, Query
from hub.model.query_words import narrowed, near_of
from hub.model.storable import storable
from hub.outbound import open_outbound
from hub.plugins import bugs, prints_aside
from hub.store import database, erasure, index_anew, loads_from_here
from hub.store.erased_together import Doomed, together
from hub.sync import connections
from hub.sync import run as run_once
from hub.sync.building import bug, check_selection
from hub.sync.configuring import config_errors
from hub.sync.export import write_rows
from hub.sync.secrets import redactor
from hub.sync.whole import whole_file

_partner = click.option("--partner", default="", help="As this partner sees it.")
_level = click.option("--level", type=click.Choice(LEVELS), default="public", show_default=True, help="As somebody of this level sees it.")


@click.command()
@click.option(
    "--kind", "types", type=click.Choice(ENTITY_TYPES), multiple=True, help="Which entities; repeat for more; default: the three kinds of fiche."
)
@click.option("--text", default="", help="Words that must occur, each as the beginning of a word.")
@click.option(
    "--where",
    "criteria",
    multiple=True,
    metavar="KEY=VALUE",
    help="A criterion, e.g. postcode=9000, 'code=rubriek|14' or organisatie=ID; values separated by commas are alternatives.",
)
@click.option("--near", metavar="LAT,LON,KM", help="Within so many kilometres of a point.")
@click.option("--local", help="Municipality (REFNIS code, postcode or name) whose hits come first.")
@click.option("--sort", type=click.Choice(SORTS), default=None, help="Order; default: local with --local, else the fixed number.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--cursor", help="From the previous page.")
@_partner
@_level
@as_json
@click.pass_obj
def query(
    installation: Installation,
    types: tuple[Any, ...],
    text: str,
    criteria: tuple[str, ...],
    near: str | None,
    local: str | None,
    sort: Any,
    limit: int,
    cursor: str | None,
    partner: str,
    level: str,
    as_json: bool,
) -> None:
    """Search, as any output does."""
    directory = installation.directory(partner, level)
    asked = Query(
        types=types or ("organisatie", "aanbod", "zorgverlener"),
        text=text,
        near=None if near is None else _near(near),
        local=None if local is None else directory.places.meant(local)[0].refnis,
        sort=sort or ("local" if local else "number"),
        limit=limit,
        cursor=cursor,
        total="accurate" if cursor is None else "none",
    )
    usable = [_usable(criterion, directory) for criterion in criteria]
    try:
        page = directory.search(narrowed(asked, usable))
    except Invalid as error:  # a criterion or a cursor that is written wrongly, as of any other option
        raise NotUnderstood(error) from error
    if as_json:
        say_json(
            {
                "total": page.total,
                "next": page.next,
                "items": [
                    {"id": hit.entity.id, "type": hit.entity.type, "why": hit.why, "distance_km": hit.distance_km, "fiche": hit.entity.fiche}
                    for hit in page.hits
                ],
            }
        )
        return
    say_table(
        ("id", "kind", "name", "why"),
        [(h.entity.id, h.entity.type, name_in(h.entity.fiche, "nl").text, "; ".join(" ".join(reason) for reason in h.why)) for h in page.hits],
        "Nothing found.",
    )
    if page.total is not None:
        click.echo(f"{page.total} in all.")
    if page.next is not None:
        click.echo(f"More: --cursor {page.next}")


def _usable(text: str, directory: Directory) -> str:
    """The criterion with its places as codes. Raises `Invalid` for one that never finds anything."""
    key, separator, values = text.partition("=")
    if not separator:
        raise NotUnderstood(Invalid("That is no criterion.", (FieldError("where", "Write it as key=value.", text),)))
    if key == "municipality":
        values = ",".join(found.refnis for value in values.split(",") for found in directory.places.meant(value))
    for value in values.split(","):
        if key == "identifier" and (wrong := impossible(value)) is not None:
            said = (f"{text!r} finds nothing, ever.", value) if wrong.value else ("This identifier finds nothing, ever.", None)
            raise Invalid(said[0], (FieldError("where", wrong.reason, said[1]),))
        if reason := directory.no_such(*(("code", f"rubriek|{value}") if key == "rubriek" else (key, value))):
            raise Invalid(f"{text!r} finds nothing, ever.", (FieldError("where", reason, value),))
    return f"{key}={values}" if key == "municipality" else text


def _near(text: str) -> Near:
    try:
        return near_of(text)
    except ValueError:
        raise NotUnderstood(Invalid("That is no place.", (FieldError("near", "write it as LAT,LON,KM, e.g. 51.05,3.72,10", text),))) from None


class _WithSettings(click.Command):
    """A command whose help ends in the settings of every connector that writes files."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        installation = ctx.find_object(Installation)
        if installation is None:
            return
        for name, kind in sorted(installation.plugins.connectors.items()):
            told = [(each["name"], each["description"] + (f" [default: {short}]" if (short := in_short(each)) else "")) for each in settings_of(kind)]
            if issubclass(kind, Export) and told:
                with formatter.section(f"Settings of {name}, for --set KEY=VALUE"):
                    formatter.write_dl(told)


@click.command(cls=_WithSettings)
@click.argument("export")
@click.argument("output", type=OutputFile())
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A field of the configuration; lists as JSON.")
@_partner
@_level
@as_json
@click.pass_obj
def export(installation: Installation, export: str, output: Path, pairs: tuple[str, ...], partner: str, level: str, as_json: bool) -> None:
    """Write a whole file to OUTPUT: of an EXPORT connection, or of an export connector (such as excel) with --set.

    A file that is there keeps its rights; a new one can be read by its owner alone. OUTPUT - is standard output.
    """
    loads_from_here()  # a whole selection is no less to the collector of garbage than a load
    known = {connection.name for connection in connections.list_all(installation.store, installation.plugins)}
    with progress() as draw, prints_aside():
        if export in known:
            report = run_once(installation.store, installation.plugins, export, progress=draw, file=output)
            if report.state != "done":
                raise Misconfigured(f"The export failed: {report.reason}")
            rows = report.pushed
        else:
            rows = _write(installation, export, output, settings(pairs), partner, level, draw)
    say_written({"file": storable(str(output)), "rows": rows}, f"{counted(rows, 'row')} written to {output}", as_json, output)


def _write(installation: Installation, name: str, output: Path, given: dict[str, Any], partner: str, level: str, draw: Any) -> int:
    kind = installation.plugins.connector(name)
    if not issubclass(kind, Export):
        raise Misconfigured(f"{name} does not write files.")
    schema = kind.config_schema()
    wrong = config_errors(kind, given)
    if wrong:
        raise Misconfigured(f"{name} cannot be used with these settings.", wrong)
    directory = installation.directory(partner, level)
    with open_outbound() as http:
        grant = directory.grant
        label, areas = directory.concepts().label, directory.places.areas
        context = Context(http, installation.store.now, draw, label, level=grant.level, fields=grant.fields, areas=areas)
        config = cast("dict[str, Any]", schema.load(given))
        try:
            connector = kind(config, context)
            connector.check()
            check_selection(installation.store, connector)
            with whole_file(output) as file:
                return write_rows(connector, _watched(directory.walk(connector.query()), draw, kind.title), file)
        except (FichehubError, OSError, DatabaseError):
            raise
        except bugs() as error:  # an export is a stranger's code
            raise bug(f"The export {name!r}", error, redactor(kind.config_schema, config)) from None


def _watched(entities: Iterator[Entity], draw: Any, what: str) -> Iterator[Entity]:
    for count, entity in enumerate(entities, start=1):
        if count % 200 == 0:
            draw(count, None, what)
        yield entity


@click.command()
@click.option("--since", type=click.IntRange(min=0), default=0, show_default=True, help="The last seq that you have.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@_partner
@_level
@as_json
@click.pass_obj
def changes(installation: Installation, since: int, limit: int, partner: str, level: str, as_json: bool) -> None:
    """What changed since a seq, oldest first; with --json a line per change and a last line that says where to go on."""
    page = installation.directory(partner, level).changes(since, limit)
    if as_json:
        for change in page.changes:
            say_line(asdict(change))
        say_line({"next": page.next, "head": page.head})
        return
    say_table(
        ("seq", "at", "operation", "type", "id", "origin", "fields"),
        [(c.seq, c.at, c.operation, c.type, c.id, c.origin, ", ".join(c.fields)) for c in page.changes],
        "Nothing changed.",
    )
    click.echo(f"Go on from --since {page.next}; the newest is {page.head}.")


@click.command()
@click.argument("fiche")
@click.option("--reason", required=True, help="Why (it is kept, without the data).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def erase(installation: Installation, fiche: str, reason: str, yes: bool, as_json: bool) -> None:
    """Erase the FICHE with this id for ever: claims, versions, index. No later reload brings it back (AVG art. 17)."""
    store = installation.store
    with store.read() as connection:
        cut_off = erasure.is_erased(connection, fiche) and erasure.due(connection).cleaning
    if cut_off:
        erasure.finish(store)
        _say_erased(installation, fiche, [], as_json, "This fiche was erased before; what an earlier call had no time to clean is cleaned.")
        return
    with store.read() as connection:
        found = together(connection, fiche)
    # For a program only its JSON goes to standard output; somebody who is asked must still see what for.
    if not (as_json and yes):
        for number, one in enumerate(found):
            beginning = "and with it, since it goes by the same number or id," if number else "This erases"
            click.echo(f"{beginning} {_called(one)} and {counted(len(one.claims), 'claim')}:", err=as_json)
            for claim in one.claims:
                click.echo(f"  {claim.source} {claim.external_id}", err=as_json)
        click.echo("It cannot be undone, and a later reload of these sources will not bring it back.", err=as_json)
    if not yes:
        click.confirm("Erase it?" if len(found) == 1 else f"Erase these {len(found)} fiches?", abort=True, err=as_json)
    erased = erasure.erase(store, found[0].uuid, reason)
    sentence = f"Erased, with {counted(len(erased) - 1, 'other fiche')}: {', '.join(one.uuid for one in erased[1:])}." if erased[1:] else "Erased."
    _say_erased(installation, found[0].uuid, erased, as_json, sentence)


def _called(one: Doomed) -> str:
    """What somebody who is asked knows it by; of one that was removed only its id."""
    return f"{one.kind} {one.uuid}" if one.document is None else f"{name_in(one.document, 'nl').text} ({one.kind} {one.uuid})"


def _say_erased(installation: Installation, fiche: str, erased: Sequence[Doomed], as_json: bool, sentence: str) -> None:
    with installation.store.read() as connection:
        left = erasure.due(connection).rewriting > 0
    if left:
        sentence += (
            " The files of PostgreSQL may hold what was erased until their pages are used again. To write them anew: fichehub db rewrite,"
            " which says first what it locks."
        )
    sentence += " Backups, and archives of the write-ahead log, hold it as long as they are kept."
    claims = [{"source": claim.source, "external_id": claim.external_id} for one in erased for claim in one.claims]
    say_done({"erased": fiche, "also_erased": [one.uuid for one in erased[1:]], "claims": claims, "rewrite_due": left}, sentence, as_json)


@click.group()
def db() -> None:
    """The database."""


@db.command()
@as_json
@click.pass_obj
def upgrade(installation: Installation, as_json: bool) -> None:
    """Bring it to the schema of this version, the fiches to what it makes of their claims, and the search index to what it looks for."""
    database.require_whole(installation.database_url)
    installation.allow_upgrade()
    installation.bring_up_to_date()
    found = database.revision(installation.store.engine)
    say_done({"schema": found}, f"The database is at {found}.", as_json)


@db.command()
@as_json
@click.pass_obj
def status(installation: Installation, as_json: bool) -> None:
    """Which database, which schema, how much is in it."""
    if not database.exists(installation.database_url):
        click.echo(installation.nothing_here(), err=True)
        if as_json:
            say_json({"database": database.shown(database.parsed(installation.database_url)), "schema": None, "current": False})
        click.get_current_context().exit(1)
    engine = database.connect(installation.database_url)
    found = database.revision(engine)
    told: dict[str, Any] = {
        "database": database.shown(engine.url),
        "schema": found,
        "current": found == database.head(),
    }
    engine.dispose()
    if told["current"]:
        told["index_current"] = not installation.index_is_older()
        directory = installation.directory("", "internal")
        told["head"] = directory.head()
        told["fiches"] = {kind: directory.search(Query(types=(kind,), limit=1, total="accurate")).total for kind in ENTITY_TYPES[:3]}
    if as_json:
        say_json(told)
    else:
        words = {
            "database": "database",
            "schema": "schema",
            "current": "of this version",
            "index_current": "fiches and search index of this version",
            "head": "newest seq",
        }
        shown = [(words[name], ("no", "yes")[value] if isinstance(value, bool) else value) for name, value in told.items() if name in words]
        shown += told.get("fiches", {}).items()
        say_table(("what", "value"), shown, "")


@db.command()
@click.option("--restart", is_flag=True, help="Begin with the first fiche, also where an earlier call was interrupted.")
@as_json
@click.pass_obj
def reindex(installation: Installation, restart: bool, as_json: bool) -> None:
    """Make the search index anew from the stored fiches, while others read and write. Interrupted, it goes on from there when called again."""
    began = time.monotonic()
    with progress() as draw:
        renewed = index_anew.renew(installation.store, progress=draw, restart=restart)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        say_json({"fiches": renewed.fiches, "done_before": renewed.before, "transactions": renewed.batches, "seconds": seconds})
        return
    before = f" ({renewed.before} were done before)" if renewed.before else ""
    click.echo(f"The search index of {renewed.fiches} fiches was made anew{before} in {seconds} seconds.")


@db.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def rewrite(installation: Installation, yes: bool, as_json: bool) -> None:
    """Write the tables that held people anew, so that nothing of who was erased is left in the files of the database. Says first what it locks, and asks."""
    store = installation.store
    tables = erasure.to_rewrite(store)
    if tables and not (as_json and yes):
        bytes_ = sum(size for _, size in tables)
        click.echo(f"This writes {counted(len(tables), 'table')} of {bytes_ / 1e6:.0f} MB anew, one after the other:", err=as_json)
        for name, size in tables:
            click.echo(f"  {name} {size / 1e6:.1f} MB", err=as_json)
        click.echo("While a table is written nobody reads or writes it, requests wait, and the disk needs room for a copy of it.", err=as_json)
        if not yes:
            click.confirm("Write them anew?", abort=True, err=as_json)
    with progress() as draw:
        erasure.rewrite(store, draw)
    sentence = "The files hold nothing any more of who was erased. Backups, and the write-ahead log with its archives, do as long as they are kept."
    say_done({"rewritten": [name for name, _ in tables]}, sentence, as_json)


db.add_command(accept_keys)

COMMANDS = (query, export, changes, erase, db)
