"""How to read the figures of each section: a few sentences for who meets them for the first time."""

from __future__ import annotations

_TEXTS = {
    "checks": """
        What is asked of a good checkpoint. Some thresholds stand twice, the lower one for a network trained on a CPU.
        No value: these images do not allow the figure. Not asked: the network was not trained for it.""",
    "samples": """
        New images, drawn at random. The line "real" compares real images with other real ones, so it is the best that
        can be expected. Fréchet and sliced Wasserstein distance: how far the set is from real images, lower is better.
        Precision and density: how many samples look like real images; recall and coverage: how much of the variety of
        real images is there among the samples; all four are good near to those of real. Sharpness: 1 is as sharp as
        real images, less is blurred.""",
    "reconstruction": """
        Test images, encoded to a few numbers and decoded again. PSNR: likeness in decibels, higher is better, 6 dB more
        is half the error; white background is easy and raises it, so see the foreground too. SSIM and MS-SSIM:
        likeness of structure, 1 is the same. Sharpness: 1 is as sharp as the original. PCA is the best that a linear
        method does with as many numbers: a network should beat it.""",
    "photographs": """
        The same for photographs, which the network has never seen the like of if it was trained on drawings.""",
    "memorisation": """
        Whether samples are copies of training images. The share of training images among the nearest real ones should
        be about the one expected, as it is for held-out images; for copies it is 1, and "p share", the chance of as
        much by accident, is then tiny.""",
    "interpolation": """
        Images half way between two others. If they are cars as well, they are about as near to real images as samples
        are: a ratio of about 1. Above it, something lies between that is not a car.""",
    "denoising": """
        Noisy images, encoded and decoded. The gain is by how many decibels the result is nearer to the clean image than
        the noisy one was.""",
    "likelihood": """
        How many bits a value of a pixel costs when the model is used to compress, out of 8; lower is better. KL is what
        the latents carry of it; an active unit is a latent that says something about the image.""",
}


def reading(section: str) -> str:
    """The text of the section; empty where there is nothing to explain."""
    return " ".join(_TEXTS.get(section, "").split())
