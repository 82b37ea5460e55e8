"""How much a model recalls, fits and extrapolates. Importing `scoring` needs neither evaluate nor datasets."""

from .scoring import floors, score


__all__ = ["floors", "score"]
