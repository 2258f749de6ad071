"""Read the checkpoint of a chat, answer the questions for which it waits, and fork it from the middle.

>>> recording = Recording("chat.db")
>>> for message in recording.messages:
...     print(message["sender"], message["content"])
>>> recording.fork("other.db", messages=3)  # the first three messages; then start the chat with checkpoint="other.db"
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ._images.storage import attach_pictures
from ._journal import (
    ASKED,
    FINISHED,
    AlreadyAnswered,
    Answer,
    JournalError,
    NotAnApprover,
    Pending,
    QuestionExpired,
    find_answer,
    find_changed_answers,
    fingerprint,
    is_interruption,
    load_picture,
    make_answer_text,
    make_question_id,
    read_meta,
    store_answer,
)
from ._mistakes import trim_stop
from ._sqlite_guard import UnexpectedSchema, fetch_all, limit_work, open_database, open_for_reading

__all__ = ["AlreadyAnswered", "Answer", "JournalError", "NotAnApprover", "Pending", "QuestionExpired", "Recording"]


_HEADER = b"SQLite format 3\0"
# Parts of SQLite's messages for a file that may be a checkpoint.
_NO_ACCESS = ("unable to open", "is locked", "readonly")
# Required fields of the event of a message.
_MESSAGE_FIELDS: dict[str, type | tuple[type, ...]] = {"sender": str, "recipient": str, "at": (int, float)}


class Recording:
    """The contents of a checkpoint file. The file is read on each access; only `answer` writes.

    Every property and method raises `JournalError` if the file is damaged or can't be read; the message names the row.

    Args:
        path: The file.
        approvers: Names of those who may answer, or a function `(question, by)` that returns True for them; None for
            anybody. A tool may name its own with `register_for_execution(approvers=...)`. Both count.

    Attributes:
        about: Its metadata: `version`, `chat` (a description as JSON), `chat_id`.

    Raises:
        FileNotFoundError: if there is no such file.
        JournalError: if the file is not a checkpoint, or has an unknown version.
    """

    def __init__(self, path: str | Path, *, approvers: Iterable[str] | Callable[[Pending, str], bool] | None = None) -> None:
        self.path = Path(path)
        self._approvers = approvers if callable(approvers) or approvers is None else tuple(approvers)
        if not self.path.is_file():
            raise FileNotFoundError(f"No such checkpoint: {self.path}.")
        with self._open() as database:
            self.about: dict[str, str] = read_meta(database, self.path, str(self.path))
        if not self.about:
            raise JournalError(f"{self.path} is not a checkpoint: nothing is recorded in it.")

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events in order, as dicts from `Event.to_dict`."""
        return [event for _, event in self._read_events()]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the chat itself, without inner chats: dicts with `sender`, `recipient`, `content` and `at`."""
        return [
            {**_to_dict(event["message"]), **{key: event[key] for key in ("sender", "recipient", "at")}}
            for _, event in self._read_messages()
        ]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The journaled operations: dicts with `kind`, `about`, `scope`, `finished`, `value` (the result) and `at`."""
        rows = self._fetch("SELECT n, kind, about, scope, state, value, at FROM steps ORDER BY at, n")
        for number, *texts, _, at in rows:
            if not all(isinstance(text, str) for text in texts) or not isinstance(at, (int, float)):
                raise self._make_error("steps", number, "is not a step")
        return [
            {
                "kind": kind,
                "about": about,
                "scope": scope,
                "finished": state == FINISHED,
                "value": None if value is None else self._parse("steps", number, value),
                "at": at,
            }
            for number, kind, about, scope, state, value, at in rows
        ]

    @property
    def is_finished(self) -> bool:
        """True if the chat has come to its end; False if it failed, was stopped, or waits for an answer."""
        ends = [event for _, event in self._read_events("chat_ended", "chat_waiting")]
        return bool(ends) and ends[-1]["type"] == "chat_ended" and not is_interruption(ends[-1])

    @property
    def pending(self) -> list[Pending]:
        """The questions for which the chat waits, in order: open, and without an answer. See `answer`."""
        questions = self._read_questions()
        # A chat may come to its end without a question that it asked before.
        if not questions or self.is_finished:
            return []
        # The table of answers is there since there are questions.
        with self._open() as database:
            return [item for item in questions if find_answer(database, item.id, item.digest) is None]

    def answer(
        self,
        question: Pending | str,
        value: str | Mapping[str, Any] | None = None,
        *,
        choice: str | None = None,
        by: str = "",
        note: str = "",
    ) -> Answer:
        """Answer a question of a chat that waits. The same call that started the chat then resumes it.

        Args:
            question: An item of `pending`, or its id.
            value: The text, as a human would type it; the arguments for `edit`, the words for `reject`.
            choice: For an approval: `approve`, `always` (also later calls of the tool), `reject`, `reject_rest` (also the
                other calls of the message), `edit` or `stop` (the chat ends).
            by: Name of the person who answers, for the record, and for those who have `approvers`: a server takes it from
                its authentication.
            note: Remark for the record.

        Raises:
            AlreadyAnswered: if it has an answer.
            NotAnApprover: if this person may not answer it.
            QuestionExpired: if nobody answered in time.
            LookupError: if the chat does not wait for it, or its question shows something else by now.
            ValueError: if the answer does not fit the question.
            JournalError: if the file is damaged, or can't be written.

        >>> recording.answer(recording.pending[0], choice="reject", value="Too much.")  # doctest: +SKIP
        """
        question_id = question if isinstance(question, str) else question.id
        known = next((item for item in self._read_questions() if item.id == question_id), None)
        if known is None:
            self._check_answered(question_id)
        if known is None or (isinstance(question, Pending) and question.digest != known.digest):
            open_ids = ", ".join(item.id for item in self.pending) or "none"
            raise LookupError(f"{self.path} does not wait for the question {question_id!r}; its open questions: {open_ids}.")
        if known.expires_at is not None and time.time() >= known.expires_at:
            raise QuestionExpired(f"The question has expired, and its answer is {known.default!r}.")
        if not self._may_answer(known, by):
            raise NotAnApprover(f"{by or 'Somebody without a name'} may not answer the question {known.id!r}.")
        answer = Answer(make_answer_text(known, value, choice), by, note, time.time())
        try:
            with closing(open_database(self.path, "rw", timeout=30, isolation_level=None)) as database:
                read_meta(database, self.path, str(self.path))
                store_answer(database, known.id, known.digest, answer)
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} can't be written: {trim_stop(error)}.") from error
        return answer

    def _may_answer(self, question: Pending, by: str) -> bool:
        if question.approvers and by not in question.approvers:
            return False
        # A function that returns something else than a bool has not decided.
        if callable(self._approvers):
            return self._approvers(question, by) is True
        return self._approvers is None or by in self._approvers

    def _check_answered(self, question_id: str) -> None:
        """Raise `AlreadyAnswered` for a question that was answered where the chat runs."""
        with self._open() as database:
            read_meta(database, self.path, str(self.path))
            tables = {row[0] for row in fetch_all(database, self.path, "SELECT name FROM sqlite_master")}
            answer = find_answer(database, question_id) if "answers" in tables else None
        if answer is not None:
            raise AlreadyAnswered(answer)

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """The decisions about calls, and the checks that tripped, in order: dicts with `kind`, `name` and `verdict`.

        `by` says who decided, `person` and `note` who answered elsewhere, and `digest` tells arguments apart.
        """
        asked: dict[Any, dict[str, Any]] = {}
        answers = self._read_answers()
        persons: dict[str, Any] = {}
        decisions = []
        for event in self.events:
            kind, operation = event["type"], event.get("operation")
            if kind == "approval_asked":
                asked[operation] = event
            elif kind == "human_asked":
                scope = str(operation).rpartition("/")[0]
                persons[scope] = answers.get(make_question_id(self.about.get("chat_id", ""), str(operation)))
            elif kind == "approval_given":
                arguments = asked.get(operation, {}).get("arguments")
                person, note = persons.get(str(operation)) or ("", "")
                decision = {"kind": "approval", **_select(event, "at agent name verdict by why words"), "person": person}
                decisions.append({**decision, "note": note, "arguments": arguments, "digest": fingerprint(arguments)})
            elif kind == "guardrail_checked" and event.get("tripped"):
                decisions.append({"kind": "guardrail", "verdict": "tripped", **_select(event, "at agent name on why")})
        return decisions

    def find_changed_answers(self) -> list[str]:
        """Compare the answers that were given elsewhere with the record of them, in which each has the hash of those before.

        Returns:
            A sentence for each difference: a row that was changed, or is missing. Whoever can write the file can make a new
            record, too: keep a copy of it elsewhere.
        """
        with self._open() as database:
            read_meta(database, self.path, str(self.path))
            tables = {row[0] for row in fetch_all(database, self.path, "SELECT name FROM sqlite_master")}
            return find_changed_answers(database, self.path) if {"answers", "decisions"} <= tables else []

    def _read_answers(self) -> dict[str, tuple[str, str]]:
        """Return the author and the note of each answer that was given elsewhere, by question."""
        with self._open() as database:
            read_meta(database, self.path, str(self.path))
            tables = {row[0] for row in fetch_all(database, self.path, "SELECT name FROM sqlite_master")}
            query = "SELECT id, author, note FROM answers"
            rows = fetch_all(database, self.path, query) if "answers" in tables else []
        return {str(question_id): (str(author), str(note)) for question_id, author, note in rows}

    def _read_questions(self) -> list[Pending]:
        """Return the questions for which steps wait."""
        rows = self._fetch(f"SELECT n, value FROM steps WHERE state = '{ASKED}' ORDER BY n")
        return [Pending.from_dict(self._parse("steps", number, value)) for number, value in rows]

    def fork(self, path: str | Path, *, messages: int) -> Recording:
        """Copy the checkpoint up to a message, so that a chat can continue from there in another way.

        Args:
            path: The new file.
            messages: Number of messages to keep.

        Returns:
            The new recording.

        Raises:
            FileExistsError: if the new file exists.
            ValueError: if the chat has fewer messages.
            JournalError: if the checkpoint is damaged, or the new file can't be written.
        """
        target = Path(path)
        if target.exists():
            raise FileExistsError(f"{target} exists already: a fork must be a new file.")
        sent = self._read_messages()
        if not 0 < messages <= len(sent):
            raise ValueError(f"The chat has {len(sent)} messages: messages must be between 1 and that, got {messages}.")
        # Rows are numbered in the order of the events, and a step knows the last event before it.
        last, _ = sent[messages - 1]
        try:
            with closing(sqlite3.connect(target)) as copy:
                with self._open() as source:
                    read_meta(source, self.path, str(self.path))
                    source.backup(copy)
                limit_work(copy, target)
                copy.execute("DELETE FROM steps WHERE after >= ?", (last,))
                copy.execute("DELETE FROM events WHERE n > ?", (last,))
                # The fork asks its own questions; answers that were used are results of steps.
                copy.execute("DROP TABLE IF EXISTS answers")
                copy.execute("DROP TABLE IF EXISTS decisions")
                copy.commit()
        except (sqlite3.Error, JournalError) as error:
            # An incomplete copy is of no use.
            target.unlink(missing_ok=True)
            raise JournalError(f"{target} can't be made: {error}") from error
        # A recording may be private.
        shutil.copymode(self.path, target)
        return Recording(target)

    def _read_messages(self) -> list[tuple[int, dict[str, Any]]]:
        """Return the events of the messages of the chat itself, with their rows."""
        sent = list(self._read_events("message_sent"))
        for number, event in sent:
            missing = [key for key, kind in _MESSAGE_FIELDS.items() if not isinstance(event.get(key), kind)]
            if missing or "message" not in event:
                raise self._make_error("events", number, f"is a message without {', '.join(missing) or 'content'}")
        return sent

    def _read_events(self, *kinds: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield all events, or those of some kinds that belong to the chat itself, with their rows."""
        for number, data in self._fetch("SELECT n, data FROM events ORDER BY n"):
            event = self._parse("events", number, data)
            if not isinstance(event, dict) or not isinstance(event.get("type"), str):
                raise self._make_error("events", number, "is not an event")
            if not kinds or (event["type"] in kinds and event.get("chat") == self.about.get("chat_id")):
                yield number, event

    def _parse(self, table: str, number: int, data: str) -> Any:
        try:
            return json.loads(self._attach_pictures(data))
        except (ValueError, TypeError, RecursionError) as error:
            raise self._make_error(table, number, f"is not JSON: {error}") from error

    def _attach_pictures(self, text: str) -> str:
        """Return JSON with the large pictures that it refers to."""
        if ";sha256=" not in text:
            return text
        with self._open() as database:
            return attach_pictures(text, lambda digest: load_picture(database, digest))

    def _make_error(self, table: str, number: int, problem: str) -> JournalError:
        return JournalError(f"{self.path} is a damaged checkpoint: row {number} of its {table} {trim_stop(problem)}.")

    def _fetch(self, query: str) -> list[Any]:
        with self._open() as database:
            read_meta(database, self.path, str(self.path))
            return fetch_all(database, self.path, query)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the database for reading in a `with` block.

        Raises:
            JournalError: if it can't be read.
        """
        try:
            with closing(open_for_reading(self.path)) as database:
                yield database
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} {self._explain(error)}: {error}") from error

    def _explain(self, error: sqlite3.Error) -> str:
        """Return the meaning of an error of SQLite for the file."""
        text = str(error)
        if any(phrase in text for phrase in _NO_ACCESS):
            return "can't be read"
        if isinstance(error, UnexpectedSchema) or "no such" in text:
            return "is not a checkpoint"
        try:
            with open(self.path, "rb") as file:
                is_database = file.read(len(_HEADER)) == _HEADER
        except OSError:
            return "can't be read"
        return "is a damaged checkpoint" if is_database else "is not a checkpoint"


def _select(event: Mapping[str, Any], keys: str) -> dict[str, Any]:
    return {key: event.get(key, "") for key in keys.split()}


def _to_dict(message: object) -> dict[str, Any]:
    return message if isinstance(message, dict) else {"content": message}
