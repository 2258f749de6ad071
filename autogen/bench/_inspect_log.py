"""The results of a benchmark as a log of `inspect-ai`, for its viewer and its analyses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ._records import Record, make_folder_name, read_settings
from .report import Report, read_report

_VERSION = 2
_STOP_REASONS = {"time": "unknown", "turns": "unknown", "budget": "max_tokens"}


def render_inspect_log(folder: Path) -> str:
    """Return the results in a folder as a log of `inspect-ai`, in its JSON form.

    Raises:
        OSError: if the folder has no results.
        ValueError: if its files are damaged.
    """
    report = read_report(folder)
    settings = read_settings(folder)
    # Records have durations, and no times of day.
    now = datetime.now(timezone.utc).isoformat()
    models = list(dict.fromkeys([*settings.get("models", []), *(name for run in report.records for name in run.models)]))
    log = {
        "version": _VERSION,
        "status": "started" if report.missing else "success",
        "eval": {
            "run_id": f"{report.suite}-{settings.get('cases', '')}",
            "created": now,
            "task": report.suite,
            "task_id": f"{report.suite}-{report.system}",
            "task_version": 0,
            "task_args": {},
            "dataset": {
                "name": report.suite,
                "samples": len(report.cases),
                "sample_ids": [case.id for case in report.cases],
            },
            "model": ", ".join(models) or "none",
            "model_args": {},
            "config": {"epochs": settings.get("repeats", 1)},
            "packages": dict(report.records[0].versions) if report.records else {},
            "metadata": {"system": report.system, "isolation": settings.get("isolation")},
        },
        "plan": {"name": report.system, "steps": [], "config": {}},
        "results": _summarize(report),
        "stats": {"started_at": now, "completed_at": now, "model_usage": _sum_usage(report)},
        "samples": [_make_sample(folder, run, settings.get("inputs", {})) for run in report.records],
    }
    return json.dumps(log, indent=1, ensure_ascii=False)


def _summarize(report: Report) -> dict[str, Any]:
    values = {"accuracy": report.pass_rate, "mean": report.value}
    metrics = {name: {"name": name, "value": value, "params": {}} for name, value in values.items()}
    scores = [{"name": "autogen", "scorer": "autogen", "params": {}, "metrics": metrics}]
    return {"total_samples": len(report.records), "completed_samples": len(report.records), "scores": scores}


def _sum_usage(report: Report) -> dict[str, dict[str, int]]:
    """Return the tokens by model. Those of a run with several models stand under all their names."""
    sums: dict[str, Counter[str]] = {}
    for run in report.records:
        counts = sums.setdefault(", ".join(run.models) or "none", Counter())
        counts.update(input_tokens=run.prompt_tokens, output_tokens=run.completion_tokens)
        counts.update(total_tokens=run.prompt_tokens + run.completion_tokens)
    return {name: dict(counts) for name, counts in sums.items()}


def _make_sample(folder: Path, run: Record, inputs: Mapping[str, str]) -> dict[str, Any]:
    model = ", ".join(run.models) or "none"
    answer = {"role": "assistant", "content": run.answer, "source": "generate"}
    choice = {"message": answer, "stop_reason": _STOP_REASONS.get(run.stop_reason or "", "stop")}
    scores = {
        name: {"value": score["value"], "answer": run.answer, "explanation": score["explanation"]}
        for name, score in run.scores.items()
    }
    sample = {
        "id": run.case,
        "epoch": run.repetition + 1,
        "input": inputs.get(run.case, ""),
        # It is not in the folder; the explanations of the scores name it.
        "target": "",
        "messages": _read_messages(folder / "runs" / make_folder_name(run.case) / str(run.repetition) / "transcript.json"),
        "output": {"model": model, "choices": [choice]},
        "scores": scores,
        "metadata": {"turns": run.turns, "stop_reason": run.stop_reason, "cost": run.cost, "passed": run.passed},
        "total_time": run.seconds,
    }
    if run.error is not None:
        sample["error"] = {"message": run.error_text, "traceback": "", "traceback_ansi": ""}
    return sample


def _read_messages(path: Path) -> list[dict[str, Any]]:
    """Return a transcript as messages. Its format has two roles and no names, so these stand before the text."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    # Who begins has the question.
    first = rows[0]["sender"] if rows else ""
    return [
        {
            "role": "user" if row["sender"] == first else "assistant",
            "content": f"{row['sender']} to {row['recipient']}: {_get_text(row['message'])}",
        }
        for row in rows
    ]


def _get_text(message: Any) -> str:
    content = (
        message.get("content") if isinstance(message, dict) and set(message) <= {"content", "role", "name"} else message
    )
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
