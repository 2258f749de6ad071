"""Code in fenced blocks."""

from __future__ import annotations

import re

from ..code_utils import CODE_BLOCK_PATTERN, UNKNOWN, content_str, infer_lang
from ..types import MessageContentType
from .base import CodeBlock, CodeExtractor

__all__ = ["MarkdownCodeExtractor"]


class MarkdownCodeExtractor(CodeExtractor):
    """Finds the fenced code blocks of a message."""

    def extract_code_blocks(self, message: MessageContentType) -> list[CodeBlock]:
        """The blocks in their order. Where a fence names no language it is guessed; `""` where that fails.

        >>> MarkdownCodeExtractor().extract_code_blocks("```python\\nprint(1)\\n```")
        [CodeBlock(code='print(1)', language='python')]
        """
        blocks = []
        for language, code in re.findall(CODE_BLOCK_PATTERN, content_str(message), flags=re.DOTALL):
            language = language or infer_lang(code)
            blocks.append(CodeBlock(code=code, language="" if language == UNKNOWN else language))
        return blocks
