"""Groups: no veto is ever broken, order does not matter, weak bridges do not hold."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.identity.link.clustering import Vetoes, join_greedily, labels_of

N = 10
ALL = list(combinations(range(N), 2))


@st.composite
def graphs(draw: Any) -> tuple[Any, Any, Any]:
    chosen = draw(st.lists(st.sampled_from(ALL), unique=True, min_size=1, max_size=30))
    bits = draw(st.lists(st.integers(-8, 12), min_size=len(chosen), max_size=len(chosen)))
    a, b = np.array(chosen).T
    return a, b, np.array(bits, float)


codes = st.lists(st.integers(-1, 2), min_size=N, max_size=N).map(np.array)
pairs = st.lists(st.sampled_from(ALL), max_size=6, unique=True).map(lambda p: np.array(p).reshape(-1, 2))


def people(graph: tuple[Any, Any, Any], vetoes: Vetoes | None = None, least: float = 0.0) -> Any:
    return labels_of(N, join_greedily(N, *graph, vetoes), least)


def members(labels: Any) -> list[Any]:
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


@given(graphs(), codes, codes, pairs, st.sampled_from([0.0, 2.0, 5.0]))
@settings(max_examples=300, deadline=None)
def test_no_veto_is_ever_broken(graph: Any, same: Any, once: Any, apart: Any, least: float) -> None:
    labels = people(graph, Vetoes([same], [once], apart), least)
    for group in members(labels):
        assert len(set(same[group].tolist()) - {-1}) <= 1
        known = [c for c in once[group].tolist() if c >= 0]
        assert len(known) == len(set(known))
    assert all(labels[x] != labels[y] for x, y in apart)


@given(graphs(), codes, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_of_pairs_does_not_matter(graph: Any, same: Any, random: Any) -> None:
    order = list(range(len(graph[0])))
    random.shuffle(order)
    shuffled = tuple(column[order] for column in graph)
    assert people(graph, Vetoes([same])).tolist() == people(shuffled, Vetoes([same])).tolist()


@given(graphs())
@settings(max_examples=200, deadline=None)
def test_a_stricter_threshold_only_splits(graph: Any) -> None:
    loose, strict = people(graph, least=0.0), people(graph, least=4.0)
    assert all(len(set(loose[group].tolist())) == 1 for group in members(strict))
    assert all(label == group.min() for group in members(loose) for label in loose[group])


def test_a_weak_bridge_does_not_join_two_people() -> None:
    one, other = list(combinations(range(4), 2)), list(combinations(range(4, 8), 2))
    a, b = np.array([*one, *other, (3, 4)]).T
    bits = np.array([8.0] * 12 + [6.0])
    assert people((a, b, bits)).tolist() == [0, 0, 0, 0, 4, 4, 4, 4, 8, 9]


def test_a_chain_is_no_person() -> None:
    a, b = np.arange(N - 1), np.arange(1, N)
    assert max(len(group) for group in members(people((a, b, np.full(N - 1, 1.5))))) <= 3


def test_a_judgement_holds_through_a_third_record() -> None:
    graph = np.array([0, 1]), np.array([1, 2]), np.array([9.0, 8.0])
    labels = people(graph, Vetoes(apart=np.array([[2, 0]])))
    assert labels[0] == labels[1] != labels[2]


def test_joins_come_strongest_first() -> None:
    rng = np.random.default_rng(3)
    a, b = np.array(ALL).T
    joins = join_greedily(N, a, b, rng.normal(0, 5, len(ALL)))
    assert (np.diff(joins.bits) <= 0).all()
    assert joins.pairs.min() >= 1


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_join(n: int) -> None:
    empty = np.zeros(0, int)
    assert labels_of(n, join_greedily(n, empty, empty, np.zeros(0)), 0.0).tolist() == list(range(n))
