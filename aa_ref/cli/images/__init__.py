"""Picture files, read and written faithfully: what cannot be kept is told or refused.

==============  ============================================================================
`picture`       what a picture is: samples and what to know about them
`filtering`     downsampling one, transparency and all
`files`         which module reads or writes which file
`png`           what Pillow does not tell of a PNG: its depth, its colour chunks
`jpeg`          nor of a JPEG: whether all of it is there
`decoding`      what other libraries say while they decode
`pillow`        PNG, JPEG and WebP
`tiff`          TIFF
`npy`           NumPy's own format, which holds arrays and no pictures
`exif`          the few fields of EXIF that must change when the picture does
==============  ============================================================================
"""

from .files import check_output, encode, format_of, read
from .filtering import downsample_picture
from .picture import Metadata, Picture

__all__ = [
    "Metadata",
    "Picture",
    "check_output",
    "downsample_picture",
    "encode",
    "format_of",
    "read",
]
