"""Predicted value: purchases to come, what they are worth, who may be gone, and whether the data can say so."""

from butfor.profiles.value.buyers import Array
from butfor.profiles.value.choose import Fitted
from butfor.profiles.value.forecast import Forecast, History, Models, fit_models, forecast, next_dates
from butfor.profiles.value.holdout import Band, Holdout, Score, hold_out
from butfor.profiles.value.ready import Check, facts, limits, readiness
from butfor.profiles.value.summary import (
    RUNS,
    predicted_columns,
    prediction_column,
    prediction_table,
    purchase_summary,
    purchases_known,
    staged_predictions,
    staged_run,
    value_runs,
)

__all__ = [
    "RUNS", "Array", "Band", "Check", "Fitted", "Forecast", "History", "Holdout", "Models", "Score", "facts", "fit_models", "forecast", "hold_out", "limits", "next_dates",
    "predicted_columns", "prediction_column", "prediction_table", "purchase_summary", "purchases_known", "readiness",
    "staged_predictions", "staged_run", "value_runs",
]  # fmt: skip
