"""The ownership matrix: who is right about what, and every mistake in an installation's own table named with its reason."""

from pathlib import Path

import pytest

from hub.authority import GROUPS, Authority, declared_rules
from hub.errors import Locked, Misconfigured
from hub.model.fiche import FICHE_TYPES, KINDS, PARTS


@pytest.fixture(scope="module")
def shipped() -> Authority:
    return Authority.load()


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "authority.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_field_of_every_kind_and_part_has_a_rule_that_the_table_ranks() -> None:
    for declaration in (*FICHE_TYPES.values(), *(part for _, _, part in PARTS.values())):
        ruled = declared_rules(declaration)
        assert declaration.__annotations__.keys() - ruled.keys() <= {"id", "keys", "kind"}
        assert {rule.group for rule in ruled.values()} <= set(GROUPS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("group", GROUPS)
def test_whoever_owns_a_group_also_ranks_first_in_it(shipped: Authority, group: str, kind: str) -> None:
    for owner in shipped.authentic(group, kind):  # type: ignore[arg-type]
        assert shipped.rank(group, owner, kind) == 0  # type: ignore[arg-type]


def test_equals_share_a_rank_and_strangers_come_last(shipped: Authority) -> None:
    assert shipped.rank("contacts", "sociale-kaart", "organisatie") == shipped.rank("contacts", "sociaal-brussels", "organisatie") == 0
    assert (
        shipped.rank("contacts", "cobrha", "organisatie")
        < shipped.rank("contacts", "iemand", "organisatie")
        == shipped.rank("contacts", "iemand-anders", "organisatie")
    )
    assert shipped.rank("contacts", "editor", "organisatie") < 0


def test_a_diploma_is_not_activity(shipped: Authority) -> None:
    for register in ("progezondheid", "cobrha", "kbo"):
        assert shipped.rank("activity", "sociale-kaart", "zorgverlener") < shipped.rank("activity", register, "zorgverlener")


def test_groups_are_shared_by_the_kinds_unless_the_table_says_otherwise(shipped: Authority) -> None:
    assert shipped.owner("identifiers", ["sociale-kaart", "kbo"], "organisatie") == "kbo"
    assert shipped.owner("identifiers", ["progezondheid", "kbo"], "zorgverlener") == "progezondheid"
    assert shipped.owner("identifiers", ["sociale-kaart"], "zorgverlener") is None
    assert not shipped.locked("addresses", ["progezondheid", "kbo"], "zorgverlener")


def test_a_refused_edit_names_the_owner_and_the_route(shipped: Authority) -> None:
    with pytest.raises(Locked) as caught:
        shipped.check_edit("zorgverlener", "visum", ["sociale-kaart", "progezondheid"])
    assert (caught.value.field, caught.value.owner) == ("visum", "progezondheid")
    assert caught.value.route == shipped.route("progezondheid") != ""
    assert shipped.title("progezondheid") in caught.value.message
    shipped.check_edit("zorgverlener", "contacts", ["sociale-kaart", "progezondheid"])
    shipped.check_edit("zorgverlener", "visum", ["sociale-kaart"])


def test_the_field_of_a_part_is_locked_by_who_speaks_of_that_part(shipped: Authority) -> None:
    with pytest.raises(Locked, match=r"vestigingen\.addresses"):
        shipped.check_edit("organisatie", "vestigingen", ["kbo"], "addresses")
    shipped.check_edit("organisatie", "vestigingen", ["kbo"], "contacts")


def test_an_own_table_changes_what_it_names_and_nothing_else(tmp_path: Path, shipped: Authority) -> None:
    table = Authority.load(
        own(
            tmp_path,
            """
            [sources.gent]
            title = "Stad Gent"
            [sources.kbo]
            route = "Bel ons."
            [groups.contacts]
            order = ["gent", "sociale-kaart"]
            [groups.identifiers.aanbod]
            authentic = []
            """,
        )
    )
    assert table.rank("contacts", "gent", "organisatie") == 0
    assert table.rank("contacts", "sociale-kaart", "organisatie") == 1
    assert table.rank("contacts", "kbo", "organisatie") == 2
    assert (table.route("kbo"), table.title("kbo")) == ("Bel ons.", shipped.title("kbo"))
    assert table.rank("names", "kbo", "organisatie") == shipped.rank("names", "kbo", "organisatie")
    assert table.locked("identifiers", ["kbo"], "organisatie")
    assert not table.locked("identifiers", ["kbo"], "aanbod")


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("[groups.telefoons]\norder = []", "groups.telefoons", "is not a field group"),
        ("[groups.names.persoon]\norder = []", "groups.names.persoon", "is not known here"),
        ("[groups.names.aanbod]\nranks = []", "groups.names.aanbod.ranks", "is not known here"),
        ("[groups.names]\norder = 'kbo'", "groups.names.order", "must be a list"),
        ("[groups.names]\norder = [3]", "groups.names.order", "must hold names"),
        ("[groups.names]\norder = [['kbo'], 'kbo']", "groups.names.order", "twice"),
        ("[groups.names]\norder = ['editor']", "groups.names.order", "leave out the editor"),
        ("[groups.names]\norder = ['onbekend']", "sources.onbekend", "is not described"),
        ("[groups.names]\nauthentic = [{}]", "groups.names.authentic", "not in the order"),
        ("[groups.names]\nauthentic = ['kbo', 'gent']", "groups.names.authentic", "not in the order"),
        ("groups = 3", "groups", "must be a table"),
        ("[sources.kbo]\nurl = 'x'", "sources.kbo.url", "is not known here"),
        ("[sources.kbo]\ntitle = 3", "sources.kbo.title", "must be a text"),
        ("[bronnen]", "bronnen", "is not known here"),
    ],
)
def test_a_mistake_in_the_table_is_named_with_its_reason(tmp_path: Path, text: str, path: str, reason: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Authority.load(own(tmp_path, text))
    assert path in [error.path for error in caught.value.errors]
    assert any(reason in error.reason for error in caught.value.errors if error.path == path)
    assert path in caught.value.message


def test_a_table_that_is_not_there_or_not_toml_is_no_stack_trace(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        Authority.load(tmp_path / "weg.toml")
    with pytest.raises(Misconfigured, match=r"is not TOML.*line 2"):
        Authority.load(own(tmp_path, "[groups]\n= 3"))


def test_a_file_with_a_byte_order_mark_is_read_and_one_of_brackets_without_end_refused(tmp_path: Path) -> None:
    file = tmp_path / "authority.toml"
    file.write_text('[sources.eigen]\ntitle = "Eigen"\nroute = "bel"\n', encoding="utf-8-sig")
    assert Authority.load(file).title("eigen") == "Eigen"
    file.write_text("a = " + "[" * 100_000, encoding="utf-8")
    with pytest.raises(Misconfigured, match="brackets within brackets"):
        Authority.load(file)
