"""Where encoded images lie in latent space, seen in two dimensions, and how much of the prior falls between them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae_core.errors import BadImage, InvalidValue
from vae_core.imaging.decoding import decode_fitted
from vae_core.model.network import Network
from vae_core.model.prior import Prior
from vae_core.training.aggregate import posterior_draws
from vae_core.training.cars.dataset import TABLE
from vae_core.training.dataset import open_dataset

Method = Literal["tsne", "pca"]
Floats = NDArray[np.float64]
Images = NDArray[np.uint8]

BRIGHTNESS = "brightness"
_DRAWN_COLUMN = "yaw_deg"
_MAX_CATEGORIES = 20
_MAX_PIXELS = 100_000_000


class Parameter(NamedTuple):
    """What the points are coloured by. values: (N,), numbers, or texts where they are kinds."""

    name: str
    values: NDArray[np.float64] | NDArray[np.str_]

    @property
    def is_kind(self) -> bool:
        """Whether it names kinds."""
        return self.values.dtype.kind == "U"


class LatentMap(NamedTuple):
    """One network's latents in the plane.

    points: of the encoded images, (N, 2). draws: of N(0, I), (M, 2). empty_standard, empty_prior: the `emptiness` of
    draws from N(0, I), and of those from the checkpoint's own prior.
    """

    points: Floats
    draws: Floats
    empty_standard: float
    empty_prior: float


def open_pictures(source: Path, size: int, count: int, color_by: str | None) -> tuple[Images, Parameter]:
    """At most `count` pictures of `source`, uint8 (N, size, size, 3), and what to colour them by.

    source: a folder that `vaecore cars` wrote, whose table has the parameters, or anything that `open_dataset` takes;
    its training images come first. color_by: a column of the table, or `brightness`, the mean of a picture in [0, 1],
    which every source has; left out, it is the yaw of drawn cars, and the brightness elsewhere. Raises InvalidValue.
    """
    if (source / TABLE).is_file():
        rows, columns = _table(source / TABLE, count)
        images = np.stack([_picture(source / f"{int(row['index']):06d}.png", size) for row in rows])
    else:
        dataset = open_dataset(source, size)
        rows, columns = [], ()
        images = np.concatenate([split[:count] for split in dataset])[:count]
    name = color_by or (_DRAWN_COLUMN if _DRAWN_COLUMN in columns else BRIGHTNESS)
    if name == BRIGHTNESS:
        return images, Parameter(name, images.mean(axis=(1, 2, 3)) / 255.0)
    if name not in columns:
        raise InvalidValue(f"--color-by {name} is unknown for {source}: one of {', '.join([BRIGHTNESS, *columns])}")
    return images, _parameter(name, [row[name] for row in rows])


def _table(path: Path, count: int) -> tuple[list[dict[str, str]], Sequence[str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = [row for row, _ in zip(reader, range(count), strict=False)]
            columns = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidValue(f"{path}: cannot be read: {exc}") from exc
    if not rows or not all((row.get("index") or "").isdecimal() and None not in row.values() for row in rows):
        raise InvalidValue(f"{path}: is not a table of drawn cars: draw them again by `vaecore cars`")
    return rows, columns


def _picture(path: Path, size: int) -> Images:
    try:
        return decode_fitted(path.read_bytes(), size=size, fit="pad", max_pixels=_MAX_PIXELS)
    except OSError as exc:
        raise InvalidValue(f"{path}: is in {TABLE}, but cannot be read: {exc.strerror or exc}") from exc
    except BadImage as exc:
        raise InvalidValue(f"{path}: {exc}") from exc


def _parameter(name: str, texts: Sequence[str]) -> Parameter:
    try:
        return Parameter(name, np.array([float(text) for text in texts]))
    except ValueError:
        kinds = len(set(texts))
    if kinds > _MAX_CATEGORIES:
        raise InvalidValue(
            f"--color-by {name} has {kinds} different texts: at most {_MAX_CATEGORIES} can be told apart"
        )
    return Parameter(name, np.array(texts, dtype=np.str_))


def map_latents(network: Network, prior: Prior, images: Images, *, method: Method, draws: int, seed: int) -> LatentMap:
    """Encode the images, draw as many latents from N(0, I) as asked for, and lay both out in the plane.

    An image's point is a draw from its posterior, which is what the decoder is trained on. pca: the two directions in
    which the encoded images vary most, which says little once latents are whitened. tsne: neighbours stay neighbours,
    distances between groups mean nothing (van der Maaten and Hinton, 2008). The same arguments give the same map.
    """
    latents = posterior_draws(network, images, np.random.default_rng(seed))
    Z = latents.shape[1]
    standard, own = (
        each.sample(seed, range(draws)).astype(np.float64) for each in (Prior.standard(Z), prior)
    )  # each (M, Z)
    flat = _tsne(latents, standard, seed) if method == "tsne" else _pca(latents, standard)
    return LatentMap(
        flat[: len(latents)],
        flat[len(latents) :],
        emptiness(latents, standard),
        emptiness(latents, own),
    )


def emptiness(latents: Floats, draws: Floats) -> float:
    """How far the `draws`, (M, Z), are from the nearest of the `latents`, (N, Z), against how far those are from each
    other: the ratio of the medians. 1 for draws from what the latents come from; above it, draws fall into gaps.
    N is at least 3.
    """
    from scipy.spatial.distance import cdist

    between = cdist(latents, latents)  # (N, N)
    np.fill_diagonal(between, np.inf)
    return float(np.median(cdist(draws, latents).min(axis=1)) / np.median(between.min(axis=1)))


def _pca(latents: Floats, draws: Floats) -> Floats:
    from sklearn.decomposition import PCA

    fitted = PCA(2, svd_solver="full").fit(latents)
    return np.asarray(np.concatenate([fitted.transform(latents), fitted.transform(draws)]))


def _tsne(latents: Floats, draws: Floats, seed: int) -> Floats:
    from sklearn.manifold import TSNE

    rows = np.concatenate([latents, draws])
    perplexity = min(30.0, (len(rows) - 1) / 3)
    flat = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(rows)
    return np.asarray(flat, dtype=np.float64)
