"""Documents and web pages as Markdown, also those that were made to do harm."""

import io
import os
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from sites import redirect, serve_site

from autogen.browser_utils import (
    DocumentConverterResult,
    FileConversionException,
    MarkdownConverter,
    UnsupportedFormatException,
    mdconvert,
)
from autogen.fetching import AddressRefused, FetchPolicy, StatusError

INSIDE = FetchPolicy(allow_private=True)


def convert(content, suffix, **options):
    """Return the title and the text of a document."""
    content = content.encode() if isinstance(content, str) else content
    result = MarkdownConverter().convert_stream(io.BytesIO(content), file_extension=suffix, **options)
    return result.title, result.text_content


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h2>A</h2>B<!-- comment --><![CDATA[x]]>", "## A\n\nB"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("<style>x</style><script>x</script><template>x</template><noscript>x</noscript><iframe>x</iframe>a", "a"),
        ("<p hidden>x</p><p aria-hidden=true>x</p><p>a", "a"),
        ("<p style='color:red;DISPLAY : none'>x</p><p style='visibility:hidden'>x</p><p style='opacity:0'>x</p><p>a", "a"),
        ("<p style='font-size:0px'>x</p><p style='position:absolute;left:-9999px'>x</p><p style='opacity:0.5'>a", "a"),
        ('<a href="javascript:alert(1)">a</a>', "a"),
        ('<img alt="i" src="data:image/png;base64,' + "A" * 9999 + '">', "![i](data:image/png;base64,...)"),
        ("a\r\n\r\n\r\n\r\n<p>b   \n", "a\n\nb"),
        ("&lt;b&gt;", "<b>"),
        ("", ""),
        ("<" * 5000, "<" * 5000),
    ],
)
def test_html(html, text):
    assert convert(html, ".html")[1] == text


@pytest.mark.slow
def test_html_made_to_do_harm():
    assert "deep" in convert("<div>" * 20_000 + "deep", ".html")[1]
    # Each level would indent every line once more: minutes.
    assert convert("<blockquote>" * 250 + "word<br>" * 2_000, ".html")[1].splitlines()[1].count(">") < 20
    # So would each level copy the text once more.
    assert convert("<div>" * 250 + ("word " * 1000 + "<br>") * 60, ".html")[1].count("word") == 60_000
    long = convert("<p>" + "word " * 500_000, ".html")[1]
    assert "only its first 2,000,000 characters" in long


def test_a_page_of_wikipedia_is_its_article():
    html = (
        "<title>Tea - Wikipedia</title><nav>menu</nav><span class=mw-page-title-main>Tea</span>"
        "<div id=mw-content-text><p>A drink.</div><footer>foot"
    )
    assert convert(html, ".html", url="https://en.wikipedia.org/wiki/Tea") == ("Tea", "# Tea\n\nA drink.")
    assert "menu" in convert(html, ".html", url="https://wikipedia.org.evil.example/wiki/Tea")[1]
    assert "menu" in convert(html, ".html", url="http://[")[1]


def test_a_page_of_youtube():
    html = (
        '<meta property="og:title" content="A film"><meta name="keywords" content="k"><meta name="description" content="D">'
    )
    title, text = convert(html, ".html", url="https://www.youtube.com/watch?v=1")
    assert (title, text) == ("A film", "# YouTube\n\n## A film\n\n- **Keywords:** k\n\n### Description\nD")


def test_a_result_page():
    html = '<title>q - Search</title><li class="b_algo"><a href="/ck/a?u=a1aHR0cDovL2EudGVzdC8">A</a></li><div>ad</div>'
    text = convert(html, ".html", url="https://www.bing.com/search?q=q")[1]
    assert "[A](http://a.test/)" in text
    assert "ad" not in text.split("results:")[1]


