"""Text and tables of a report, the same bytes wherever it is made.

Latin text is set in Bitstream Vera, which comes with reportlab, and Chinese text in Noto Sans SC, which is in `fonts`.
The PDF embeds the used characters of both, so that it reads the same everywhere. A character that neither font has is
written as its Unicode number and never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, black
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, Table

LATIN, BOLD, CHINESE = "Vera", "VeraBd", "NotoSansSC"
GREY, HAIRLINE = Color(0.35, 0.35, 0.35), Color(0.65, 0.65, 0.65)
TEXT_WIDTH = 178 * mm
LABEL_WIDTH = 22 * mm
BODY_WIDTH = TEXT_WIDTH - LABEL_WIDTH

_FILES = {LATIN: "Vera.ttf", BOLD: "VeraBd.ttf", CHINESE: str(Path(__file__).parent / "fonts" / "NotoSansSC.ttf")}
for _name, _file in _FILES.items():
    pdfmetrics.registerFont(TTFont(_name, _file))
pdfmetrics.registerFontFamily(LATIN, normal=LATIN, bold=BOLD, italic=LATIN, boldItalic=BOLD)
_LETTERS = {name: frozenset(pdfmetrics.getFont(name).face.charToGlyph) for name in (LATIN, CHINESE)}

PLAIN = ParagraphStyle("plain", fontName=LATIN, fontSize=6.6, leading=8.6)
SMALL = ParagraphStyle("small", PLAIN, fontSize=5.8, leading=7.4, textColor=GREY)
LABEL = ParagraphStyle("label", PLAIN, fontName=BOLD)
TITLE = ParagraphStyle("title", PLAIN, fontName=BOLD, fontSize=13, leading=17)
OUTCOME = ParagraphStyle("outcome", PLAIN, fontName=BOLD, fontSize=11, leading=14)


def marked(text: str) -> str:
    """Markup of a paragraph from plain text in any script."""
    runs = groupby(text.replace("\n", " "), key=_font)
    return "".join(_run(font, "".join(letters)) for font, letters in runs)


def text(content: str, style: ParagraphStyle = PLAIN) -> Paragraph:
    """Plain text as a paragraph; words too long for a line are broken."""
    return Paragraph(marked(content), style)


def section(label: str, content: Sequence[Flowable]) -> Table:
    """A section: a hairline, a label in the margin and the content in a column; it may run over several pages."""
    rows = [[text(label, LABEL) if not index else "", flowable] for index, flowable in enumerate(content)]
    air = [("TOPPADDING", (0, 0), (-1, 0), 2.5), ("BOTTOMPADDING", (0, -1), (-1, -1), 3)]
    return _table(rows, (LABEL_WIDTH, BODY_WIDTH), [("LINEABOVE", (0, 0), (-1, 0), 0.4, HAIRLINE), *air], gap=0.4)


def keyed(pairs: Sequence[tuple[str, str]], width: float, key_width: float = 22 * mm) -> Table:
    """Names and their values in two columns."""
    rows = [[text(key, SMALL), text(value)] for key, value in pairs]
    return _table(rows, (key_width, width - key_width))


def listed(rows: Sequence[Sequence[Any]], widths: Sequence[float]) -> Table:
    """Rows under a head that each page repeats, with a hairline above each."""
    lines = [("LINEABOVE", (0, 1), (-1, -1), 0.4, HAIRLINE), ("LINEBELOW", (0, -1), (-1, -1), 0.4, HAIRLINE)]
    return _table(rows, widths, lines, gap=1.5, heads=1)


def side_by_side(columns: Sequence[Any], widths: Sequence[float]) -> Table:
    """Flowables, or lists of them, beside each other."""
    return _table([list(columns)], widths)


def boxed(content: Sequence[Flowable], width: float) -> Table:
    """Flowables in a frame."""
    return _table(
        [[flowable] for flowable in content], (width,), [("BOX", (0, 0), (-1, -1), 0.9, black)], gap=1.6, left=6
    )


def _table(
    rows: Sequence[Sequence[Any]],
    widths: Sequence[float],
    more: Sequence[Any] = (),
    gap: float = 0.3,
    left: float = 0,
    heads: int = 0,
) -> Table:
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        # An empty cell is as high as a line of its font.
        ("FONTSIZE", (0, 0), (-1, -1), 1),
        ("LEADING", (0, 0), (-1, -1), 1),
        ("LEFTPADDING", (0, 0), (-1, -1), left),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), gap),
        ("BOTTOMPADDING", (0, 0), (-1, -1), gap),
        *more,
    ]
    return Table(rows, widths, style=style, hAlign="LEFT", repeatRows=heads)


def _font(letter: str) -> str:
    return next((name for name, letters in _LETTERS.items() if ord(letter) in letters), "")


def _run(font: str, letters: str) -> str:
    if not font:
        return escape("".join(f"[U+{ord(letter):04X}]" for letter in letters))
    return escape(letters) if font == LATIN else f'<font name="{font}">{escape(letters)}</font>'
