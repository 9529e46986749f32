"""The plots of a run in one place: each function writes one PNG and returns its path."""

from __future__ import annotations

from cae.report.figures.classes import plot_confusion_matrix, plot_per_class_recall
from cae.report.figures.curves import plot_history
from cae.report.figures.gallery import plot_confident_mistakes, plot_reconstructions

__all__ = [
    "plot_confident_mistakes",
    "plot_confusion_matrix",
    "plot_history",
    "plot_per_class_recall",
    "plot_reconstructions",
]
