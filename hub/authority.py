"""Which source is right about which field: the ownership matrix of `authority.toml`, as the merge and the writing side ask it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from hub.errors import FieldError, Locked, Misconfigured
from hub.model.claims import EDITOR
from hub.model.fiche import FICHE_TYPES, KINDS, PARTS, Group, Kind, Rule

__all__ = ["EDITOR_RANK", "GROUPS", "Authority", "SourceInfo", "declared_rules"]

EDITOR_RANK = -1
"""Above every source of the table."""

GROUPS: tuple[Group, ...] = get_args(Group)
_SHIPPED = Path(__file__).with_name("authority.toml")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """How a source is called on screen, and where a correction of its data can be sent."""

    name: str
    title: str
    route: str


@dataclass(frozen=True, slots=True)
class _Order:
    """One row of the matrix: the rank of each source that is named, the rank of all others, and who owns the group."""

    ranks: Mapping[str, int]
    unlisted: int
    authentic: tuple[str, ...]


class Authority:
    """The ownership matrix: rows are field groups (for one kind of fiche where kinds differ), values are ranks of sources."""

    def __init__(self, orders: Mapping[tuple[Group, Kind], _Order], sources: Mapping[str, SourceInfo]) -> None:
        self._orders = orders
        self.sources = sources

    @classmethod
    def load(cls, path: Path | None = None) -> Authority:
        """The matrix that comes with the hub, with an installation's own file merged over it.

        Raises `Misconfigured` with every wrong key and its reason when the file cannot be used.
        """
        table = _read(_SHIPPED)
        if path is not None:
            table = _merged(table, _read(path))
        reader = _Reader()
        orders, sources = reader.orders(table), reader.sources(table)
        for name in sorted(reader.named - sources.keys()):
            reader.wrong(f"sources.{name}", "is ranked, but is not described. Add [sources.<name>] with its title and route.", name)
        if reader.errors:
            listed = "; ".join(f"{error.path}: {error.reason}" for error in reader.errors)
            raise Misconfigured(f"{path or _SHIPPED.name} cannot be used. {listed}", tuple(reader.errors))
        return cls(orders, sources)

    def rank(self, group: Group, source: str, kind: Kind) -> int:
        """The place of `source` in the group, 0 for the best; equals share one. The editor is above all, who is not named below all."""
        if source == EDITOR:
            return EDITOR_RANK
        order = self._orders[group, kind]
        return order.ranks.get(source, order.unlisted)

    def authentic(self, group: Group, kind: Kind) -> tuple[str, ...]:
        """The sources that own the group, best first."""
        return self._orders[group, kind].authentic

    def owner(self, group: Group, source_names: Iterable[str], kind: Kind) -> str | None:
        """The authentic source of the group among these, or None when nobody here owns it."""
        authentic = self._orders[group, kind].authentic
        if not authentic:
            return None
        present = set(source_names)
        return next((source for source in authentic if source in present), None)

    def locked(self, group: Group, source_names: Iterable[str], kind: Kind) -> bool:
        """Whether the group cannot be edited on a fiche (or part) that these sources speak of."""
        return self.owner(group, source_names, kind) is not None

    def route(self, source: str) -> str:
        """Where a correction of this source's data can be sent, in words for whoever found the mistake; empty when unknown."""
        known = self.sources.get(source)
        return known.route if known else ""

    def title(self, source: str) -> str:
        """The source's name for people; its short name when it is not described."""
        known = self.sources.get(source)
        return known.title if known else source

    def check_edit(self, kind: Kind, field: str, source_names: Iterable[str], part_field: str | None = None) -> None:
        """Raise `Locked` with owner and route when an editor may not change `field`.

        `source_names`: the sources that speak of the fiche, or of the part when `part_field` (a field of the parts in `field`) is given.
        """
        declaration = FICHE_TYPES[kind] if part_field is None else PARTS[field][2]
        rule = declared_rules(declaration).get(part_field or field)
        owner = self.owner(rule.group, source_names, kind) if rule else None
        if owner is not None:
            path = field if part_field is None else f"{field}.{part_field}"
            message = f"{path} comes from {self.title(owner)} and cannot be changed here. {self.route(owner)}".rstrip()
            raise Locked(message, field=path, owner=owner, route=self.route(owner))


