"""Questions that a chat leaves open, and the answers that are given while it does not run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from .._mistakes import suggest, trim_stop
from .store import JournalError, JournalStore, Position

MAX_ANSWER = 100_000  # characters


@dataclass(frozen=True)
class Pending:
    """A question that waits for its answer.

    Attributes:
        id: Its id, by which it is answered: the same whenever the chat is resumed.
        kind: `human` for a message, `approval` for the approval of a tool call, `elicitation` for a question of an MCP
            server.
        agent: Name of the agent that asks.
        prompt: The question.
        tool: For an approval, the name of the tool.
        arguments: For an approval, the arguments of the call, with secrets masked.
        choices: For an approval, the choices of `Recording.answer`.
        asked_at: Time of the question, in seconds since 1970.
        digest: SHA-256 of all that is shown. An answer counts for a question with the same digest alone.
        expires_at: Time after which its default is the answer, in seconds since 1970; None if it does not expire.
        default: The answer then.
        approvers: Names of those who may answer; empty for anybody.
    """

    id: str
    kind: str
    agent: str
    prompt: str
    tool: str | None = None
    arguments: Any = None
    choices: tuple[str, ...] = ()
    asked_at: float = 0.0
    digest: str = ""
    expires_at: float | None = None
    default: str = ""
    approvers: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the question as JSON."""
        return {**asdict(self), "choices": list(self.choices), "approvers": list(self.approvers)}

    @classmethod
    def from_dict(cls, stored: Any) -> Pending:
        """Restore a question that `to_dict` returned.

        Raises:
            JournalError: It is not a question.
        """
        try:
            # Earlier versions had no approvers.
            approvers = tuple(stored.get("approvers", ()))
            return cls(**{**stored, "choices": tuple(stored["choices"]), "approvers": approvers})
        except (AttributeError, TypeError, KeyError) as error:
            raise JournalError(f"A stored question is damaged: {trim_stop(error)}.") from error


class Answer(NamedTuple):
    """An answer to a question.

    Attributes:
        text: The answer, as a human would type it.
        by: Name of the person who gave it; empty if it is not known.
        note: Remark for the record. Agents don't see it.
        at: Time of the answer, in seconds since 1970.
    """

    text: str
    by: str = ""
    note: str = ""
    at: float = 0.0


class NotAnApprover(ValueError):
    """Raised for an answer by somebody who may not answer the question."""


class QuestionExpired(ValueError):
    """Raised for an answer to a question that nobody answered in time: its default counts."""


class AlreadyAnswered(ValueError):
    """Raised for a second answer to a question. The first counts.

    Attributes:
        answer: The first answer.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"The question has an answer already, given by {answer.by or 'somebody'}.")

    def __reduce__(self) -> tuple[type[AlreadyAnswered], tuple[Answer]]:
        # The default passes the message as the only argument.
        return type(self), (self.answer,)


@runtime_checkable
class QuestionStore(JournalStore, Protocol):
    """A `JournalStore` in which questions wait for answers."""

    def ask_step(self, position: Position, question: Mapping[str, Any]) -> None:
        """Store that a step waits for the answer to a question."""
        ...

    def read_answer(self, question_id: str, digest: str) -> Answer | None:
        """Return the answer to a question; None if there is none."""
        ...


@runtime_checkable
class AnswerStore(QuestionStore, Protocol):
    """A `QuestionStore` in which a chat that runs gives answers, too: the first one counts, wherever it comes from."""

    def settle_answer(self, question_id: str, digest: str, answer: Answer) -> Answer:
        """Store the answer to a question, unless it has one, and return the answer that counts."""
        ...


def make_question_id(chat_id: str, position: str) -> str:
    """Make the id of the question that is asked at a position of a chat."""
    return hashlib.sha256(f"{chat_id}{position}".encode()).hexdigest()[:32]


def make_digest(*shown: object) -> str:
    """Return the digest of all that is shown with a question."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode()).hexdigest()


def make_answer_text(question: Pending, value: str | Mapping[str, Any] | None, choice: str | None) -> str:
    """Return an answer as the text that a human would type.

    Args:
        question: The question.
        value: The text, or the arguments for the choice `edit`.
        choice: One of the question's choices; None for a text.

    Raises:
        ValueError: It does not fit the question.
    """
    if choice is not None and choice not in question.choices:
        choices = ", ".join(question.choices) or "none"
        raise ValueError(f"choice must be one of: {choices}, got {choice!r}.{suggest(choice, question.choices)}")
    if choice == "edit" and not isinstance(value, Mapping):
        raise ValueError(f"The choice 'edit' needs the new arguments as a dict, got {value!r:.100}.")
    if choice != "edit" and isinstance(value, Mapping):
        raise ValueError(f"value must be a text, got {value!r:.100}.")
    if choice is None and value is None:
        raise ValueError("An answer needs a value or a choice.")
    if choice in ("approve", "always", "stop") and value is not None and value != "":
        raise ValueError(f"The choice {choice!r} takes no value, got {value!r:.100}.")
    details = json.dumps(dict(value)) if isinstance(value, Mapping) else value or ""
    text = f"{choice or ''} {details}".strip() if choice else details
    if len(text) > MAX_ANSWER:
        raise ValueError(f"An answer must have at most {MAX_ANSWER} characters, got {len(text)}.")
    return text
