"""The rules of the house: who may import whom, what a module may be called, what the tree may not name.

Every rule is a function from a folder to its violations, and first has to find one that was planted for it.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lowest first; a room imports only from rooms before it. A new room gets its place here.
FLOORS = (
    "errors",
    "model",
    "concepts_data",
    "schemas",
    "authority",
    "merge",
    "connector",
    "hookspecs",
    "plugins",
    "places",
    "store",
    "search",
    "outbound",
    "access",
    "assembling",
    "past",
    "entities",
    "standing",
    "directory",
    "feeding",
    "sync",
    "subscribing",
    "jobs",
    "web",
    "testing",
    "demo",
    "cli",
)
STANDARD_LIBRARY_ONLY = {"errors", "model"}
NO_CLOCK_AND_NO_CHANCE = {"model", "merge"}
CLOCK_AND_CHANCE = {"time", "random", "secrets", "socket", "subprocess"}
PLUGINS_MAY_IMPORT = {"hub"}
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "base", "manager", "managers", "common", "misc"}

# In pieces, so that this file does not name what it forbids.
UNWANTED_TEXT = {
    "the address of a package index": re.compile(
        r"\b(?:(?:test\.)?" + r"py" + r"pi\.org|files\.python" + r"hosted\.org|registry\.npm" + r"js\.org|registry\.yarn" + r"pkg\.com)\b"
    ),
    "a path of one machine": re.compile(r"(?<![\w.:/-])/" + r"(?:home|root|Users|work)/\w"),
}
UNSCANNED_FOLDERS = {"var", "build", "dist", "node_modules", "__pycache__"}
SCANNED_DOT_FOLDERS = {".ci", ".github"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's target, as written in `file`."""

    file: str
    line: int
    module: str
    target: str
    name: str | None
    runs: bool
    """False where only a type checker sees it."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}" + (f".{self.name}" if self.name else "")


def _modules(root: Path) -> dict[str, Path]:
    """Every Python module below hub/ and plugins/, by its dotted name."""
    found: dict[str, Path] = {}
    for package in ("hub", "plugins"):
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def _imports(root: Path) -> tuple[Import, ...]:
    modules = _modules(root)
    return tuple(found for module, path in modules.items() for found in _imports_of(root, module, path, modules))


def _imports_of(root: Path, module: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    file = str(path.relative_to(root))
    for node, runs in _import_nodes(ast.parse(path.read_bytes(), file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, module, alias.name, None, runs)
            continue
        source = node.module or ""
        if node.level:
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*above, *filter(None, [node.module])])
        for alias in node.names:
            submodule = f"{source}.{alias.name}"
            if submodule in modules and not _binds(modules.get(source), alias.name):
                yield Import(file, node.lineno, module, submodule, None, runs)
            else:
                yield Import(file, node.lineno, module, source, alias.name, runs)


@cache
def _origins(path: Path) -> dict[str, str]:
    """The names that a module takes from others -> from where."""
    nodes = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: node.module or "" for node in nodes for alias in node.names}


def _binds(package: Path | None, name: str) -> bool:
    """Whether a package's own module makes this name something else than its submodule, as `hub` does with `directory`."""
    if package is None or package.name != "__init__.py":
        return False
    return _origins(package).get(name, package.parent.name).split(".")[-1] != package.parent.name


