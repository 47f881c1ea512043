"""EfficientNet-Lite0's layers, once: the network and the layout of its weights are made from these tables.

It is EfficientNet-B0 (Tan and Le 2019, table 1) in its "lite" form: ReLU6 instead of swish, and no squeeze-and-excitation.
Layers are called as in the PyTorch package `efficientnet-lite-pytorch` (`_blocks.3._expand_conv` is `blocks_3_expand_conv`).
"""

import dataclasses
from typing import Literal, NamedTuple

Kind = Literal["convolution", "depthwise", "normalisation", "dense"]
# Five strides of 2 leave one pixel of 32.
MIN_IMAGE_SIZE = 32
NORM_EPSILON = 1e-3
NORM_MOMENTUM = 0.99  # As Keras counts it: the share of the old mean.
STEM, TOP, HEAD = "conv_stem", "conv_head", "fc"
STEM_NORM, TOP_NORM = "bn0", "bn1"
STEM_FILTERS, STEM_KERNEL_SIZE, TOP_FILTERS = 32, 3, 1280


class Stage(NamedTuple):
    """Blocks of one width; the first of them may halve the image."""

    num_blocks: int
    kernel_size: int
    strides: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, kernel_size=3, strides=1, expansion=1, filters=16),
    Stage(2, kernel_size=3, strides=2, expansion=6, filters=24),
    Stage(2, kernel_size=5, strides=2, expansion=6, filters=40),
    Stage(3, kernel_size=3, strides=2, expansion=6, filters=80),
    Stage(3, kernel_size=5, strides=1, expansion=6, filters=112),
    Stage(4, kernel_size=5, strides=2, expansion=6, filters=192),
    Stage(1, kernel_size=3, strides=1, expansion=6, filters=320),
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A mobile inverted bottleneck: a pointwise convolution that widens, a depthwise one, a pointwise one that narrows.

    Each has batch normalisation behind it, and the first two ReLU6.

    Attributes:
        name: What its layers' names start with.
        kernel_size: Of the depthwise convolution.
        strides: Of the same.
        expansion: Factor of the input's width; at 1 there is no convolution that widens.
        filters: Width of its output.
        has_shortcut: Whether its input is added to its output.
    """

    name: str
    kernel_size: int
    strides: int
    expansion: int
    filters: int
    has_shortcut: bool


def _blocks() -> tuple[Block, ...]:
    rows = [(stage, i == 0) for stage in STAGES for i in range(stage.num_blocks)]
    return tuple(
        Block(
            f"blocks_{number}",
            stage.kernel_size,
            stage.strides if is_first else 1,
            stage.expansion,
            stage.filters,
            has_shortcut=not is_first,  # The first block of each stage has another width than what it sees.
        )
        for number, (stage, is_first) in enumerate(rows)
    )


BLOCKS = _blocks()


class Layer(NamedTuple):
    """A layer with weights; the kernel's size says nothing where there is none."""

    name: str
    kind: Kind
    kernel_size: int = 1


def _layers_of(block: Block) -> list[Layer]:
    expand = [Layer(f"{block.name}_expand_conv", "convolution"), Layer(f"{block.name}_bn0", "normalisation")]
    return [
        *(expand if block.expansion > 1 else []),
        Layer(f"{block.name}_depthwise_conv", "depthwise", block.kernel_size),
        Layer(f"{block.name}_bn1", "normalisation"),
        Layer(f"{block.name}_project_conv", "convolution"),
        Layer(f"{block.name}_bn2", "normalisation"),
    ]


FEATURES = (
    Layer(STEM, "convolution", STEM_KERNEL_SIZE),
    Layer(STEM_NORM, "normalisation"),
    *(layer for block in BLOCKS for layer in _layers_of(block)),
)
HIDDEN = (Layer(TOP, "convolution"), Layer(TOP_NORM, "normalisation"))
LAYERS = (*FEATURES, *HIDDEN, Layer(HEAD, "dense"))
