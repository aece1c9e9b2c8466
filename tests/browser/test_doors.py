"""What a foreign page gets of the bench in a real browser, and the bench behind a proxy and a login."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.proxy import proxied

# Every way in which a page can come to know something of another one: what each of them found.
SPY = """async (bench) => {
    const found = {};
    const note = async (name, way) => { try { found[name] = await way(); } catch { found[name] = "nothing"; } };
    const element = (tag, set) => new Promise((resolve) => {
        const made = Object.assign(document.createElement(tag), set);
        made.onload = () => resolve("loaded");
        made.onerror = () => resolve("nothing");
        document.body.append(made);
    });
    for (const path of PATHS) {
        await note(`fetch ${path}`, async () => (await fetch(bench + path)).text());
        await note(`fetch with cookies ${path}`, async () => {
            return (await fetch(bench + path, {credentials: "include"})).text();
        });
        await note(`opaque ${path}`, async () => {
            const reply = await fetch(bench + path, {mode: "no-cors", credentials: "include"});
            return (await reply.text()) || "nothing";
        });
        await note(`script ${path}`, () => element("script", {src: bench + path}));
        await note(`picture ${path}`, () => element("img", {src: bench + path}));
        await note(`style ${path}`, () => element("link", {rel: "stylesheet", href: bench + path}));
        await note(`events ${path}`, () => new Promise((resolve) => {
            const source = new EventSource(bench + path);
            source.onopen = () => resolve("opened");
            source.onerror = () => { source.close(); resolve("nothing"); };
        }));
    }
    await note("upload", async () => {
        const form = new FormData();
        form.append("files", new Blob(["x"]), "planted.png");
        return (await fetch(bench + "gradio_api/upload", {method: "POST", body: form, mode: "no-cors"})).type;
    });
    await note("call", async () => (await fetch(bench + "gradio_api/call/examine", {
        method: "POST", body: '{"data": []}', headers: {"Content-Type": "application/json"}
    })).text());
    const frame = document.createElement("iframe");
    frame.src = bench;
    document.body.append(frame);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await note("frame", async () => frame.contentDocument?.documentElement.outerHTML ?? "nothing");
    await note("frame's data", async () => JSON.stringify(frame.contentWindow.gradio_config) ?? "nothing");
    const framed = frame.contentWindow.length;
    found["frames within"] = framed ? String(framed) : "nothing";
    return found;
}"""
EXAMPLE = next((Path(__file__).parents[2] / "ui" / "examples" / "parts").iterdir())
PATHS = [
    "",
    "config",
    "theme.css",
    "favicon.ico",
    "static/js/iframeResizer.contentWindow.min.js",
    "gradio_api/info",
    "gradio_api/heartbeat/x",
    "gradio_api/queue/data?session_hash=x",
]


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    """A page of another site, on another port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>foreign</title><body>foreign</body>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser) -> Iterator[Callable]:
    """Opens an address in a browser of its own."""
    opened = []

    def at(address: str):
        opened.append(browser.new_context())
        page = opened[-1].new_page()
        page.set_default_timeout(240_000)
        page.goto(address)
        return page

    yield at
    for context in opened:
        context.close()


