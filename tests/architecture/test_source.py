"""Rules of the package's source that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from cae import errors

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cae"
UNIT = ROOT / "tests" / "unit"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 350

OPTIONAL = {"gradio", "optuna", "tensorboard", "onnx", "huggingface_hub", "ray", "typst"}
APPLICATION_CALLS = {"print", "sys.exit", "exit", "quit", "os._exit", "logging.basicConfig"}
# What would run code that lies in a file a user hands in.
CODE_RUNNING_CALLS = {
    "eval",
    "exec",
    "joblib.load",
    "marshal.loads",
    "pickle.load",
    "pickle.loads",
    "torch.load",
}
VAGUE_WORDS = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
# Methods that a library calls by its own name for them.
LIBRARY_HOOKS = {"get_renderables"}

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def is_application(path: Path) -> bool:
    return path.is_relative_to(PACKAGE / "apps")


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def walk_with_scopes(tree: ast.Module) -> Iterator[tuple[ast.AST, list[str]]]:
    """Yield each node with the names of the functions and classes around it, outermost first."""
    waiting: list[tuple[ast.AST, list[str]]] = [(tree, [])]
    while waiting:
        node, around = waiting.pop()
        yield node, around
        inner = [*around, node.name] if isinstance(node, SCOPES) else around
        waiting.extend((child, inner) for child in ast.iter_child_nodes(node))


def calls_in(tree: ast.Module) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def imports_when_loaded(tree: ast.Module) -> set[str]:
    """Return the top-level packages that importing the module imports."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
        waiting.extend(ast.iter_child_nodes(node))
    return found


def test_each_module_opens_with_a_sentence_saying_what_it_owns():
    def opens_well(path: Path) -> bool:
        docstring = ast.get_docstring(parse(path)) or ""
        return docstring.split("\n\n")[0].endswith((".", "?"))

    assert [name_of(path) for path in MODULES if not opens_well(path)] == []


def test_each_module_can_be_read_in_one_sitting():
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_only_applications_print_exit_and_set_up_logging():
    found = {
        name_of(path): calls_in(parse(path)) & APPLICATION_CALLS
        for path in MODULES
        if not is_application(path)
    }
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_no_call_runs_code_that_lies_in_a_file():
    found = {name_of(path): calls_in(parse(path)) & CODE_RUNNING_CALLS for path in MODULES}
    assert {name: calls for name, calls in found.items() if calls} == {}
    assert [
        name_of(path) for path in MODULES if "allow_pickle=True" in ast.unparse(parse(path))
    ] == []


def test_optional_libraries_are_imported_only_where_they_are_used():
    found = {name_of(path): imports_when_loaded(parse(path)) & OPTIONAL for path in MODULES}
    assert {name: libraries for name, libraries in found.items() if libraries} == {}


def test_errors_for_users_are_our_own():
    ours = {name for name in vars(errors) if name.endswith("Error")}
    foreign = [
        f"{name_of(path)}:{node.lineno}: {ast.unparse(node.exc.func)}"
        for path in MODULES
        for node, around in walk_with_scopes(parse(path))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) not in ours
        # A private function may raise what its caller turns into one of ours, a module's
        # __getattr__ must raise AttributeError, and typer ends a command by its own exceptions.
        and not any(scope.startswith("_") for scope in around)
        and not is_application(path)
    ]
    assert not foreign, "\n".join(foreign)


def test_no_name_is_vague():
    vague: list[str] = []
    for path in MODULES:
        names = [*path.relative_to(PACKAGE).with_suffix("").parts]
        names += [node.name for node in ast.walk(parse(path)) if isinstance(node, SCOPES)]
        for name in set(names) - LIBRARY_HOOKS:
            words = name.lower().strip("_").split("_")
            # `get_` does not tell the cost: read_, load_, make_ and compute_ do.
            if set(words) & VAGUE_WORDS or words[0] == "get":
                vague.append(f"{name_of(path)}: {name}")
    assert not vague, "\n".join(vague)


def test_training_never_sees_the_test_images():
    found = {
        name_of(path): node.lineno
        for path in (PACKAGE / "training").glob("*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr == "test"
    }
    assert found == {}


def test_each_module_has_its_tests_at_the_mirrored_place():
    missing = [
        name_of(path)
        for path in MODULES
        if path.name != "__init__.py"
        and not (UNIT / path.relative_to(PACKAGE)).with_name(f"test_{path.name}").exists()
    ]
    assert not missing, "\n".join(missing)


def test_each_unit_test_mirrors_a_module():
    def mirrors(test: Path) -> bool:
        module = (PACKAGE / test.relative_to(UNIT)).with_name(test.name.removeprefix("test_"))
        return module.exists() or (module.with_suffix("") / "__init__.py").exists()

    orphans = [
        test.relative_to(UNIT).as_posix() for test in UNIT.rglob("test_*.py") if not mirrors(test)
    ]
    assert not orphans, "\n".join(orphans)
