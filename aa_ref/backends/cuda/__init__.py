"""The CUDA backend: Numba kernels on NVIDIA GPUs. Needs the package numba-cuda."""

from .launch import CudaBackend

__all__ = ["CudaBackend"]
