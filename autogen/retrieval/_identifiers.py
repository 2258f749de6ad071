"""Finding identifiers in a question: names of functions, options, files, error codes.

An embedding model has seen few of them, so a question about an identifier is answered better by the texts that contain it.
"""

from __future__ import annotations

import re

# Alternatives in the order in which they are tried.
_PATTERNS = r"""
    `[^`\n]{1,100}`                             # code in back-ticks
  | [$@%&]\w+(?:::\w+)*                         # variables of Perl, PHP and shells
  | \w+(?:(?:::|->|\#)\w+)+(?:\(\))?            # qualified names: std::sort
  | \w+(?:\.\w+)*\(\)                           # calls: os.path.join()
  | [A-Za-z_]\w*(?:\.[A-Za-z_]\w+)+             # dotted names and files: os.path, setup.py
  | --[A-Za-z][\w-]+                            # long options
  | \b_*[^\W_]+(?:_+[^\W_]+)+_*\b | \b__\w+     # snake_case, UPPER_CASE, __init__
  | \b[a-z]+[A-Z]\w* | \b[A-Z][a-z]+[A-Z]\w*    # camelCase, CamelCase
  | \b(?=[\d-]*[A-Za-z])(?=[A-Za-z-]*\d)[A-Za-z\d]+(?:-[A-Za-z\d]+)*\b    # digits among letters: utf8, E1101
  | \b[A-Z]{2,}\b                               # capitals
"""
_IDENTIFIER = re.compile(_PATTERNS, re.VERBOSE)
# Words that look like identifiers in a heading or a sentence.
_PLAIN = re.compile(r"(?:\d+(?:st|nd|rd|th)|e\.g|i\.e|OK|FAQ|I)\Z", re.IGNORECASE)
# A question in capitals is loud and not a list of names.
_LOUD = 0.7


def find_identifiers(text: str) -> list[str]:
    """Return the parts of a text that look like identifiers, without back-ticks, in their order.

    >>> find_identifiers("How do I call `sort` of std::vector, or list.sort(), with sort_key?")
    ['sort', 'std::vector', 'list.sort()', 'sort_key']
    >>> find_identifiers("How do I sort a list?")
    []
    """
    letters = [character for character in text if character.isalpha()]
    if len(letters) > 20 and sum(map(str.isupper, letters)) > _LOUD * len(letters):
        text = text.lower()
    matches = (match.strip("`").strip() for match in _IDENTIFIER.findall(text))
    return list(dict.fromkeys(match for match in matches if match and not _PLAIN.match(match)))
