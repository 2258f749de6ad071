"""Finding the names of agents in what a model says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...code_utils import content_str
from ...types import MessageContentType
from ..agent import Agent

_AROUND = " \t\r\n\"'`*_<>()[]{}.,:;!-#"
_ANNOUNCED = (
    r"(?:next(?:\s+(?:speaker|role|agent|is|up|one))*|speaker|role|answer)\s*(?:(?:is|:|=|->)\s*)*[\"'`*_(\[]*{name}(?!\w)"
)


def count_mentions(message_content: MessageContentType | dict[str, object], agents: Iterable[Agent]) -> dict[str, int]:
    """How often each agent is mentioned, without those that are not.

    A name also counts with its underscores as blanks or escaped (`\\_`). It must stand alone, not within a word.
    """
    if isinstance(message_content, dict):
        message_content = message_content.get("content")  # type: ignore[assignment]
    text = f" {content_str(message_content)} "
    counts = {}
    for agent in agents:
        if count := len(re.findall(rf"(?<=\W)(?:{'|'.join(_spellings(agent.name))})(?=\W)", text)):
            counts[agent.name] = count
    return counts


def resolve_mention(answer: str, agents: Sequence[Agent]) -> list[str]:
    """The agents that an answer may mean; a single one is clear.

    An answer that is a name and nothing else counts before all, whatever quotes or markup are around it, and whatever its
    letter case if that fits one agent only. A name within a longer name that is there is not meant (`Coder` in `Coder-2`).
    Of several, the one announced as next is meant.
    """
    names = list(dict.fromkeys(agent.name for agent in agents))
    alone = _plain(answer)
    for same in (str.__str__, str.casefold):
        hits = [name for name in names if same(_plain(name)) == same(alone)]
        if len(hits) == 1:
            return hits
    found = list(count_mentions(answer, agents)) or [name for name in names if _stands_in_markup(name, answer)]
    if len(found) > 1:
        found = [name for name in found if not _only_within_longer(name, found, answer)]
    if len(found) > 1:
        announced = [name for name in found if _is_announced(name, answer)]
        found = announced if len(announced) == 1 else found
    return found


def _spellings(name: str) -> list[str]:
    forms = (name, name.replace("_", " "), name.replace("_", r"\_"))
    return sorted({re.escape(form) for form in forms}, key=len, reverse=True)


def _plain(text: str) -> str:
    """A text without what may stand around a name; blanks, `_` and `\\_` are the same."""
    return text.replace("\\_", "_").replace(" ", "_").strip(_AROUND) if text.strip() else ""


def _stands_in_markup(name: str, text: str) -> bool:
    """Whether a name stands between characters of words: in `_italics_`, or in a script that has no blanks."""
    if any(letter >= "\u2e80" for letter in name):  # Chinese, Japanese, Korean
        return name in text
    return re.search(rf"(?<![^\W_])_{re.escape(name)}_(?![^\W_])", text) is not None


def _only_within_longer(name: str, names: list[str], text: str) -> bool:
    longer = [other for other in names if other != name and any(form in other for form in (name, name.replace("_", " ")))]
    for other in sorted(longer, key=len, reverse=True):
        text = re.sub("|".join(_spellings(other)), " ", text)
    return bool(longer) and not re.search(rf"(?<!\w)(?:{'|'.join(_spellings(name))})(?!\w)", text)


def _is_announced(name: str, text: str) -> bool:
    return any(re.search(_ANNOUNCED.replace("{name}", form), text, re.IGNORECASE) for form in _spellings(name))
