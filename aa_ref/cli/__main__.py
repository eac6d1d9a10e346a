"""``python -m aa_ref.cli``."""

from . import main

main()
