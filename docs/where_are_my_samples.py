"""Draw where outputs lie: ``python docs/where_are_my_samples.py docs/where-are-my-samples.svg``.

The centres are the plan's own. The places that other libraries take are measured: each makes a ramp
smaller, whose values are positions.
"""

import sys

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

import aa_ref

LENGTH = 17


def pillow_places(stride: int) -> NDArray[np.float32]:
    """Return where Pillow's outputs lie, in input samples: its box over a ramp."""
    ramp = Image.fromarray(np.arange(LENGTH // stride * stride, dtype=np.float32)[None])
    small = ramp.resize((LENGTH // stride, 1), Image.Resampling.BOX)
    return np.asarray(small)[0]


def draw(axes: Axes, stride: int) -> None:
    """Draw input samples as boxes, ours as dots, Pillow's as crosses, the filter as a line."""
    axis = aa_ref.plan((LENGTH,), 1 / stride, axes=-1).axes[0]
    theirs = pillow_places(stride)
    for j in range(LENGTH):
        axes.add_patch(mpl.patches.Rectangle((j - 0.5, 0), 1, 1, fill=False, ec="0.6"))
        axes.text(j, 0.12, str(j), ha="center", fontsize=7, color="0.4")
    axes.plot(axis.centres, np.full(axis.out_length, 0.7), "o", c="C0", label="aa_ref")
    axes.plot(theirs, np.full(theirs.size, 0.7), "x", c="C1", label="Pillow, OpenCV, scikit-image")
    middle = int(axis.centres[axis.out_length // 2])
    places = np.arange(middle - axis.radius, middle + axis.radius + 1)
    axes.plot(places, 1.1 + axis.taps / axis.taps.max(), ".-", c="C0", lw=0.8, ms=3)
    axes.set(xlim=(-1, LENGTH), ylim=(-0.1, 2.2), yticks=[], xticks=[])
    axes.set_ylabel(f"stride {stride}")
    axes.spines[:].set_visible(False)


def main(path: str) -> None:
    """Write the picture."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "aa_ref", "font.size": 9}):
        figure, all_axes = pyplot.subplots(3, 1, figsize=(7.5, 4.2), layout="constrained")
        for axes, stride in zip(all_axes, (2, 3, 4), strict=True):
            draw(axes, stride)
        all_axes[0].legend(loc="upper left", ncols=2, frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


if __name__ == "__main__":
    main(sys.argv[1])
