"""Code in fenced blocks."""

from __future__ import annotations

from ..code_utils import UNKNOWN, content_str, infer_lang
from ..types import MessageContentType
from ._fences import fences
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
        for fence in fences(content_str(message)):
            language = fence.language or infer_lang(fence.code)
            blocks.append(CodeBlock(code=fence.code, language="" if language == UNKNOWN else language))
        return blocks
