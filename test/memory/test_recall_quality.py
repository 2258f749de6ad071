"""Memories are found for questions in other words, by the offline model."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.mark.slow
@pytest.mark.usefixtures("embedding_weights")
def test_a_thousand_memos_are_recalled_for_paraphrases():
    recall = runpy.run_path(str(BENCHMARK), run_name="memory_benchmark")["measure"]("local")
    assert recall.memos == 1000
    assert recall.first >= 0.75
    assert recall.first_five >= 0.9
