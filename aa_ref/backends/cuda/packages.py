"""What has to be installed besides a driver."""

__all__ = ["INSTALL"]

INSTALL = "pip install 'aa-ref[cuda13]' for drivers from 580 on, 'aa-ref[cuda12]' for older ones"
"""What to do where some of it is missing."""