def uploads() -> set[Path]:
    return set(Path(os.environ["GRADIO_TEMP_DIR"]).rglob("planted*"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"])
@pytest.mark.parametrize("asked", ["127.0.0.1", "localhost"])
def test_a_foreign_page_reads_nothing_and_hands_nothing_in(
    visit: Callable, address: str, foreign: str, host: str, asked: str
) -> None:
    page = visit(foreign.replace("127.0.0.1", host))
    bench = address.replace("127.0.0.1", asked)
    found = page.evaluate(SPY.replace("PATHS", str(PATHS)), bench)
    assert uploads() == set()
    assert len(found) > 50
    assert {way: what for way, what in found.items() if what != "nothing"} == {}


def test_a_foreign_name_that_points_here_reads_nothing(visit: Callable, address: str) -> None:
    page = visit(address.replace("127.0.0.1", "evil.example"))
    assert "--served-as NAME" in page.inner_text("body")
    # Its owner's own page, and then the bench, behind one name and port: of one origin, as far as the browser knows.
    with proxied(address.rstrip("/"), "") as front:
        at = front.replace("127.0.0.1", "evil.example")
        page = visit(f"{at}/own")
        for path in PATHS:
            status, text = page.evaluate(
                """async (address) => {
                    const reply = await fetch(address);
                    return [reply.status, await reply.text()];
                }""",
                f"{at}/{path}",
            )
            assert status == 421, path
            assert "not served under the name" in text


def test_a_link_from_elsewhere_leads_to_the_page(visit: Callable, address: str, foreign: str) -> None:
    page = visit(foreign)
    page.evaluate("(bench) => { location.href = bench; }", address)
    page.locator("#examine").wait_for()


def test_what_was_handed_in_runs_no_script_here(visit: Callable, address: str) -> None:
    page = visit(address)
    page.locator("#examine").wait_for()
    for name in ("page.html", "page.svg", "page.js", "page.png"):
        path, kind = page.evaluate(
            """async (name) => {
                const form = new FormData();
                const script = "document.title = 'in'; window.planted = true;";
                const markup = `<svg xmlns="http://www.w3.org/2000/svg"><script>${script}</` + "script></svg>";
                form.append("files", new Blob([name.endsWith("js") ? script : markup]), name);
                const [path] = await (await fetch("gradio_api/upload", {method: "POST", body: form})).json();
                const file = `gradio_api/file=${path}`;
                for (const [tag, set] of [["iframe", {src: file}], ["script", {src: file}], ["embed", {src: file}]]) {
                    document.body.append(Object.assign(document.createElement(tag), set));
                }
                await new Promise((resolve) => setTimeout(resolve, 500));
                return [path, (await fetch(file)).headers.get("content-disposition")];
            }""",
            name,
        )
        assert kind.startswith("attachment"), path
        assert page.evaluate("window.planted") is None
        assert page.title() == "Assay"


def test_a_script_that_got_into_the_page_does_not_run(visit: Callable, address: str) -> None:
    page = visit(address)
    page.locator("#examine").wait_for()
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.planted = true";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.planted = true'>");
        }"""
    )
    page.wait_for_timeout(500)
    assert page.evaluate("window.planted") is None


def test_under_a_sub_path_the_page_examines_and_reports(serve: Callable, weights: Path, visit: Callable) -> None:
    from ui.doors.names import Names

    bench = serve(weights, names=Names.of("127.0.0.1"), root_path="/office/assay")
    with proxied(bench.rstrip("/"), "/office/assay") as address:
        asked: list[str] = []
        wrong: list[str] = []
        page = visit("about:blank")
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: said.type == "error" and wrong.append(f"{said.text} {said.location['url']}"))
        page.goto(f"{address}/")
        page.set_input_files("#photo-file input[type=file]", EXAMPLE)
        page.get_by_text("is read, ").wait_for()
        page.click("#examine")
        page.locator("#verdict [data-announce]").wait_for()
        page.locator("#photo-canvas canvas").wait_for()
        outside = [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:", "about:"))]
        assert outside == []
        # A browser looks for an icon at the root by itself.
        assert [said for said in wrong if not said.endswith("/favicon.ico")] == []


def test_the_login_opens_the_page(serve: Callable, weights: Path, visit: Callable) -> None:
    from ui.doors.login import Login

    page = visit(serve(weights, login=Login("examiner", "word")))
    page.get_by_label("username").fill("examiner")
    page.get_by_label("password").fill("wrong")
    page.get_by_role("button", name="Login").click()
    page.get_by_text("Incorrect").wait_for()
    page.get_by_label("username").fill("examiner")
    page.get_by_label("password").fill("word")
    page.get_by_role("button", name="Login").click()
    page.locator(".example:visible").first.click()
    page.locator("#verdict [data-announce]").wait_for()
