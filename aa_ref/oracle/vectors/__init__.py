"""Vectors for programs in other languages: labelled cases written, results judged."""

from .errors import VectorsError
from .judging import judge_vectors
from .verdicts import Judgement, Verdict
from .writing import write_vectors

__all__ = ["Judgement", "VectorsError", "Verdict", "judge_vectors", "write_vectors"]
