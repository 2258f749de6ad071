"""Names of agents that a model's text mentions."""

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
    r"""Count the mentions of each agent; agents without a mention are left out.

    A name also counts with its underscores as blanks or escaped (`\_`). It must stand alone, not within a word.
    """
    if isinstance(message_content, dict):
        message_content = message_content.get("content")  # type: ignore[assignment]
    text = f" {content_str(message_content)} "
    counts = {}
    for agent in agents:
        if count := len(re.findall(rf"(?<=\W)(?:{'|'.join(_get_spellings(agent.name))})(?=\W)", text)):
            counts[agent.name] = count
    return counts


def resolve_mention(answer: str, agents: Sequence[Agent]) -> list[str]:
    """Return the names of the agents that an answer may mean; a single name is unambiguous.

    An answer that consists of a name takes precedence: quotes and markup around it are ignored, and so is the letter case
    if it fits one agent only. A name within a longer name that occurs is not a mention (`Coder` in `Coder-2`). If several
    names occur, an agent announced as next is meant.
    """
    names = list(dict.fromkeys(agent.name for agent in agents))
    normalized = _normalize(answer)
    # Exact first, because two names may differ in letter case only.
    for convert in (str.__str__, str.casefold):
        matches = [name for name in names if convert(_normalize(name)) == convert(normalized)]
        if len(matches) == 1:
            return matches
    mentioned = list(count_mentions(answer, agents)) or [name for name in names if _is_in_markup(name, answer)]
    if len(mentioned) > 1:
        mentioned = [name for name in mentioned if not _is_only_within_longer(name, mentioned, answer)]
    if len(mentioned) > 1:
        announced = [name for name in mentioned if _is_announced(name, answer)]
        mentioned = announced if len(announced) == 1 else mentioned
    return mentioned


def _get_spellings(name: str) -> list[str]:
    forms = (name, name.replace("_", " "), name.replace("_", r"\_"))
    return sorted({re.escape(form) for form in forms}, key=len, reverse=True)


def _normalize(text: str) -> str:
    r"""Strip quotes and markup around a name; blanks and `\_` become `_`."""
    return text.replace("\\_", "_").replace(" ", "_").strip(_AROUND) if text.strip() else ""


def _is_in_markup(name: str, text: str) -> bool:
    """Return True if a name occurs in `_italics_`, or in a script without blanks between words."""
    # Chinese, Japanese, Korean.
    if any(letter >= "\u2e80" for letter in name):
        return name in text
    return re.search(rf"(?<![^\W_])_{re.escape(name)}_(?![^\W_])", text) is not None


def _is_only_within_longer(name: str, names: list[str], text: str) -> bool:
    # Without the longer names, see if the name is still there.
    longer = [other for other in names if other != name and any(form in other for form in (name, name.replace("_", " ")))]
    for other in sorted(longer, key=len, reverse=True):
        text = re.sub("|".join(_get_spellings(other)), " ", text)
    return bool(longer) and not re.search(rf"(?<!\w)(?:{'|'.join(_get_spellings(name))})(?!\w)", text)


def _is_announced(name: str, text: str) -> bool:
    return any(re.search(_ANNOUNCED.replace("{name}", form), text, re.IGNORECASE) for form in _get_spellings(name))
