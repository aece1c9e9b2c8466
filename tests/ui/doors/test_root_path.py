"""A bench under a sub-path of another server: page, uploads, downloads, events and clients find their way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gradio_client
import pytest
from PIL import Image

from app import Options
from tests.proxy import proxied
from ui.doors.names import Names

PREFIX = "/office/assay"


@pytest.fixture(scope="module", params=["stripped and told", "not stripped", "not told"])
def under(request: pytest.FixtureRequest, serve) -> Iterator:
    """A bench behind a proxy, asked by way of it."""
    names = Names.of("127.0.0.1", ["127.0.0.1"])
    bench = serve(root_path=PREFIX, names=names)
    strips, tells = request.param != "not stripped", request.param != "not told"
    with proxied(bench.address, PREFIX, strips=strips, tells=tells) as address:
        yield type(bench)(address.removesuffix(PREFIX), bench.uploads)


def test_the_page_and_all_that_it_names_lies_under_it(under) -> None:
    page = under("GET", f"{PREFIX}/")
    assert page.status == 200
    assert under("GET", "/").status == 404
    config = json.loads(under("GET", f"{PREFIX}/config").body)
    assert config["root"].endswith(PREFIX)
    for asset in ("theme.css", "favicon.ico", "static/js/iframeResizer.contentWindow.min.js", "gradio_api/info"):
        assert under("GET", f"{PREFIX}/{asset}").status == 200


def test_what_is_handed_in_comes_back_and_the_doors_hold(under, png: bytes) -> None:
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + png + b"\r\n--edge--\r\n"
    )
    sent = {"Content-Type": "multipart/form-data; boundary=edge"}
    (path,) = json.loads(under("POST", f"{PREFIX}/gradio_api/upload", sent, body).body)
    reply = under("GET", f"{PREFIX}/gradio_api/file={path}")
    assert reply.body == png
    assert reply.headers["content-disposition"].startswith("attachment")
    assert under("GET", f"{PREFIX}/gradio_api/file=http://example.com/").status == 400
    assert under("GET", f"{PREFIX}/gradio_api/proxy=http://example.com/").status == 404
    call = {"data": [{"path": "http://example.com/", "meta": {"_type": "gradio.FileData"}}]}
    assert under.call(f"{PREFIX}/gradio_api/call/examine", call).status == 400
    assert under("GET", f"{PREFIX}/config", {"Origin": "http://evil.example"}).status == 403


def test_a_client_examines_by_way_of_it(under, striped, tmp_path: Path) -> None:
    picture = tmp_path / "part.png"
    Image.fromarray(striped("blue/genuine", 1).pixels).save(picture)
    client = gradio_client.Client(f"{under.address}{PREFIX}/", verbose=False)
    try:
        record = client.predict(gradio_client.handle_file(str(picture)), "tiny_parts", api_name="/examine")
        answer, pdf, _ = client.predict(
            gradio_client.handle_file(str(picture)), "tiny_parts", case_number="1", examiner="E.", api_name="/report"
        )
    finally:
        client.close()
    assert record["exhibit"]["name"] == "part.png"
    assert answer["report"]
    assert Path(pdf).read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    "root", ["assay", "/assay/", "/", "//assay", "/a b", "/../x", "http://bench.example.org/assay"]
)
def test_what_is_no_sub_path_is_refused_at_the_start(root: str) -> None:
    with pytest.raises(ValueError, match="not a sub-path"):
        Options(root_path=root)
