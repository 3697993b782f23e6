"""The layers of the network, each with a form for training and a folded one, without BatchNorm, for running."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """3x3 convolution, BatchNorm, ReLU: (B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(maps)))

    def folded(self) -> nn.Module:
        """The same function of its input as this block in evaluation mode, as one convolution with a bias."""
        return nn.Sequential(fold_batch_norm(self.conv, self.norm), nn.ReLU(inplace=True))


class ResizeConvBlock(nn.Module):
    """Nearest-neighbour doubling, 3x3 convolution, BatchNorm, ReLU: (B, C_in, H, W) -> (B, C_out, 2H, 2W).

    Resize and convolution leave no checkerboard (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016). Both
    together are one transposed convolution with a 4x4 kernel of stride 2, at 4/9 of the multiplications.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        self.norm = nn.BatchNorm2d(out_channels)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, maps: Tensor) -> Tensor:
        maps = F.conv_transpose2d(maps, resize_conv_kernel(self.weight), stride=2, padding=1)  # (B, C_out, 2H, 2W)
        return F.relu(self.norm(maps))

    def folded(self) -> nn.Module:
        """The same function of its input as this block in evaluation mode, as one transposed convolution."""
        out_channels, in_channels = self.weight.shape[:2]
        scale, shift = batch_norm_affine(self.norm)
        kernel = resize_conv_kernel(self.weight.double()) * scale[:, None, None]  # (C_in, C_out, 4, 4)
        layer = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
        _set(layer, kernel, shift)
        return nn.Sequential(layer, nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around which the input is carried (He et al., 2015): (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        # The block starts as the identity, so that depth costs nothing early in a short training.
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(maps + self.norm(self.conv(self.first(maps))))

    def folded(self) -> nn.Module:
        """The same function of its input as this block in evaluation mode."""
        return _FoldedResidual(self.first.folded(), fold_batch_norm(self.conv, self.norm))


class _FoldedResidual(nn.Module):
    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(maps + self.second(self.first(maps)))


class ImageTail(nn.Module):
    """3x3 convolution to three channels: (B, C, H, W) -> (B, 3, H, W), before the sigmoid."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 3, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = self.conv(maps)
        return result

    def folded(self) -> nn.Module:
        """Itself: there is no BatchNorm to fold."""
        return self


def resize_conv_kernel(weight: Tensor) -> Tensor:
    """The kernel of the transposed convolution (stride 2, padding 1) that equals doubling, then convolving.

    weight: (C_out, C_in, 3, 3) of the convolution. Returns (C_in, C_out, 4, 4). Nearest-neighbour doubling is a
    transposed convolution with a 2x2 kernel of ones; the composition's kernel is the convolution of the two.
    """
    flipped = weight.transpose(0, 1).flip(2, 3)  # (C_in, C_out, 3, 3)
    return (
        F.pad(flipped, (0, 1, 0, 1))
        + F.pad(flipped, (1, 0, 0, 1))
        + F.pad(flipped, (0, 1, 1, 0))
        + F.pad(flipped, (1, 0, 1, 0))
    )  # (C_in, C_out, 4, 4)


def batch_norm_affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Scale and shift, each (C,) in float64, that the layer applies in evaluation mode."""
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a BatchNorm layer without running statistics cannot be folded")
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def fold_batch_norm(conv: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> nn.Conv2d | nn.ConvTranspose2d:
    """A convolution with a bias that equals `conv` and then `norm` in evaluation mode. Computed in float64."""
    scale, shift = batch_norm_affine(norm)
    # (C_out, C_in, k, k), and (C_in, C_out, k, k) when transposed
    along_out = scale[:, None, None] if isinstance(conv, nn.ConvTranspose2d) else scale[:, None, None, None]
    folded = type(conv)(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
    )
    _set(folded, conv.weight.double() * along_out, shift)
    return folded


def _set(layer: nn.Conv2d | nn.ConvTranspose2d, weight: Tensor, bias: Tensor) -> None:
    layer.weight = nn.Parameter(weight.detach().float(), requires_grad=False)
    layer.bias = nn.Parameter(bias.detach().float(), requires_grad=False)
