"""Names of the lines."""

from __future__ import annotations

from pathlib import Path

from vae_core.evaluation.labels import file_labels


def test_labels_differ_when_files_have_one_name() -> None:
    paths = [Path("a/cars.safetensors"), Path("b/cars.safetensors"), Path("c/cars.safetensors")]
    assert file_labels(paths) == ["cars", "cars (2)", "cars (3)"]


def test_labels_are_those_of_the_folders_when_files_are_of_runs() -> None:
    paths = [Path("default/checkpoint.safetensors"), Path("reference/checkpoint.safetensors")]
    assert file_labels(paths) == ["default", "reference"]


def test_labels_are_not_those_of_controls_when_files_are_called_so() -> None:
    labels = file_labels([Path("real.safetensors"), Path("PCA-64.safetensors"), Path("mean image")])
    assert not {"real", "PCA-64", "mean image"} & set(labels)
    assert len(set(labels)) == 3
