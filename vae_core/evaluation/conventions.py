"""How each figure was measured, in words: part of every report."""

from __future__ import annotations

from vae_core.evaluation.bench import Bench
from vae_core.evaluation.manifold import NEIGHBOURS
from vae_core.evaluation.similarity import scale_weights

_TEXTS = {
    "images": """
        All figures are of images rounded to 256 levels, as files hold them. Reconstructions are decoded from the
        posterior's mean.""",
    "reconstruction": """
        PSNR is the mean of the images' own. SSIM has a Gaussian window of 11 pixels and is the mean over RGB. MS-SSIM
        takes {scales} of the five published scales, as many as {size} pixels allow, their weights scaled to add up to
        1. Foreground is what differs from a smooth background fitted to the border, the ground shadow included, widened
        a little; PSNR is taken over those pixels alone, the maps of SSIM are averaged over them. Sharpness is the mean
        length of the gradient over the originals', gradient energy its mean square over theirs, in which the strongest
        edges count most. Noise counts as sharp in both, so read them together with PSNR. PCA has as many components
        as the checkpoint has latents and was fitted to {fitted:,} training images; blurred real are the originals under
        a Gaussian of {blur:.3g} pixels; the nearest training image is found by thumbnails of 16x16 pixels.""",
    "likelihood": """
        The negative evidence bound in bits per pixel value, which bounds what a lossless code needs; 8 is no
        compression. The likelihood is a Gaussian of one sigma for all pixels, the best for the test images, integrated
        over each of the 256 levels, around the decoded image of one draw from the posterior; so for the references and
        for PCA. The posterior is the diagonal one that the encoder gives. Any other gives a bound too, and that of the
        best of six, its deviations narrowed by a common factor, stands beside it: a heavily weighted KL leaves the
        encoder's too wide. In whitened latents the covariances of one image are left out, which are 0 on the average
        of the training images. KL to N(0, I) is exact, KL to a mixture the mean over eight draws. Active units are
        latents whose mean varies by more than 0.01 over the images.""",
    "samples": """
        There are {half} images on both sides of every comparison, as such distances grow when sets shrink. That raises
        the floor too, so a ratio to it says less with few images: compare only evaluations of equal sets. Each figure
        is the mean over two comparisons, one with each half of the test images. Real is one half against the other.
        The temperature is 1; one line is for the checkpoint's own prior, one for N(0, I). PCA's line is the Gaussian
        fitted to its scores.""",
    "features": """
        Fréchet distance, precision, recall, density and coverage, with {neighbours} neighbours, are measured in a
        feature space of our own: a random convolutional network of four stages with a fixed seed, its maps averaged
        over a 4x4 grid, then the first {dimensions} principal components of training images. They cannot be compared
        with any FID.""",
    "sliced_wasserstein": """
        As Karras et al. (2018) have it: 7x7 patches, 32 an image and level of a Laplacian pyramid, 256 directions, the
        channels of each set and level standardised. It sees what patches look like, not how strong their contrast is:
        for that, see sharpness.""",
    "memorisation": """
        The first test asks whether samples are nearer to training images than held-out images are (Mann-Whitney,
        one-sided). Blurred and typical images are near to everything, so that a small p alone proves no copying. The
        second asks whether, of the real images that are the nearest to some sample, more are training images than
        their number lets expect (hypergeometric, one-sided); what samples look like does not matter there, and the
        verdict, at p < 0.001, rests on it. It is left open where even copies could not reach that p. Both take
        training and test images to be of one kind. Features: against {known:,} training images, the components being
        those of training and test images together, which favours neither; thumbnails of 16x16 pixels: against all
        {train:,} training images.""",
    "denoising": """
        Gaussian noise of sigma 0.2 on pixels in [0, 1], cut to that range and rounded. Every network is measured; a
        gain is asked of those trained with --denoise.""",
    "interpolation": """
        Straight midpoints of pairs of encoded test images, and midpoints along the arc of pairs of samples: their mean
        distance in the feature space to the nearest test image of the half that they do not come from, over that of
        samples.""",
    "photographs": """
        Never to be trained on. A clean background: at least 80 % of the border is one smooth colour.""",
}


def conventions(bench: Bench) -> dict[str, str]:
    """The text of each section, with the numbers of this evaluation."""
    size = bench.own.image_size
    numbers = {
        "scales": len(scale_weights(size)),
        "size": size,
        "fitted": len(bench.material.fitted),
        "blur": 1.5 * size / 128,
        "half": bench.half,
        "neighbours": NEIGHBOURS,
        "dimensions": bench.space.dimensions,
        "known": len(bench.space.fitted),
        "train": len(bench.material.train),
    }
    return {name: " ".join(text.split()).format(**numbers) for name, text in _TEXTS.items()}
