"""Build the zip of the Lambda function: the handler, what of vae_core it runs, an export, and its packages."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: unpacked, layers included.
MAX_UNPACKED_BYTES = 250 * 2**20
# What Amazon Linux 2023 can load, which runs Python from 3.12 on: glibc 2.34. pip wants every older tag named too.
GLIBC_TAGS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
# Parts of the packages that no handler runs; none of them is imported by what is left.
LEFT_OUT = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "numpy/f2py",
    "numpy/_core/include",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
# What of vae_core the handler imports, and what that imports.
ROOMS = ("__init__.py", "errors.py", "settings.py", "version.py", "export", "imaging", "jobs", "model", "storage")
# reconstruct.onnx is the other two in one, and the handler has those.
EXPORTED = ("encode.onnx", "decode.onnx", "prior.npz", "export.json")


def build(export: Path, out: Path, python: str, machine: str) -> int:
    """Write the zip. Returns the size unpacked, in bytes. Exits with a line when that is over Lambda's limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder, python, machine)
        gather(folder, export)
        for pattern in LEFT_OUT:
            for path in sorted(folder.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        unpacked = sum(path.stat().st_size for path in files)
        if unpacked > MAX_UNPACKED_BYTES:
            sys.exit(f"{unpacked >> 20} MiB unpacked is too large: Lambda takes {MAX_UNPACKED_BYTES >> 20} MiB")
        write_zip(out, folder, files)
    return unpacked


def gather(folder: Path, export: Path) -> None:
    """Put our own part of the zip into the folder: the handler, its rooms of vae_core, the export."""
    shutil.copy(HERE / "handler.py", folder)
    (folder / "vae_core").mkdir()
    for room in ROOMS:
        source, target = ROOT / "vae_core" / room, folder / "vae_core" / room
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    (folder / "export").mkdir()
    for file in EXPORTED:
        shutil.copy(export / file, folder / "export")


def install(folder: Path, python: str, machine: str) -> None:
    """Put the packages of requirements.txt into the folder, as wheels for that Python and processor."""
    platforms = [f"--platform={tag}_{machine}" for tag in GLIBC_TAGS]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wheels = ["--only-binary=:all:", f"--python-version={python}", *platforms]
    sources = ["--requirement", str(HERE / "requirements.txt"), "--constraint", str(ROOT / "constraints.txt")]
    if subprocess.run([*command, "--target", str(folder), *wheels, *sources], check=False).returncode:
        sys.exit("pip could not install the packages of requirements.txt; its own lines above say why")


def write_zip(out: Path, folder: Path, files: list[Path]) -> None:
    """The files in order and without times, so that the same content is the same zip."""
    partial = out.with_name(f".{out.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
                entry.external_attr = 0o100644 << 16  # Lambda's user must be able to read it
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export", type=Path, help="folder that `vaecore export CHECKPOINT --to onnx` wrote")
    parser.add_argument("--out", type=Path, default=Path("lambda.zip"))
    parser.add_argument("--python", default="3.13", help="of the Lambda function's runtime, from 3.12 on (%(default)s)")
    parser.add_argument("--machine", choices=["x86_64", "aarch64"], default="x86_64", help="(%(default)s)")
    options = parser.parse_args()
    missing = [file for file in EXPORTED if not (options.export / file).is_file()]
    if missing:
        parser.error(f"{options.export} is no export to ONNX: it has no {missing[0]}; `vaecore export` makes one")
    unpacked = build(options.export, options.out, options.python, options.machine)
    sys.stdout.write(f"{options.out}  {options.out.stat().st_size / 2**20:.0f} MiB, {unpacked / 2**20:.0f} unpacked\n")


if __name__ == "__main__":
    main()