@pytest.mark.parametrize(
    ("content", "suffix", "text"),
    [
        ("a  \n\n\n\nb", ".txt", "a\n\nb"),
        ("# a", ".md", "# a"),
        ("a,b\n1,x|y", ".csv", "| a | b |\n| --- | --- |\n| 1 | x\\|y |"),
        ("a\tb\n1\t2", ".tsv", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("plain", ".csv", "plain"),
        ('{"a": [1]}', ".json", '{\n "a": [\n  1\n ]\n}'),
        ("[" * 100_000, ".json", "[" * 100_000),
        ("{broken", ".json", "{broken"),
        ("<a>x</a>", ".xml", "<a>x</a>"),
        ("a", ".PY", "a"),
        (b"\xff\xfea\0", ".txt", "a"),
    ],
)
def test_text(content, suffix, text):
    assert convert(content, suffix)[1] == text


def test_files_and_their_formats(tmp_path):
    converter = MarkdownConverter()
    page = tmp_path / "page"
    page.write_text("<!DOCTYPE html><title>T</title><p>text")
    assert converter.convert(page).text_content == "text"
    assert converter.convert(page.as_uri()).title == "T"
    page.write_text("just text: é")
    assert converter.convert(str(page)).text_content == "just text: é"
    page.write_bytes(b"\0\1\2")
    with pytest.raises(UnsupportedFormatException, match="unknown"):
        converter.convert(page)
    with pytest.raises(UnsupportedFormatException, match=r"\.mp3"):
        converter.convert(page, file_extension=".mp3")
    with pytest.raises(FileNotFoundError):
        converter.convert(tmp_path / "none")
    with pytest.raises(TypeError, match="must be a path, an address or a response"):
        converter.convert(3)


def test_addresses():
    with serve_site() as site:
        site.routes |= {
            "/a": (200, {"Content-Type": "text/html; charset=latin-1"}, "<p>é".encode("latin-1")),
            "/b": (200, {"Content-Type": "application/octet-stream", "Content-Disposition": 'x; filename="b.csv"'}, b"a,b"),
            "/c": redirect("/a"),
        }
        session = SimpleNamespace(headers={"X-One": "1"})
        converter = MarkdownConverter(session, policy=INSIDE)
        assert converter.convert(site.url("/a")).text_content == "é"
        assert converter.convert(site.url("/b")).text_content == "| a | b |\n| --- | --- |"
        assert converter.convert_url(site.url("/c")).text_content == "é"
        assert site.requests[0][2]["x-one"] == "1"
        with pytest.raises(StatusError):
            converter.convert(site.url("/none"))
        with pytest.raises(AddressRefused):
            MarkdownConverter().convert(site.url("/a"))
        response = SimpleNamespace(headers={"Content-Type": "text/plain"}, content=b"other", url=None)
        assert converter.convert(response).text_content == "other"


def test_converters_of_programs():
    class Own(mdconvert.DocumentConverter):
        def convert(self, local_path, **kwargs):
            if kwargs.get("file_extension") == ".own":
                return DocumentConverterResult("own", Path(local_path).read_text().upper())
            if kwargs.get("file_extension") == ".bad":
                raise KeyError("field")
            return None

    converter = MarkdownConverter()
    converter.register_page_converter(Own())
    assert converter.convert_stream(io.BytesIO(b"text"), file_extension=".own").text_content == "TEXT"
    assert converter.convert_stream(io.BytesIO(b"text"), file_extension=".txt").text_content == "text"
    with pytest.raises(FileConversionException, match="Own: 'field'"):
        converter.convert_stream(io.BytesIO(b"\0"), file_extension=".bad")
    for error in (FileConversionException, UnsupportedFormatException):
        assert issubclass(error, Exception)


def test_pictures_and_sound_are_for_nobody_unless_the_program_says_so():
    for suffix in (".png", ".wav", ".mp3"):
        with pytest.raises(UnsupportedFormatException):
            convert(b"\0", suffix)
    asked = []

    def create(**request):
        asked.append(request)
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=" A cat. "))])

    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    converter = MarkdownConverter(
        mlm_client=client, mlm_model="m", transcriber=lambda path: f"{os.path.getsize(path)} words"
    )
    assert converter.convert_stream(io.BytesIO(b"ab"), file_extension=".png").text_content == "# Description:\nA cat."
    assert asked[0]["messages"][0]["content"][1]["image_url"]["url"] == "data:image/png;base64,YWI="
    assert converter.convert_stream(io.BytesIO(b"ab"), file_extension=".mp3").text_content.endswith("2 words")


WORD_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>'
    ),
    "word/_rels/document.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r2" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" '
        'Target="{picture}" TargetMode="External"/></Relationships>'
    ),
    "word/document.xml": (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
        'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"><w:body><w:p><w:r>'
        "<w:t>A letter.</w:t>{drawing}</w:r></w:p></w:body></w:document>"
    ),
}
DRAWING = (
    "<w:drawing><wp:inline><a:graphic><a:graphicData><pic:pic><pic:blipFill>"
    '<a:blip r:link="r2"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing>'
)


