"""Picture files through libvips: what cannot be kept is told or refused.

============  ============================================================================
`formats`     which formats are taken, what each holds and keeps
`picture`     what a file says of a picture before anything is decoded
`reading`     the header, with all refusals, and the samples
`messages`    what libvips says of a file, in one line
`unseen`      what libvips passes over in a PNG or JPEG
`tiff`        and in a TIFF, which tifffile writes
`ground`      where a GeoTIFF lies
`filtering`   downsampling samples, transparency and all
`bands`       large pictures, some rows at a time
`light`       samples as linear light, by sRGB's curve
`writing`     samples and metadata into a file's bytes
============  ============================================================================
"""

from .filtering import downsample_samples
from .formats import FORMATS, check_holds, format_of
from .messages import in_own_words
from .picture import Picture
from .reading import decode, open_picture
from .writing import encode, encode_png, encode_samples

__all__ = [
    "FORMATS",
    "Picture",
    "check_holds",
    "decode",
    "downsample_samples",
    "encode",
    "encode_png",
    "encode_samples",
    "format_of",
    "in_own_words",
    "open_picture",
]
