"""What a part leaves behind: the record that commits it, and the lines that manifests are made of."""

from __future__ import annotations

import msgspec

from vae_core.jobs.job import VERSION

MANIFEST_VERSION = 1


class ItemDone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One finished item; without `tag` and with `version`, a line of `manifest.jsonl`.

    key: of the output, relative to the job's folder, and so to the manifest.
    member, offset: in a job with shards, `key` is that of a tar, in which the output is called `member` and begins at
        this byte.
    source, source_tag: the input's key and the tag of the version that was read.
    psnr: dB against the fitted input over all pixels and channels, peak 255, at most 100. ssim: in [-1, 1].
    noisy_psnr: dB of what the encoder saw against the fitted input, where noise was laid on it.
    outlier: how unlike the training images, in standard deviations; higher is stranger.
    tag: the store's tag of the output when it was written.
    version: of the manifest's fields: a reader of version 1 can read any line of it, as fields may come but not go.
    """

    index: int
    key: str
    member: str | None = None
    offset: int | None = None
    sha256: str
    size_bytes: int
    source: str | None = None
    source_tag: str | None = None
    psnr: float | None = None
    ssim: float | None = None
    noisy_psnr: float | None = None
    outlier: float | None = None
    tag: str = ""
    version: int | None = None


class ItemError(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One item that could not be made: a line of `errors.jsonl`. `code` is stable; `message` is one line."""

    index: int
    code: str
    message: str
    source: str | None = None


class SideFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of a part that is no item: its shard, its sheet, an input fitted for the contact sheet.

    key: as in ItemDone.
    """

    key: str
    sha256: str
    size_bytes: int
    tag: str


class PartRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`parts/00000.json`: the commit of a part.

    kind: the engine's kind; outputs are the same byte for byte within one. device, device_type: what it ran on, such as
        the GPU's model and `cuda`. halved_from: images in a batch as they should have been, where the device had no
        room for them; the kind says how many there were.
    input_bytes: of the inputs that images were made of, as they were planned.
    seconds: wall-clock seconds, by stage. attempt: the token of the attempt that committed. worker: `host:pid`.
    """

    part: int
    items: tuple[ItemDone, ...]
    errors: tuple[ItemError, ...]
    files: tuple[SideFile, ...]
    kind: str
    device: str = ""
    device_type: str = ""
    halved_from: int | None = None
    input_bytes: int = 0
    seconds: dict[str, float]
    attempt: str
    worker: str
    version: int = VERSION


def manifest_line(item: ItemDone) -> ItemDone:
    """The item as the manifest shows it: without the store's tag, which two stores give differently."""
    return msgspec.structs.replace(item, tag="", version=MANIFEST_VERSION)