def _import_nodes(node: ast.AST, *, runs: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """All import statements below a node, those inside functions too, each with whether it ever runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, runs
        else:
            checked_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _import_nodes(child, runs=runs and not checked_only)


def _room(module: str) -> str | None:
    """The room of a module of the hub; None for the front door, `hub` itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def rooms_without_a_floor(root: Path) -> list[str]:
    rooms = {_room(module) for module in _modules(root) if module.startswith("hub.")}
    return [f"hub.{room} has no floor in FLOORS" for room in sorted(filter(None, rooms)) if room not in FLOORS]


def imports_against_the_floors(root: Path) -> list[str]:
    wrong = []
    for found in _imports(root):
        if found.module.split(".")[0] != "hub":
            continue
        mine, target = _room(found.module), found.target.split(".")
        if target[0] == "plugins":
            wrong.append(f"{found}: the hub knows no plugin")
        elif target[0] == "hub" and mine is not None:
            theirs = _room(found.target)
            if theirs is None and found.name != "__version__":
                wrong.append(f"{found}: `hub` is the front door for plugins; inside, import from the room itself")
            elif mine in FLOORS and theirs in FLOORS and FLOORS.index(theirs) > FLOORS.index(mine):
                wrong.append(f"{found}: hub.{theirs} is on a higher floor than hub.{mine}")
    return wrong


def impure_imports(root: Path) -> list[str]:
    wrong = []
    for found in _imports(root):
        room, top = _room(found.module), found.target.split(".")[0]
        if not found.module.startswith("hub.") or room is None:
            continue
        if room in STANDARD_LIBRARY_ONLY and top not in sys.stdlib_module_names | {"hub"}:
            wrong.append(f"{found}: hub.{room} uses the standard library only")
        if room in NO_CLOCK_AND_NO_CHANCE and top in CLOCK_AND_CHANCE:
            wrong.append(f"{found}: hub.{room} is pure")
    return wrong


def plugins_that_reach_too_far(root: Path) -> list[str]:
    wrong = []
    for found in _imports(root):
        parts, target = found.module.split("."), found.target.split(".")
        if parts[0] != "plugins":
            continue
        if target[0] == "hub" and found.target not in PLUGINS_MAY_IMPORT:
            wrong.append(f"{found}: a plugin imports the public names of `hub` only")
        elif target[0] == "plugins" and target[:2] != parts[:2]:
            wrong.append(f"{found}: a plugin does not import another plugin")
    return wrong


def import_circles(root: Path) -> list[str]:
    """Circles among the imports that ever run: one inside a function hides a circle, and does not untie it."""
    modules = _modules(root)
    graph: dict[str, list[str]] = {module: [] for module in modules}
    for found in _imports(root):
        if found.runs and found.target in modules and found.target != found.module:
            graph[found.module].append(found.target)
    circles: list[str] = []
    done: set[str] = set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            circles.append(" -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for target in graph[module]:
                walk(target, [*trail, module])
            done.add(module)

    for module in graph:
        walk(module, [])
    return circles


def empty_names(root: Path) -> list[str]:
    folders = [root / name for name in ("hub", "plugins", "tests", "benchmarks")]
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix == ".py" or path.is_dir()]
    return [f"{path.relative_to(root)}: the name does not say what is in it" for path in paths if path.stem in NAMES_THAT_SAY_NOTHING]


def unwanted_text(root: Path) -> list[str]:
    wrong = []
    for path in _files(root):
        content = path.read_bytes()
        if b"\0" in content[:8192]:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            wrong += [f"{path.relative_to(root)}:{number} names {what}" for what, pattern in UNWANTED_TEXT.items() if pattern.search(line)]
    return wrong


def _files(root: Path) -> Iterator[Path]:
    """What belongs to the project: what git keeps, or would keep; all files where there is no repository."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        yield from (path for name in listed.stdout.split("\0") if name and (path := root / name).is_file())
        return
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in UNSCANNED_FOLDERS and (not name.startswith(".") or name in SCANNED_DOT_FOLDERS)]
        yield from (Path(folder) / name for name in names)


# Each rule with a tree that breaks it: file -> text. The index host is put together here too.
PLANTED: list[tuple[Callable[[Path], list[str]], dict[str, str]]] = [
    (rooms_without_a_floor, {"hub/attic.py": ""}),
    (imports_against_the_floors, {"hub/merge/merging.py": "from hub.store import tables\n"}),
    (imports_against_the_floors, {"hub/merge/merging.py": "import hub.store.tables\n"}),
    (imports_against_the_floors, {"hub/store/rows.py": "def late():\n    from ..web import app\n"}),
    (imports_against_the_floors, {"hub/search/text.py": "from hub import web\n", "hub/web/__init__.py": ""}),
    (imports_against_the_floors, {"hub/web/app.py": "from hub import Connector\n"}),
    (imports_against_the_floors, {"hub/demo/world.py": "import plugins.fhir\n"}),
    (imports_against_the_floors, {"hub/__init__.py": "from plugins.fhir import shape\n"}),
    (impure_imports, {"hub/model/fiche.py": "import orjson\n"}),
    (impure_imports, {"hub/merge/merging.py": "import time\n"}),
    (plugins_that_reach_too_far, {"plugins/fhir/shape.py": "from hub.store import tables\n"}),
    (plugins_that_reach_too_far, {"plugins/fhir/shape.py": "from hub import store\n", "hub/store/__init__.py": ""}),
    (plugins_that_reach_too_far, {"plugins/fhir/shape.py": "import hub.model\n"}),
    (plugins_that_reach_too_far, {"plugins/fhir/shape.py": "from plugins.widget import page\n"}),
    (plugins_that_reach_too_far, {"plugins/fhir/shape.py": "from ..widget import page\n"}),
    (
        import_circles,
        {
            "hub/store/a.py": "from hub.store import b\n",
            "hub/store/b.py": "import hub.store.c\n",
            "hub/store/c.py": "from .a import thing\n",
        },
    ),
    (
        import_circles,
        {"hub/store/a.py": "from hub.store import b\n", "hub/store/b.py": "def late():\n    from hub.store import a\n"},
    ),
    (empty_names, {"hub/web/utils.py": ""}),
    (empty_names, {"tests/helpers/test_x.py": ""}),
    (unwanted_text, {"docs/install.md": "pip install --index-url https://py" + "pi.org/simple fichehub\n"}),
    (unwanted_text, {".ci/run": "cd /" + "home/somebody/fichehub\n"}),
]

ALLOWED = {
    "hub/__init__.py": "from hub.model.fiche import Kind\nfrom hub.web.asking import directory\n__version__ = '1'\n",
    "hub/model/__init__.py": "",
    "hub/model/fiche.py": "import re\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hub.model.query import Query\n",
    "hub/model/query.py": "from hub.errors import Invalid\nfrom hub.model.fiche import Kind\n",
    "hub/errors.py": "",
    "hub/store/writer.py": "from hub import __version__, places\nfrom hub.store import tables\n",
    "hub/store/tables/__init__.py": "import sqlalchemy\n",
    "hub/places.py": "",
    "hub/directory.py": "",
    "hub/web/app.py": "from hub.store import writer\n",
    "hub/web/asking.py": "def directory():\n    pass\n",
    "plugins/fhir/__init__.py": "import hub\nfrom hub import Connector, directory\nfrom plugins.fhir.shape import shape\n",
    "plugins/fhir/shape.py": "from fhir.resources.R4B import bundle\n",
    "docs/install.md": "Find it on PyPI under /api/v1/home/ or https://example.org/work/x\n",
}

RULES = list(dict.fromkeys(rule for rule, _ in PLANTED))


def _plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(("rule", "files"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_rule_finds_what_breaks_it(rule: Callable[[Path], list[str]], files: dict[str, str], tmp_path: Path) -> None:
    assert len(rule(_plant(tmp_path, files))) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_lets_pass_what_is_right(rule: Callable[[Path], list[str]], tmp_path: Path) -> None:
    assert rule(_plant(tmp_path, ALLOWED)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Callable[[Path], list[str]]) -> None:
    assert rule(ROOT) == []


def test_importing_starts_nothing() -> None:
    """Every module can be imported on its own terms, with warnings as errors, and leaves no thread, no child and no open socket."""
    # Migrations run inside Alembic only.
    modules = [module for module in _modules(ROOT) if ".migrations." not in f"{module}."]
    program = (
        "import importlib, sys, threading, psutil\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "me = psutil.Process()\n"
        "print([thread.name for thread in threading.enumerate()], me.children(), me.net_connections())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['MainThread'] [] []"
