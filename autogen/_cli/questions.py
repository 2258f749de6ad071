"""`autogen pending` and `autogen answer`: the questions of chats that wait."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..coding.approval import visible
from ..recording import Recording


def show_pending(file: Path, as_json: bool) -> int:
    """Show the open questions of a chat, and return the exit code: 1 if there are none."""
    questions = Recording(file).pending
    if as_json:
        sys.stdout.write(json.dumps([question.to_dict() for question in questions], indent=2) + "\n")
    else:
        for question in questions:
            # A model may have written it.
            sys.stdout.write(f"{question.id}  {question.agent}\n    {visible(question.prompt.strip())}\n")
        if not questions:
            sys.stderr.write("No question is open.\n")
    return 0 if questions else 1


def give_answer(file: Path, question_id: str, text: str, by: str) -> int:
    """Answer a question of a chat, and return the exit code.

    Args:
        file: The checkpoint.
        question_id: Id of the question, or the beginning of it.
        text: The answer.
        by: Name of the person.

    Raises:
        ValueError: if there is no such question, or it has an answer.
    """
    recording = Recording(file)
    matches = [question for question in recording.pending if question.id.startswith(question_id)]
    if len(matches) > 1:
        raise ValueError(f"{len(matches)} open questions begin with {question_id!r}.")
    try:
        recording.answer(matches[0] if matches else question_id, text, by=by)
    except LookupError as error:
        raise ValueError(str(error.args[0])) from error
    sys.stdout.write("The answer is kept. Start the chat again with its checkpoint.\n")
    return 0
