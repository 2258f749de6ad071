"""Questions to a model: forms if it fills them in, texts otherwise, and the reading of such texts."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ...._steps import Steps, invoke
from ....code_utils import content_str
from ....oai._requests.retry import classify_error
from ....oai._responses.thinking import split_thinking
from ....oai._responses.tokens import hold_tokens
from ....oai.client import OpenAIWrapper

logger = logging.getLogger("autogen.agentchat.contrib.agent_builder")

T = TypeVar("T")
Form = TypeVar("Form", bound=BaseModel)

MAX_NAME = 64
"""Characters of a name, as endpoints limit them."""

_YES_OR_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_LIST_MARK = re.compile(r"^\s*(?:[-*•]+|\(?\d+[.):])\s*")
# A name of more words is a sentence.
_MAX_WORDS = 5


class Questions:
    """Questions of a builder to its model.

    Args:
        client: The `OpenAIWrapper`.
        cache: Cache of responses.
        agent: Agent that the requests are made for, in events; None for none.
    """

    def __init__(self, client: OpenAIWrapper, cache: object = None, agent: object = None) -> None:
        self._client = client
        options = {"cache": cache, "agent": agent}
        self._options = {name: value for name, value in options.items() if value is not None}
        self._fills_in_forms = True

    def fill_in(self, prompt: str, form: type[Form]) -> Steps[Form | None]:
        """Ask the model to fill in a form; None if it can't. It gets an answer that does not fit back, with the reason."""
        if not self._fills_in_forms:
            return None
        # Importing the exception imports the SDK.
        from ....oai.errors import InvalidResponse

        try:
            answer = yield from self._request([{"role": "user", "content": prompt}], output_type=form)
            return form.model_validate_json(answer)
        except (InvalidResponse, ValidationError) as error:
            reason: object = error
        except Exception as error:
            fault = classify_error(error)
            if fault is None or fault.name != "request refused":
                raise
            reason = error
        self._fills_in_forms = False
        logger.info("The model fills in no form, so it is asked step by step: %s", reason)
        return None

    def ask(self, prompt: str) -> Steps[str]:
        """Return the answer of the model as text, without its thinking."""
        return (yield from self._request([{"role": "user", "content": prompt}]))

    def ask_for(self, prompt: str, parse: Callable[[str], T | None], complaint: str, fallback: T) -> Steps[T]:
        """Ask the model, and once more if its answer can't be read.

        Args:
            prompt: Question.
            parse: Function of the answer that returns its value; None if it can't be read.
            complaint: Sentence for the model that says how to answer.
            fallback: Value if the second answer can't be read either.
        """
        messages = [{"role": "user", "content": prompt}]
        for _ in range(2):
            answer = yield from self._request(messages)
            value = parse(answer)
            if value is not None:
                return value
            messages += [{"role": "assistant", "content": answer or "(empty)"}, {"role": "user", "content": complaint}]
        logger.warning("The model gave no answer that can be read, so it is taken to be %r.", fallback)
        return fallback

    def _request(self, messages: Sequence[dict[str, str]], **options: object) -> Steps[str]:
        request: dict[str, Any] = {"messages": list(messages), **self._options, **options}
        # Nobody reads the answer as it arrives.
        with hold_tokens():
            response = yield from invoke(self._client.create, self._client.a_create, **request)
        answer = self._client.extract_text_or_completion_object(response)[0]
        text = content_str(answer if isinstance(answer, str) else getattr(answer, "content", None))
        return split_thinking(text)[0].strip()


def parse_yes_or_no(text: str) -> bool | None:
    """Return True for yes and False for no, in any spelling; None if a text has neither or both.

    >>> parse_yes_or_no("**Yes.**"), parse_yes_or_no("no"), parse_yes_or_no("Yes and no")
    (True, False, None)
    """
    words = {word.lower() for word in _YES_OR_NO.findall(text)}
    return None if len(words) != 1 else words == {"yes"}


def parse_names(text: str) -> list[str] | None:
    r"""Return the names of experts in an answer, each once; None if there are none.

    >>> parse_names("1. Python Expert\n2. [Data]_Expert, Python_Expert")
    ['Python_Expert', 'Data_Expert']
    """
    names: dict[str, str] = {}
    for part in re.split(r"[,;\n]", text):
        # A sentence may introduce the names.
        part = _LIST_MARK.sub("", part.rpartition(": ")[2])
        name = normalize_name(part)
        if name and len(part.split()) <= _MAX_WORDS and not part.rstrip().endswith(":"):
            names.setdefault(name.lower(), name)
    # Other words are a sentence about them.
    experts = [name for key, name in names.items() if "expert" in key]
    return experts or list(names.values()) or None


def normalize_name(text: str) -> str:
    """Return a name without marks of lists and Markdown, and with underscores for everything but letters and digits.

    >>> normalize_name("2. **Data Analysis Expert**")
    'Data_Analysis_Expert'
    """
    text = _LIST_MARK.sub("", text).replace("[", "").replace("]", "")
    name = re.sub(r"_{2,}", "_", re.sub(r"[^\w-]+", "_", text))
    return name.strip("_-")[:MAX_NAME]


def make_unique(names: Iterable[str], reserved: Iterable[str] = ()) -> list[str]:
    """Return names that differ from each other and from others, also if case is ignored, by numbers behind them."""
    taken = {name.lower() for name in reserved}
    unique = []
    for name in names:
        base, number = name or "Expert", 1
        name = base
        while name.lower() in taken:
            number += 1
            suffix = f"_{number}"
            name = base[: MAX_NAME - len(suffix)] + suffix
        taken.add(name.lower())
        unique.append(name)
    return unique


def find_name(answer: str, names: Collection[str]) -> str | None:
    """Return the name that an answer gives, alone, before a description or in a sentence; None if it gives none or several.

    >>> find_name("Math_Expert: sums, ratios: all of it", ["Math", "Math_Expert"])
    'Math_Expert'
    """
    text = answer.strip().strip("\"'`*").strip()
    # The longest first, because one name may begin another.
    for name in sorted(names, key=len, reverse=True):
        start, rest = text[: len(name)], text[len(name) :].lstrip("\"'`* ")
        if start.lower() == name.lower() and (not rest or not (rest[0].isalnum() or rest[0] in "_-")):
            return name
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    mentions = {match.lower() for match in re.findall(rf"(?<![\w-])({pattern})(?![\w-])", text, re.IGNORECASE)}
    return next((name for name in names if name.lower() in mentions), None) if len(mentions) == 1 else None
