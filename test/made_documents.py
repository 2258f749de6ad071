"""Documents that tests make with the libraries that write them: PDF, Word, Excel, PowerPoint, RTF, notebooks and pages."""

import io
import json
from pathlib import Path


def make_pdf(pages, title="A manual", password=None):
    """Return a PDF with a text on each page; an empty text makes a page with a picture alone."""
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream, encrypt=None if password is None else StandardEncryption(password))
    canvas.setTitle(title)
    for text in pages:
        for number, line in enumerate(text.splitlines()):
            canvas.drawString(72, 750 - 14 * number, line)
        if not text:
            canvas.rect(72, 72, 300, 300, fill=1)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def make_docx():
    import docx

    document = docx.Document()
    document.add_heading("Tea", 1)
    document.add_paragraph("Boil the water first.")
    document.add_heading("Green tea", 2)
    document.add_paragraph("Let it stand for two minutes.")
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def make_xlsx(rows=3):
    import openpyxl

    workbook = openpyxl.Workbook()
    workbook.active.title = "Prices"
    workbook.active.append(["Tea", "Price"])
    for number in range(rows):
        workbook.active.append([f"Sort {number}", number * 10])
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def make_pptx():
    import pptx

    deck = pptx.Presentation()
    for title in ("First slide", "Second slide"):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"Body of the {title.lower()}."
    stream = io.BytesIO()
    deck.save(stream)
    return stream.getvalue()


def make_notebook():
    cells = [
        {"cell_type": "markdown", "source": ["# A study\n", "\n", "Why we did it."], "metadata": {}},
        {"cell_type": "code", "source": "answer = 42", "metadata": {}, "outputs": [{"text": "not indexed"}]},
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


PAGE = """<html><head><title>Kettles</title><style>p {}</style><script>alert(1)</script></head>
<body><h1>Electric kettles</h1><p>They are fast.</p></body></html>"""

RTF = rb"{\rtf1\ansi {\b Bold} words and caf\'e9.\par Second line.}"


def write_documents(folder):
    """Write a document of each format, and return its path by its suffix."""
    contents = {
        ".md": b"# Tea\n\nBoil the water.\n\n## Green tea\n\nWait two minutes.\n",
        ".txt": b"Plain words.\n\nMore of them.\n",
        ".html": PAGE.encode(),
        ".csv": b"tea,minutes\ngreen,2\nblack,4\n",
        ".json": b'{"tea": {"green": 2}}',
        ".jsonl": b'{"tea": "green"}\n{"tea": "black"}\n',
        ".rtf": RTF,
        ".ipynb": make_notebook(),
        ".py": b"import os\n\n\ndef brew(tea):\n    return tea\n\n\ndef pour(tea):\n    return tea\n",
        ".pdf": make_pdf(["The first page.", "The second page."]),
        ".docx": make_docx(),
        ".xlsx": make_xlsx(),
        ".pptx": make_pptx(),
    }
    paths = {}
    for suffix, content in contents.items():
        path = Path(folder, f"document{suffix}")
        path.write_bytes(content)
        paths[suffix] = str(path)
    return paths