def make_word_document(picture="", **parts):
    """Return a document of Word, whose picture is at an address."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**WORD_PARTS, **parts}.items():
            drawing = DRAWING if picture else ""
            archive.writestr(name, text.replace("{picture}", picture).replace("{drawing}", drawing))
    return stream.getvalue()


def make_pdf(text):
    """Return a PDF of one page."""
    stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>/MediaBox[0 0 612 792]>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s endobj\n" % (number, text) for number, text in enumerate(objects, 1))
    offsets = [body.index(b"%d 0 obj" % number) for number in range(1, len(objects) + 1)]
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    xref = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\n" % table
    return body + xref + b"startxref\n%d\n%%%%EOF" % len(body)


@pytest.mark.slow
def test_a_pdf():
    pytest.importorskip("pypdf", reason="the extra 'documents' is not installed")
    assert convert(make_pdf("A paper"), ".pdf")[1] == "A paper"
    assert convert(make_pdf("A paper"), None)[1] == "A paper"
    with pytest.raises(FileConversionException, match=r"\.pdf"):
        convert(b"%PDF-1.4 broken", ".pdf")


@pytest.mark.slow
def test_office_documents():
    pytest.importorskip("markitdown", reason="the extra 'documents' is not installed")
    openpyxl, pptx = pytest.importorskip("openpyxl"), pytest.importorskip("pptx")
    assert convert(make_word_document(), None)[1] == "A letter."
    workbook, stream = openpyxl.Workbook(), io.BytesIO()
    workbook.active.title = "Prices"
    workbook.active.append(["tea", "price"])
    workbook.save(stream)
    assert convert(stream.getvalue(), None)[1].startswith("## Prices\n| tea | price |")
    deck, stream = pptx.Presentation(), io.BytesIO()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "A talk"
    deck.save(stream)
    assert "# A talk" in convert(stream.getvalue(), ".pptx")[1]
    for broken in (b"PK\3\4 broken", make_word_document(**{"word/document.xml": "<broken"})):
        with pytest.raises(FileConversionException, match=r"\.docx"):
            convert(broken, ".docx")


@pytest.mark.slow
def test_documents_reach_no_server_and_no_file(tmp_path):
    pytest.importorskip("markitdown", reason="the extra 'documents' is not installed")
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"top secret")
    entity = f'<!DOCTYPE d [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    with serve_site() as site:
        for content in (
            make_word_document(site.url("/picture.png")),
            make_word_document(secret.as_uri()),
            make_word_document(
                **{"word/document.xml": entity + WORD_PARTS["word/document.xml"].replace("A letter.", "&e;")}
            ),
        ):
            try:
                text = convert(content, ".docx")[1]
            except FileConversionException as error:
                text = str(error)
            assert "secret" not in text.replace(str(secret), "")
            assert "dG9wIHNlY3JldA" not in text
        assert not site.requests


@pytest.mark.slow
def test_a_document_that_grows_is_given_up(monkeypatch):
    pytest.importorskip("markitdown", reason="the extra 'documents' is not installed")
    bomb = WORD_PARTS["word/document.xml"].replace("<w:p>", "<w:p/>" * 20_000_000 + "<w:p>")
    monkeypatch.setattr(mdconvert, "READER_SECONDS", 5)
    with pytest.raises(FileConversionException, match="too much memory or time"):
        convert(make_word_document(**{"word/document.xml": bomb}), ".docx")


def test_the_reader_has_no_secrets(monkeypatch, tmp_path):
    """The program's environment has keys; the process that reads documents has none of them."""
    package = tmp_path / "pypdf"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import os\n"
        "class PdfReader:\n"
        "    metadata, is_encrypted = None, False\n"
        "    def __init__(self, path):\n"
        "        self.pages = [self]\n"
        "    def extract_text(self):\n"
        "        return ' '.join(sorted(os.environ))\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    names = convert(b"%PDF-1.4", ".pdf")[1].split()
    assert "PATH" in names
    assert "OPENAI_API_KEY" not in names


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    (tmp_path / "pypdf.py").write_text("raise ModuleNotFoundError('No module', name='pypdf')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ImportError, match=r"autogen-classic\[documents\]"):
        convert(b"%PDF-1.4", ".pdf")
