"""A real Chromium: it shows pages, and reaches nothing inside."""

import asyncio
import os
import shutil
import signal
import socket
import threading

import psutil
import pytest
from sites import redirect, serve_site

from autogen.browser import BrowserError, BrowserMissing, Element, find_browser, open_session
from autogen.browser._views import parse_elements
from autogen.browser_utils import PlaywrightMarkdownBrowser
from autogen.fetching import AddressRefused, FetchPolicy

INSIDE = FetchPolicy(allow_private=True)
UNSANDBOXED = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright", reason="the extra 'browser' is not installed")
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        pytest.skip("Chromium is not installed")


@pytest.fixture
def site():
    with serve_site({"/favicon.ico": b""}) as site:
        yield site


@pytest.fixture
def session(chromium):
    with open_session(INSIDE, allow_unsandboxed_browser=UNSANDBOXED) as session:
        yield session


def look_for(title, session, view):
    """Return the view of the page with a title: on a busy machine a navigation takes its time."""
    for _ in range(50):
        if view.title == title:
            return view
        view = session.look()
    raise AssertionError(f"the page is {view!r}")


def get_paths(site):
    return [path for path in site.paths if path != "/favicon.ico"]


@pytest.mark.slow
def test_a_page_is_shown_and_used(mode, session, site):
    def call(method, *args):
        if mode == "sync":
            return method(*args)
        return asyncio.run(getattr(session, f"a_{method.__name__}")(*args))

    site.routes |= {
        "/": "<title>Start</title><a href=/next>Next</a>",
        "/next": (
            "<title>Form</title><script>onload = () => {document.querySelector('h1').textContent = 'Made'}</script>"
            "<h1>Raw</h1><form action=/sent><label>Name <input name=n></label><button>Send</button></form>"
        ),
        "/sent": "<title>Sent</title>done",
    }
    view = call(session.open_page, site.url())
    assert (view.title, view.status, view.address, view.elements[0].name) == ("Start", 200, site.url(), "Next")
    view = look_for("Form", session, call(session.click, view.elements[0].ref))
    assert "<h1>Made</h1>" in view.html
    field, button = view.elements
    assert (field.role, field.name, button.role) == ("textbox", "Name", "button")
    assert call(session.fill, field.ref, "Ada").title == "Form"
    look_for("Sent", session, call(session.press, "Enter"))
    assert get_paths(site)[-1] == "/sent?n=Ada"
    assert call(session.screenshot).startswith(b"\x89PNG")
    with pytest.raises(BrowserError, match="is a word such as e12"):
        call(session.click, "e1 >> body")
    with pytest.raises(BrowserError, match="can't do this"):
        call(session.press, "NoSuchKey")


@pytest.mark.slow
def test_text_that_nobody_sees_is_left_out(session, site):
    site.routes["/"] = """
        <style>.a {display: none} .b {color: white} .c {position: absolute; left: -5000px} .d {font-size: 0}
        .e {opacity: 0} .f {background: #123456; color: #123456} .g {height: 0; overflow: hidden}</style>
        <p class=a>HIDDEN</p><p class=b>HIDDEN</p><p class=c>HIDDEN</p><p class=d>HIDDEN</p><p class=e>HIDDEN</p>
        <p class=f>HIDDEN</p><p class=g>HIDDEN</p><p>shown</p><p style="color: #123; background: white">also shown</p>
    """
    html = session.open_page(site.url()).html
    assert "HIDDEN" not in html
    assert "shown" in html
    assert "also shown" in html


