"""PCA as a model, and the other controls."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tests.unit.evaluation.shapes import flat, shapes
from vae_core.evaluation.controls import PcaCoder, blurred, mean_image, pca_subject
from vae_core.evaluation.sharpness import gradients, sharpness


def test_reconstruction_is_the_projection_of_scikit_learn_when_decoded_from_the_mean() -> None:
    train, test = shapes(80, 1), shapes(10, 2)
    coder = PcaCoder(train, 12)
    rows = train.reshape(80, -1) / 255.0
    exact = PCA(12, svd_solver="full").fit(rows)
    expected = exact.inverse_transform(exact.transform(test.reshape(10, -1) / 255.0))
    made = coder.decode(coder.encode(test).mean)
    assert np.abs(made / 255.0 - expected.reshape(test.shape).clip(0, 1)).mean() < 0.01


def test_latents_are_standard_when_training_images_are_encoded() -> None:
    train = shapes(80, 1)
    moments = PcaCoder(train, 12).encode(train)
    assert moments.mean.mean(axis=0) == pytest.approx(0.0, abs=1e-4)
    assert moments.mean.std(axis=0, ddof=1) == pytest.approx(1.0, abs=1e-3)
    assert moments.variance.shape == (80, 12)
    assert (moments.variance > 0).all() and (moments.variance < 1).all()
    # What a component says is less certain the less it explains.
    assert (np.diff(moments.variance[0]) >= -1e-9).all()


def test_components_are_fewer_when_images_are() -> None:
    subject = pca_subject(shapes(5, 1), 64)
    assert subject.label == "PCA-4"
    assert subject.samples(3, seed=0).shape == (3, 32, 32, 3)


def test_pca_is_the_image_itself_when_all_images_are_equal() -> None:
    images = flat(77, count=6)
    coder = PcaCoder(images, 4)
    moments = coder.encode(images)
    assert np.array_equal(coder.decode(moments.mean), images)
    assert np.isfinite(moments.variance).all()


def test_blurred_images_are_softer_and_as_bright_when_made() -> None:
    images = shapes(6, 1, size=64)
    soft = blurred(images)
    found = sharpness(gradients(soft), gradients(images))
    assert found.length is not None and found.length < 0.9
    assert soft.mean() == pytest.approx(images.mean(), abs=0.5)
    assert np.array_equal(mean_image(np.stack([flat(10)[0], flat(20)[0]])), flat(15)[0])
