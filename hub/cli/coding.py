"""`concepts`: schemes of codes, and how much of one can be said in another."""

from __future__ import annotations

import click

from hub.cli.installation import Installation
from hub.cli.output import as_json, counted, say_json, say_table
from hub.errors import NotFound
from hub.store.concepts import carried


@click.group(name="concepts")
def group() -> None:
    """Schemes of codes, and the mappings between them."""


@group.command()
@click.argument("scheme")
@click.argument("target")
@as_json
@click.pass_obj
def coverage(installation: Installation, scheme: str, target: str, as_json: bool) -> None:
    """How many fiches that carry a code of SCHEME can be said in the scheme TARGET: exactly, closely, in a wider code only, or not; and what falls through."""
    book = installation.store.concepts()
    for name in (scheme, target):
        if name not in {each.code for each in book.schemes()}:
            known = ", ".join(each.code for each in book.schemes()) or "none"
            raise NotFound(f"There is no concept scheme {name[:60]!r}. There are: {known}.")
    with installation.store.read() as connection:
        found = book.coverage(scheme, target, carried(connection, scheme))
    missing = [(code, book.label(scheme, code), number) for code, number in found.missing]
    if as_json:
        say_json(
            {
                "scheme": scheme,
                "target": target,
                "fiches": found.total,
                "exact": found.exact,
                "close": found.close,
                "broader": found.broader,
                "approximate": found.approximate,
                "unmapped": found.unmapped,
                "missing": [{"code": code, "label": label, "fiches": number} for code, label, number in missing],
            }
        )
        return
    verb = "carries" if found.total == 1 else "carry"
    click.echo(f"{counted(found.total, 'fiche')} {verb} a code of {scheme}. In {target} they can be said:\n")
    say_table(
        ("how", "fiches"),
        [
            ("exactly", f"{found.exact:,}"),
            ("closely", f"{found.close:,}"),
            ("in a wider code only", f"{found.broader:,}"),
            ("approximately: in a narrower code only", f"{found.approximate:,}"),
            ("not", f"{found.unmapped:,}"),
        ],
        "",
    )
    if missing:
        click.echo(f"\nCodes that are mapped to nothing in {target}:\n")
        say_table(("code", "label", "fiches"), missing, "")


COMMANDS = (group,)