@cache
def declared_rules(declaration: type) -> Mapping[str, Rule]:
    """The fields of a fiche or part that merge, in the order of their declaration, each with its rule."""
    rules = {}
    for field, hint in get_type_hints(declaration, include_extras=True).items():
        for note in getattr(hint, "__metadata__", ()):
            if isinstance(note, Rule):
                rules[field] = note
    return rules


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Misconfigured(f"The authority table {path} cannot be read: {error.strerror}. Check the path and its permissions.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"The authority table {path} is not TOML: {error}.") from error
    except RecursionError:
        raise Misconfigured(f"The authority table {path} cannot be read: it holds brackets within brackets without end.") from None


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


class _Reader:
    """Reads the matrix out of a TOML table and collects everything that is wrong with it."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.named: set[str] = set()

    def wrong(self, path: str, reason: str, value: object = None) -> None:
        self.errors.append(FieldError(path, reason, None if value is None else str(value)[:80]))

    def orders(self, table: dict[str, Any]) -> dict[tuple[Group, Kind], _Order]:
        for key in sorted(table.keys() - {"groups", "sources"}):
            self.wrong(key, "is not known here; a table has [groups.<group>] and [sources.<name>].")
        groups = self._table(table.get("groups", {}), "groups")
        for name in sorted(groups.keys() - set(GROUPS)):
            self.wrong(f"groups.{name}", f"is not a field group; those are {', '.join(GROUPS)}.")
        orders: dict[tuple[Group, Kind], _Order] = {}
        for group in GROUPS:
            path = f"groups.{group}"
            common = self._table(groups.get(group, {}), path)
            for key in sorted(common.keys() - {"order", "authentic", *KINDS}):
                self.wrong(f"{path}.{key}", f"is not known here; use order, authentic, or a kind ({', '.join(KINDS)}).")
            general: dict[str, Any] = {key: value for key, value in common.items() if key not in KINDS}
            default = self._order(general, path)
            for kind in KINDS:
                orders[group, kind] = default
                if kind in common:
                    own = self._table(common[kind], f"{path}.{kind}")
                    for key in sorted(own.keys() - {"order", "authentic"}):
                        self.wrong(f"{path}.{kind}.{key}", "is not known here; use order or authentic.")
                    orders[group, kind] = self._order({**general, **own}, f"{path}.{kind}")
        return orders

    def sources(self, table: dict[str, Any]) -> dict[str, SourceInfo]:
        sources = {}
        for name, entry in self._table(table.get("sources", {}), "sources").items():
            path = f"sources.{name}"
            entry = self._table(entry, path)
            for key in sorted(entry.keys() - {"title", "route"}):
                self.wrong(f"{path}.{key}", "is not known here; use title or route.")
            for key in ("title", "route"):
                if not isinstance(entry.get(key, ""), str):
                    self.wrong(f"{path}.{key}", "must be a text.", entry[key])
            sources[name] = SourceInfo(name, str(entry.get("title", name)), str(entry.get("route", "")))
        return sources

    def _table(self, value: Any, path: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.wrong(path, "must be a table.", value)
        return {}

    def _order(self, entry: dict[str, Any], path: str) -> _Order:
        ranks: dict[str, int] = {}
        levels = self._list(entry.get("order", []), f"{path}.order")
        for rank, level in enumerate(levels):
            for source in self._list(level, f"{path}.order") if isinstance(level, list) else [level]:
                if not isinstance(source, str) or not source:
                    self.wrong(f"{path}.order", "must hold names of sources, or lists of names that are equals.", source)
                elif source == EDITOR:
                    self.wrong(f"{path}.order", "must leave out the editor, who always stands above the sources.", source)
                elif source in ranks:
                    self.wrong(f"{path}.order", "names the same source twice.", source)
                else:
                    ranks[source] = rank
        authentic = []
        for source in self._list(entry.get("authentic", []), f"{path}.authentic"):
            if isinstance(source, str) and source in ranks:
                authentic.append(source)
            else:
                self.wrong(f"{path}.authentic", "names a source that is not in the order of this group.", source)
        self.named |= ranks.keys()
        return _Order(ranks, len(levels), tuple(sorted(authentic, key=lambda source: (ranks[source], source))))

    def _list(self, value: Any, path: str) -> list[Any]:
        if isinstance(value, list):
            return value
        self.wrong(path, "must be a list.", value)
        return []
