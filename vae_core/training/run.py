"""A training run in a folder: settings, metrics, sheets, state to go on from, and at its end the checkpoint."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch

from vae_core.errors import InvalidValue, PermanentError
from vae_core.model.checkpoint import RUN_CHECKPOINT
from vae_core.model.network import Network
from vae_core.training.board import Board, open_board
from vae_core.training.config import TrainingConfig, changed
from vae_core.training.curves import draw_curves
from vae_core.training.data import Batches
from vae_core.training.dataset import DATA_NOTE, Dataset, fingerprint
from vae_core.training.finishing import export_checkpoint
from vae_core.training.metrics import Metrics, Window
from vae_core.training.occupancy import occupy
from vae_core.training.progress import Progress
from vae_core.training.states import read_state, write_state
from vae_core.training.trainer import Trainer
from vae_core.training.watching import write_sheets

_LOG = logging.getLogger(__name__)
_MOST_ROW_STEPS = 2_000  # image-steps between two lines of the table
_ROWS = 100
_FEWEST_IMAGES = 8


class RunNotWritten(PermanentError):
    """The run's folder cannot be written to, perhaps because the disk is full."""

    code = "run_not_written"


def fitted_to(config: TrainingConfig, images: int) -> TrainingConfig:
    """The config for so many training images: a batch holds no image twice.

    Raises InvalidValue when there are too few images to train on at all.
    """
    if images < _FEWEST_IMAGES:
        raise InvalidValue(
            f"{images} training images are too few: at least {_FEWEST_IMAGES} are needed, and some hundred to be of "
            "use; add pictures, or draw cars with --cars N"
        )
    if images < config.batch_size:
        _LOG.warning("batches of %d instead of %d, as there are no more training images", images, config.batch_size)
        return changed(config, batch_size=images)
    return config


