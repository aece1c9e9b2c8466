"""Names of files, and the forms that bring them, in whatever pieces these come."""

from __future__ import annotations

import asyncio
import copy

import pytest
from gradio.data_classes import FileData, ListFiles
from gradio_client.utils import strip_invalid_filename_characters
from python_multipart.multipart import MultipartParser, parse_options_header

from ui.file_names import NamedPath, NamedUploads, file_input, given_name

HARMLESS = ["part.jpg", "müller öäü.jpg", "標章 (1)[2].png", "🔍.png", ".hidden.jpg", "100%25 of it.jpg", "no ending"]
ALTERED = ["photo (1)[2]{3}!.jpg", "a$b`c.png", "CON.jpg", "ends with dot.", "x" * 250, "標" * 80 + ".jpg", "a{}.jpg"]


def body(*names: str, content: bytes = b"\r\n--x-\x00content") -> bytes:
    """A form as a client writes it: the rule of HTML forms escapes quotes, and httpx doubles a backslash."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="files"; filename="{escaped(name)}"\r\n'.encode()
        + b"Content-Type: image/png\r\n\r\n"
        + content
        + b"\r\n"
        for name in names
    ]
    return b"".join([*parts, b"--x--\r\n"])


def escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', "%22").replace("\n", "%0A")


def passed_through(sent: bytes, size: int, path: str = "/gradio_api/upload") -> bytes:
    """What the app behind receives of a body that comes in pieces of a size."""
    pieces = [sent[start : start + size] for start in range(0, len(sent), size)]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    received = []

    async def receive() -> dict:
        return messages.pop(0)

    async def app(scope: dict, receive, send) -> None:
        while (message := await receive())["more_body"]:
            received.append(message["body"])
        received.append(message["body"])

    headers = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"1")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    asyncio.run(NamedUploads(app)(scope, receive, None))
    return b"".join(received)


def files(form: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of the files of a form."""
    found: list[list] = []
    value = bytearray()

    def end() -> None:
        _, options = parse_options_header(bytes(value))
        if b"filename" in options:
            found[-1][0] = options[b"filename"].decode()
        value.clear()

    parser = MultipartParser(
        b"x",
        {
            "on_part_begin": lambda: found.append(["", bytearray()]),
            "on_header_value": lambda data, start, stop: value.extend(data[start:stop]),
            "on_header_end": end,
            "on_part_data": lambda data, start, stop: found[-1][1].extend(data[start:stop]),
        },
    )
    parser.write(form)
    parser.finalize()
    return [(name, bytes(content)) for name, content in found]


def handed_on(stored_as: str, stated: str) -> str:
    file = FileData(path=f"/uploads/hash/{strip_invalid_filename_characters(stored_as)}", orig_name=stated)
    path = file_input(render=False).preprocess(file)
    assert path == file.path
    return given_name(path)


@pytest.mark.parametrize("name", [*HARMLESS, *ALTERED, "a\\b.jpg", 'say "so".jpg', "two\nlines.jpg", "%22.jpg"])
def test_the_name_is_the_one_given_by_a_page_that_states_it_and_by_a_client_that_states_what_is_left_of_it(
    name: str,
) -> None:
    ((stored_as, _),) = files(passed_through(body(name), 1000))
    assert handed_on(stored_as, name) == name
    assert handed_on(stored_as, strip_invalid_filename_characters(name)) == name


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_a_form_passes_whole_in_whatever_pieces_it_comes(size: int) -> None:
    names = [*HARMLESS, *ALTERED]
    sent = body(*names)
    received = files(passed_through(sent, size))
    assert [content for _, content in received] == [content for _, content in files(sent)]
    assert [name for name, _ in received][: len(HARMLESS)] == HARMLESS
    signs = [name for name, _ in received][len(HARMLESS) :]
    assert len({*signs}) == len(ALTERED)
    assert all(strip_invalid_filename_characters(sign) == sign for sign in signs)


def test_two_names_that_would_be_stored_alike_are_kept_apart() -> None:
    ((first, _), (second, _)) = files(passed_through(body("a{.jpg", "a}.jpg"), 50))
    assert (handed_on(first, "a.jpg"), handed_on(second, "a.jpg")) == ("a{.jpg", "a}.jpg")


@pytest.mark.parametrize(
    ("sent", "path"),
    [(b"no form at all", "/gradio_api/upload"), (body("a{.jpg"), "/gradio_api/queue/join")],
    ids=["no form", "another route"],
)
def test_what_is_no_upload_passes_as_it_is(sent: bytes, path: str) -> None:
    assert passed_through(sent, 5, path) == sent


def test_a_form_that_breaks_off_stays_broken() -> None:
    sent = body("a{.jpg")[:-20]
    assert not passed_through(sent, 5).endswith(b"--x--\r\n")


def test_a_client_that_states_another_name_is_taken_at_its_word() -> None:
    assert handed_on("a.jpg", "b.jpg") == "b.jpg"
    assert handed_on("a.jpg", "") == "a.jpg"


def test_no_file_is_none_and_of_several_the_first_is_taken() -> None:
    file = file_input(render=False)
    several = ListFiles(root=[FileData(path=f"/uploads/{name}", orig_name=name) for name in ("one.png", "two.png")])
    assert file.preprocess(None) is None
    assert file.preprocess(ListFiles(root=[])) is None
    assert given_name(file.preprocess(several)) == "one.png"


def test_a_named_path_is_a_path_and_a_copy_of_it_is_named_alike() -> None:
    path = copy.deepcopy(NamedPath("/uploads/a.jpg", "a{.jpg"))
    assert (path, given_name(path)) == ("/uploads/a.jpg", "a{.jpg")
    assert given_name("/uploads/plain.jpg") == "plain.jpg"
