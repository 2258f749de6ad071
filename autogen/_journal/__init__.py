"""The journal of a chat: every step is durable before the next one builds on it.

A step is an operation outside of the framework: a response of a model, the result of a tool or of code, the answer of a
human, the reply of a program's reply function. When a chat is started again with its journal, finished steps are not
repeated: their results are read, in the order in which they came, and the chat continues from there.

Everything else runs again, quickly and with the same outcome; so the histories, counters and groups of all agents are
rebuilt. The position of a step is its scope (a chat and a step have scopes of their own), its kind, its key, and its
ordinal among equal ones.
"""

from .journal import (
    Journal,
    chat_id_for,
    fingerprint,
    get_journal,
    is_interruption,
    open_journal,
    run_recorded,
    scope_for,
    step_scope,
)
from .questions import (
    AlreadyAnswered,
    Answer,
    AnswerStore,
    NotAnApprover,
    Pending,
    QuestionExpired,
    QuestionStore,
    make_answer_text,
    make_question_id,
)
from .sqlite_store import VERSION, SQLiteStore, find_answer, find_changed_answers, load_picture, read_meta, store_answer
from .store import ASKED, FINISHED, STARTED, JournalError, JournalStore, Position, Step

__all__ = [
    "ASKED",
    "FINISHED",
    "STARTED",
    "VERSION",
    "AlreadyAnswered",
    "Answer",
    "AnswerStore",
    "Journal",
    "JournalError",
    "JournalStore",
    "NotAnApprover",
    "Pending",
    "Position",
    "QuestionExpired",
    "QuestionStore",
    "SQLiteStore",
    "Step",
    "chat_id_for",
    "find_answer",
    "find_changed_answers",
    "fingerprint",
    "get_journal",
    "is_interruption",
    "load_picture",
    "make_answer_text",
    "make_question_id",
    "open_journal",
    "read_meta",
    "run_recorded",
    "scope_for",
    "step_scope",
    "store_answer",
]