ATTACKS = {
    "frame": "<iframe src='{victim}/frame'></iframe>",
    "picture": "<img src='{victim}/picture'>",
    "script": "<script>fetch('{victim}/fetch', {{mode: 'no-cors'}}).catch(() => 0)</script>",
    "web socket": "<script>new WebSocket('{victim}/socket'.replace('http', 'ws'))</script>",
    "worker": "<script>new Worker('data:,' + encodeURIComponent('fetch(`{victim}/worker`, {{mode: `no-cors`}})'))</script>",
    "beacon": "<script>navigator.sendBeacon('{victim}/beacon')</script>",
    "window": "<script>open('{victim}/window')</script>",
    "navigation": "<script>location = '{victim}/navigation'</script>",
    "refresh": "<meta http-equiv=refresh content='0; {victim}/refresh'>",
    "prefetch": "<link rel=preconnect href='{victim}'><link rel=prefetch href='{victim}/prefetch'>",
    "form": "<form action='{victim}/form' method=post></form><script>document.forms[0].submit()</script>",
    "style": "<style>@import '{victim}/style';</style>",
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_pages_reach_nothing_inside(chromium, site, attack):
    """Only the page's own host may be private; the victim has another name for the same machine."""
    with serve_site() as victim:
        with open_session(FetchPolicy(allow_private=["127.0.0.1"]), allow_unsandboxed_browser=UNSANDBOXED) as session:
            address = f"http://localhost:{victim.port}"
            site.routes["/"] = "<p>page</p>" + ATTACKS[attack].format(victim=address)
            reasons = ()
            try:
                reasons = session.open_page(site.url()).refused
            except (AddressRefused, BrowserError) as error:
                reasons = (str(error),)
        assert not victim.requests
        assert "/" in site.paths
        assert any("localhost" in reason for reason in reasons) or attack in (
            "window",
            "prefetch",
            "form",
            "navigation",
            "refresh",
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "view-source:file:///etc/passwd",
        "chrome://version",
        "about:config",
        "data:text/html,x",
        "http://[",
        "",
    ],
)
def test_addresses_of_other_kinds(session, address):
    with pytest.raises(AddressRefused):
        session.open_page(address)


@pytest.mark.slow
def test_redirects_and_rebinding_reach_nothing_inside(chromium, site, monkeypatch):
    real, has_moved = socket.getaddrinfo, threading.Event()

    def look_up(host, port, *args, **kwargs):
        if host not in ("rebind.test", "inside.test"):
            return real(host, port, *args, **kwargs)
        is_outside = host == "rebind.test" and port == site.port and not has_moved.is_set()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if is_outside else "127.0.0.2", port))]

    class Guard(FetchPolicy):
        """Allows the first address of loopback, so that the second stands for the inside."""

        def _find_objection(self, host, address):
            return None if address == "127.0.0.1" else super()._find_objection(host, address)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with serve_site({"/": "secret", "/again": "secret"}, "127.0.0.2") as victim:
        site.routes["/to"] = redirect(f"http://inside.test:{victim.port}/")
        page = f"<p id=p>page</p><script>fetch('http://rebind.test:{victim.port}/again').catch(() => 0)</script>"
        site.routes["/"] = page
        with open_session(Guard(), allow_unsandboxed_browser=UNSANDBOXED) as session:
            with pytest.raises(AddressRefused, match="this machine itself"):
                session.open_page(site.url("/to"))
            view = session.open_page(site.url("/", host="rebind.test"))
            assert "page" in view.html
            has_moved.set()
            with pytest.raises(AddressRefused, match="this machine itself"):
                session.open_page(site.url("/", host="rebind.test"))
        assert not victim.requests


