"""Components are those of a singular value decomposition, with a sign that is always the same."""

from __future__ import annotations

import numpy as np
import torch

from cae.models.components import compute_components


def draw_rows(count: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(count, size, dtype=torch.float64, generator=generator)
    return rows @ torch.diag(torch.arange(1, size + 1, dtype=torch.float64))


def test_components_are_those_of_the_singular_value_decomposition():
    rows = draw_rows(200, 6)
    variances, components = compute_components([rows[:50], rows[50:]])
    _, singular, vectors = np.linalg.svd(rows.numpy())
    np.testing.assert_allclose(variances.numpy(), singular**2 / 200)
    np.testing.assert_allclose(np.abs(components.numpy()), np.abs(vectors), atol=1e-9)


def test_a_component_points_where_its_numbers_add_up_to_more_than_nothing():
    _, components = compute_components([draw_rows(200, 6)])
    assert (components.sum(dim=1) >= 0).all()
    _, again = compute_components([draw_rows(200, 6).flip(0)])
    torch.testing.assert_close(again, components)
