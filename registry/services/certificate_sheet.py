"""The sheet a certificate is set on: A4 pages with a border, one typeface, and text that wraps and is never cut.

Lengths are whole points (1/72 inch), from the top left corner of the page; text stands on its baseline.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final, cast

import segno
from fpdf import FPDF
from fpdf.fonts import TTFFont

WIDTH: Final = 595
HEIGHT: Final = 842
LEFT: Final = 56
RIGHT: Final = WIDTH - LEFT
FONT: Final = Path(__file__).parent / "fonts" / "NotoSansSC-Regular-gb2312.ttf"

Colour = tuple[int, int, int]
INK: Final[Colour] = (28, 32, 30)
MUTED: Final[Colour] = (98, 106, 102)
GREEN: Final[Colour] = (22, 84, 62)
HAIR: Final[Colour] = (206, 214, 209)
RED: Final[Colour] = (176, 28, 28)

OPENING, CLOSING = "（「『《〈【〔“‘", "，。、；：！？）」』》〉】〕”’·"
# Where a line may end: after a word of an alphabet with its spaces, after any hanzi; never before closing punctuation.
_WIDE = "\u2e80-\uffef"
_PIECES: Final = re.compile(rf"[{OPENING}]*(?:[^\s{_WIDE}{OPENING}{CLOSING}]+|[{_WIDE}])[{CLOSING}]*\s*|.", re.DOTALL)
# Characters that draw nothing of their own, so that no glyph tells the reader they are there.
_UNSEEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class Code:
    """A QR code (error correction M or better) in squares of whole points, of about `side` with its quiet zone."""

    QUIET: Final = 4

    def __init__(self, text: str, side: int) -> None:
        self.modules = [bytes(row) for row in segno.make_qr(text, error="m").matrix]
        # Under two points, 0.7 mm, telephones begin to fail on paper; a long text makes the code larger instead.
        self.unit = max(2, side // (len(self.modules) + 2 * self.QUIET))
        self.dark = self.unit * len(self.modules)
        self.quiet = self.unit * self.QUIET


class Sheet(FPDF):
    """A document whose pages have a border and, at their foot, `foot` with the page number."""

    def __init__(self, foot: str) -> None:
        super().__init__(orientation="portrait", unit="pt", format="A4")
        self.set_auto_page_break(False)
        self.set_margin(0)
        self.c_margin = 0
        self.add_font("noto", fname=FONT)
        self.set_font("noto", size=9)
        self.drawn: Final = frozenset(cast("TTFFont", self.fonts["noto"]).cmap)
        self.foot = foot
        self.spelt_out = False

    def header(self) -> None:
        """The border of every page."""
        self.set_draw_color(*GREEN)
        self.set_line_width(2)
        self.rect(24, 24, WIDTH - 48, HEIGHT - 48)
        self.set_line_width(1)
        self.rect(30, 30, WIDTH - 60, HEIGHT - 60)

    def footer(self) -> None:
        """The foot of every page."""
        self.set_font("noto", size=7)
        self.set_text_color(*MUTED)
        self.set_xy(LEFT, HEIGHT - 46)
        self.cell(RIGHT - LEFT, 8, f"{self.foot} · 页 Page {self.page_no()} / {{nb}}", align="C")

    def legible(self, text: str) -> str:
        """`text` with every character that the typeface cannot show written as its code point, like 〔U+20BB7〕.

        Nothing vanishes: not a rare hanzi, and not a control character that could reorder or hide what stands near it.
        """
        shown = "".join(char if self._shows(char) else f"〔U+{ord(char):04X}〕" for char in text)
        self.spelt_out = self.spelt_out or shown != text
        return shown

    def _shows(self, char: str) -> bool:
        return ord(char) in self.drawn and unicodedata.category(char) not in _UNSEEN

    def wrap(self, text: str, size: int, width: int) -> list[str]:
        """The lines of `text`, already legible, at this size; joined they are the text again, spaces included."""
        self.set_font("noto", size=size)
        lines, line = [], ""
        for piece in _PIECES.findall(text):
            if self.get_string_width((line + piece).rstrip()) <= width:
                line += piece
                continue
            if line:
                lines.append(line)
            line = ""
            for char in piece:  # a word longer than a line is broken between its characters
                if line and self.get_string_width((line + char).rstrip()) > width:
                    lines.append(line)
                    line = ""
                line += char
        return [*lines, line]

    def put(self, x: int, y: int, text: str, size: int, colour: Colour = INK) -> int:
        """One line from `x` on; returns where it ends, rounded up."""
        self.set_font("noto", size=size)
        self.set_text_color(*colour)
        self.text(x, y, text)
        return x + int(self.get_string_width(text)) + 1

    def centred(self, y: int, text: str, size: int, colour: Colour = INK, spacing: int = 0) -> int:
        """Lines in the middle of the page, the first at `y`; returns the baseline of the last."""
        for number, line in enumerate(self.wrap(self.legible(text), size, RIGHT - LEFT - 20)):
            y += size * 4 // 3 if number else 0
            self.set_char_spacing(spacing)
            # The spacing after the last character belongs to the width but not to what is seen.
            width = int(self.get_string_width(line)) - spacing
            self.put((WIDTH - width) // 2, y, line, size, colour)
            self.set_char_spacing(0)
        return y

    def rule(self, y: int, colour: Colour = HAIR) -> None:
        """A line across the text."""
        self.set_draw_color(*colour)
        self.set_line_width(1)
        self.line(LEFT, y, RIGHT, y)

    def qr(self, code: Code, right: int, bottom: int) -> None:
        """The code's dark squares, runs of them in one piece, with their bottom right corner at this point."""
        x, y = right - code.dark, bottom - code.dark
        self.set_fill_color(0, 0, 0)
        for down, row in enumerate(code.modules):
            for run in re.finditer(b"\x01+", row):
                width = (run.end() - run.start()) * code.unit
                self.rect(x + run.start() * code.unit, y + down * code.unit, width, code.unit, style="F")
