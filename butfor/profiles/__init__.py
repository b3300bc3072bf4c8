"""A person's traits: recency, frequency, monetary value, lifecycle, attributes; each a column of a named query."""

from butfor.profiles.gaps import GapCurve, gap_counts, suggest_threshold
from butfor.profiles.rfm import borders_from, cell_column, grid, score_columns, stages, value_counts
from butfor.profiles.traits import (
    TOUCHED,
    attributes,
    computed_traits,
    newest_event,
    predictions,
    tables_read,
    touched,
    touched_events,
    trait_table,
    traits,
    wanted_predictions,
    wanted_traits,
)
from butfor.profiles.value.summary import predicted_columns, prediction_column, prediction_table

__all__ = [
    "TOUCHED", "GapCurve", "attributes", "borders_from", "cell_column", "computed_traits", "gap_counts", "grid", "newest_event",
    "predicted_columns", "prediction_column", "prediction_table", "predictions", "score_columns", "stages", "suggest_threshold", "tables_read", "touched",
    "touched_events",
    "trait_table", "traits", "value_counts", "wanted_predictions", "wanted_traits",
]  # fmt: skip
