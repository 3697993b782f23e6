"""From a checkpoint to a folder of exported functions, each compared with the checkpoint before it is kept."""

from __future__ import annotations

import copy
from pathlib import Path

from vae_core.export import parity
from vae_core.export.folder import whole_folder
from vae_core.export.formats import open_format
from vae_core.export.functions import functions_of
from vae_core.export.info import PRIOR_NAME, ExportInfo, FunctionInfo, write_info, write_prior
from vae_core.jobs.checks import check_float
from vae_core.model.checkpoint import file_sha256
from vae_core.model.weights import load_checkpoint
from vae_core.version import code_version

DEFAULT_TOLERANCE = 1e-4
MAX_TOLERANCE = 1.0


def export_checkpoint(checkpoint: Path, out: Path, format_name: str, tolerance: float) -> ExportInfo:
    """Write encode, decode and reconstruct of the checkpoint into the folder `out`, with the prior and `export.json`.

    tolerance: the largest absolute difference from the checkpoint's own results that is allowed, 0 to 1. What is
    written is the folded network; it is compared with the one as it was trained, so that folding is checked too.
    Raises ExportDiffers above it, BadCheckpoint, InvalidValue or OSError; `out` is then as it was before.
    """
    check_float("--tolerance", tolerance, 0.0, MAX_TOLERANCE)
    target = open_format(format_name)
    network, prior, checkpoint_info = load_checkpoint(checkpoint)
    notes = {
        "checkpoint_sha256": checkpoint_info.sha256,
        "model_config": checkpoint_info.config.to_json(),
        "code_version": f"vaejob {code_version()}",
    }
    originals = functions_of(network)
    folded = functions_of(copy.deepcopy(network).fold())
    functions = {}
    with parity.on_one_thread(), whole_folder(out) as folder:
        images, latents = parity.image_probes(network, prior), parity.latent_probes(prior)
        for original, function in zip(originals, folded, strict=True):
            path = folder / f"{function.name}{target.SUFFIX}"
            target.write(function, path, {**notes, "function": function.name})
            probes = images if function.input_name == "images" else latents
            found = parity.largest_difference(original, target.load(path), probes)
            parity.check(function, found, tolerance)
            functions[function.name] = FunctionInfo(
                path.name, file_sha256(path), function.input_name, function.outputs, found.value
            )
        write_prior(folder, prior)
        info = ExportInfo(
            format=format_name,
            checkpoint_sha256=checkpoint_info.sha256,
            config=checkpoint_info.config,
            code_version=notes["code_version"],
            tolerance=tolerance,
            functions=functions,
            prior_sha256=file_sha256(folder / PRIOR_NAME),
            versions=target.versions(),
        )
        write_info(folder, info)
    return info
