"""Videos through FFmpeg's libraries (PyAV): frames streamed, planes filtered as they are stored.

============  ============================================================================
`containers`  which files are videos, what each kind holds, which codec a result gets
`reading`     a video and its frames, with all refusals
`planes`      downsampling the planes of a frame
`writing`     frames into a file, and what is copied beside them
`conversion`  one video into another
`frames`      one video into a folder of pictures
============  ============================================================================

`containers` alone can be imported without PyAV.
"""

from .containers import CONTAINERS, is_video

__all__ = ["CONTAINERS", "is_video"]