@pytest.mark.slow
def test_no_datagram_leaves_the_browser(session, site):
    """WebRTC would find its way around a proxy."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stun:
        stun.bind(("127.0.0.1", 0))
        stun.setblocking(False)
        site.routes["/"] = (
            "<p>page<script>const c = new RTCPeerConnection({iceServers: [{urls: 'stun:127.0.0.1:PORT'}]});"
            "c.createDataChannel('x'); c.createOffer().then((offer) => c.setLocalDescription(offer));"
            "c.onicecandidate = (e) => {if (e.candidate) document.body.append(e.candidate.candidate)}</script>"
        ).replace("PORT", str(stun.getsockname()[1]))
        session.open_page(site.url())
        view = session.look()
        assert "127.0.0.1" not in view.html
        with pytest.raises(BlockingIOError):
            stun.recv(100)


@pytest.mark.slow
def test_dialogs_downloads_and_windows(session, site):
    site.routes |= {
        "/": "<script>alert('hello')</script><p>page</p>",
        "/file": (
            200,
            {"Content-Type": "application/zip", "Content-Disposition": "attachment; filename=../../a.zip"},
            b"zip",
        ),
        "/window": "<a href=/other target=_blank>open</a>",
        "/other": "<title>Other</title>",
    }
    view = session.open_page(site.url())
    assert view.notes == ("The page showed a dialog, which was dismissed: hello",)
    view = session.open_page(site.url("/file"))
    assert view.download.read_bytes() == b"zip"
    assert "/.." not in str(view.download)
    view = session.open_page(site.url("/window"))
    look_for("Other", session, session.click(view.elements[0].ref))


@pytest.mark.slow
def test_a_browser_that_dies_is_started_again(session, site):
    site.routes["/"] = (200, {"Set-Cookie": "a=1", "Content-Type": "text/html"}, b"<p>page</p>")
    session.open_page(site.url())
    for child in psutil.Process().children(recursive=True):
        if "chrom" in child.name():
            child.send_signal(signal.SIGKILL)
    view = None
    for _ in range(3):
        try:
            view = session.open_page(site.url())
            break
        except BrowserError:
            # It was noticed only now.
            continue
    assert view is not None
    assert "crashed" in view.notes[0]
    assert [headers.get("cookie") for _, path, headers in site.requests if path == "/"] == [None, None]


@pytest.mark.slow
def test_sessions_share_a_browser_and_no_cookies(chromium, site):
    site.routes["/"] = (200, {"Set-Cookie": "a=1", "Content-Type": "text/html"}, b"<p>page</p>")
    sessions = [open_session(INSIDE, allow_unsandboxed_browser=UNSANDBOXED) for _ in range(2)]
    threads = [threading.Thread(target=session.open_page, args=(site.url(),)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [headers.get("cookie") for _, path, headers in site.requests if path == "/"] == [None, None]
    sessions[0].open_page(site.url())
    assert site.requests[-1][2]["cookie"] == "a=1"
    for session in sessions:
        session.close()
        session.close()


@pytest.mark.slow
def test_the_text_browser_over_chromium(chromium, call, site, tmp_path):
    site.routes |= {
        "/": "<title>T</title><p id=p>raw</p><a href=/next>Next</a><script>p.textContent = 'made'</script>",
        "/next": "<title>Next</title><p>next</p>",
        "/a.bin": (200, {"Content-Type": "application/x-own"}, b"\0\1"),
    }
    options = {"policy": INSIDE, "allow_unsandboxed_browser": UNSANDBOXED, "downloads_folder": tmp_path}
    with PlaywrightMarkdownBrowser(**options) as browser:
        assert call(browser.visit_page, site.url()) == "made\n\n[Next](/next)"
        assert (browser.page_title, browser.address) == ("T", site.url())
        look_for("Next", browser.session, browser.session.click(browser.session.look().elements[0].ref))
        assert call(browser.update) == "next"
        assert call(browser.visit_page, "/none") == "## Error 404\n\nnothing"
        assert call(browser.visit_page, "/a.bin") == f"# Download complete\n\nSaved file to '{tmp_path / 'a.bin'}'"
        assert "is not fetched" in call(browser.visit_page, "http://169.254.169.254/")


def test_a_missing_browser_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AUTOGEN_BROWSER", raising=False)
    with pytest.raises(BrowserMissing, match="There is no browser"):
        find_browser()
    with pytest.raises(BrowserMissing, match="executable_path must be the path"):
        find_browser("nowhere")
    monkeypatch.setenv("AUTOGEN_BROWSER", "nowhere")
    with pytest.raises(BrowserMissing, match="AUTOGEN_BROWSER must be the path"):
        find_browser()
    (tmp_path / "chromium").touch(mode=0o755)
    monkeypatch.delenv("AUTOGEN_BROWSER")
    assert find_browser() == str(tmp_path / "chromium")


def test_elements_of_a_snapshot():
    text = (
        '- main [ref=e1]:\n  - \'link "a: b" [ref=e2]\'\n  - button "x \\"y\\"" [active] [ref=f1e3]\n  - text: link [ref=e9]'
    )
    assert parse_elements(text) == (Element("e2", "link", "a: b"), Element("f1e3", "button", 'x "y"'))


def test_arguments():
    pytest.importorskip("playwright", reason="the extra 'browser' is not installed")
    with pytest.raises(ValueError, match=r"launch_args has no 'headles'. Did you mean 'headless'\?"):
        PlaywrightMarkdownBrowser({"headles": True})
