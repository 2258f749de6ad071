"""`MarkdownCodeExtractor`: the code of a message as blocks. The text is searched by `_extraction.py`."""

from __future__ import annotations

from ..types import MessageContentType
from ._constants import UNKNOWN
from ._extraction import content_str, find_fences, infer_lang
from .base import CodeBlock, CodeExtractor

__all__ = ["MarkdownCodeExtractor"]


class MarkdownCodeExtractor(CodeExtractor):
    """Extractor of the fenced code blocks of a message."""

    def extract_code_blocks(self, message: MessageContentType) -> list[CodeBlock]:
        r"""Return the blocks in order. The language of an unlabelled fence is guessed; `""` if that fails.

        >>> MarkdownCodeExtractor().extract_code_blocks("```python\nprint(1)\n```")
        [CodeBlock(code='print(1)', language='python')]
        """
        blocks = []
        for fence in find_fences(content_str(message)):
            language = fence.language or infer_lang(fence.code)
            blocks.append(CodeBlock(code=fence.code, language="" if language == UNKNOWN else language))
        return blocks