class Run:
    """Trains in the folder `out`, going on from `out/state.pt` when there is one.

    dataset: trained on is `train`; measured on, and used to choose the prior, is `validation`, which may be empty;
    `test` is never looked at. Beside the state, the folder holds config.json, metrics.csv, curves.png, sheets/, perhaps
    tensorboard/ and, at the end, checkpoint.safetensors.
    """

    def __init__(
        self,
        config: TrainingConfig,
        dataset: Dataset,
        out: Path,
        device: torch.device,
        *,
        start: Network | None = None,
        bar: bool = False,
        board: bool = False,
    ) -> None:
        """start: the network of the checkpoint that the config names as `start`, needed until a state was saved.
        bar: whether to show one on the terminal. board: whether to write for TensorBoard, where it is installed.

        Raises InvalidValue when there are too few images, or all are equal, when another process trains in `out`, when
        the run there was begun with other images, another model or another seed, or when `start` is missing;
        RunNotWritten when the folder cannot be written to.
        """
        self.config = fitted_to(config, len(dataset.train))
        _check_images(dataset.train)
        self.out = out
        self.images, self.held_out = dataset.train, dataset.validation[: config.validation_images]
        self.trainer = Trainer(self.config, device)
        self._dataset = dataset
        self._bar, self._board_wanted = bar, board
        self._board: Board | None = None
        self._window = Window()
        self._fingerprint = fingerprint(dataset)
        if not len(self.held_out):
            _LOG.warning("there are no validation images: held-out figures are left out")
        with self._writing():
            out.mkdir(parents=True, exist_ok=True)
            weakref.finalize(self, os.close, occupy(out))  # taken for as long as this object is there
            if self._state_path.exists():
                self._restore()
            elif start is not None:
                self.trainer.start_from(start)
            elif config.start:
                raise InvalidValue(
                    f"{out}: goes on from the checkpoint with SHA-256 {config.start}: name it with --from, as no state "
                    "was saved yet"
                )
            self._metrics = Metrics(out / "metrics.csv", self.trainer.image_steps)
            _write_text(out / "config.json", self.config.to_json() + "\n")

    @property
    def _state_path(self) -> Path:
        return self.out / "state.pt"

    @property
    def checkpoint_path(self) -> Path:
        """Where the finished checkpoint is written."""
        return self.out / RUN_CHECKPOINT

    def train(self, stop_asked: Callable[[], bool] = lambda: False) -> bool:
        """Train to the end of the schedule, or until `stop_asked` says so between two steps.

        Returns whether the end was reached; the state is saved either way. Raises TrainingDiverged or RunNotWritten:
        the state on disk then stays that of the last save.
        """
        config, trainer = self.config, self.trainer
        batches = Batches(
            self.images,
            config.batch_size,
            config.seed,
            start=trainer.image_steps // config.batch_size,
            augmentation=config.augmentation,
        )
        if trainer.image_steps == 0:
            trainer.start(batches)
        saved_at = time.monotonic()
        with self._writing(), self._telling() as progress, batches as stream:
            while not (trainer.done or stop_asked()):
                before = trainer.image_steps
                result = trainer.step(next(stream))
                self._window.add(result)
                progress.step(trainer.image_steps - before, result)
                self._record(before, progress)
                if time.monotonic() - saved_at > config.state_every_s:
                    self._save()
                    saved_at = time.monotonic()
            self._save()
        return trainer.done

    def export(self) -> str:
        """Fit the prior and write the checkpoint. Returns its SHA-256. Raises RunNotWritten.

        Works from the averaged weights, which are changed by it; the state on disk is not.
        """
        stages = [{"from": start, "config": msgspec.Raw(config.encode())} for start, config in self.trainer.stages]
        notes = {
            "training": msgspec.json.encode(stages).decode(),
            "image_steps": str(self.trainer.image_steps),
            "training_images": str(len(self.images)),
            DATA_NOTE: self._fingerprint,
        }
        with self._writing():
            return export_checkpoint(self.trainer, self._dataset, self.checkpoint_path, notes)

    def _record(self, before: int, progress: Progress) -> None:
        """After a step that began at image-step `before`: sheets and a line of the table, where they are due."""
        trainer, config = self.trainer, self.config
        measured = None
        if _passed(before, trainer.image_steps, config.sheet_every) or trainer.done:
            name = f"{trainer.image_steps:08d}"
            network = trainer.average.network
            measured = write_sheets(network, self.images, self.held_out, self.out / "sheets", name)
        row_every = max(1, min(_MOST_ROW_STEPS, config.image_steps // _ROWS))
        if measured is None and not _passed(before, trainer.image_steps, row_every):
            return
        row = self._metrics.add(trainer.image_steps, self._window.take(), measured)
        progress.row(row)
        if self._board is not None:
            self._board.add(row)
        if measured is not None:
            draw_curves(self._metrics.rows, self.out / "curves.png", images=len(self.images))

    @contextlib.contextmanager
    def _telling(self) -> Iterator[Progress]:
        """While training: the bar and the board, closed afterwards."""
        done = self.trainer.image_steps
        self._board = open_board(self.out / "tensorboard", done) if self._board_wanted else None
        try:
            with Progress(self.config.image_steps, done, shown=self._bar) as progress:
                yield progress
        finally:
            if self._board is not None:
                self._board.close()

    def _save(self) -> None:
        state = {"trainer": self.trainer.state(), "window": self._window.sums, "data": self._fingerprint}
        write_state(self._state_path, state)

    def _restore(self) -> None:
        where = str(self._state_path)
        state = read_state(self._state_path)
        if state["data"] != self._fingerprint:
            raise InvalidValue(f"{where}: was trained on other images: use the same, or another folder for the run")
        self.trainer.restore(state["trainer"], where=where)
        self._window = Window(state["window"])
        _LOG.info("going on at image-step %d", self.trainer.image_steps)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            saved = "the last saved state is as it was" if self._state_path.exists() else "no state was saved yet"
            cause = exc.strerror or exc
            raise RunNotWritten(
                f"{self.out}: cannot be written: {cause}; {saved}: make it writable, or make room, then run the same "
                "command again"
            ) from exc


def _check_images(images: np.ndarray) -> None:
    """Refuse images that are all the same, (N, H, W, 3): there is nothing to tell apart by latents."""
    if all(np.array_equal(image, images[0]) for image in images[1:]):
        raise InvalidValue(f"all {len(images)} training images are equal: pictures that differ are needed")


def _passed(before: int, now: int, every: int) -> bool:
    """Whether a multiple of `every` was reached in going from `before` to `now`."""
    return now // every > before // every


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
