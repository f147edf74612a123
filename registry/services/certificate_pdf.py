"""The retirement certificate as a PDF, in Chinese and English: a pure function of values read from the chain.

    render(content) -> bytes

The same content gives the same bytes: the date in the file is the retirement's, and no id is drawn at random. The
face carries what the certificate declares and a QR code; a table too long for it goes on overleaf.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from registry.errors import InputError
from registry.services.certificate_content import (
    CERTIFIES,
    CODE_POINTS,
    SCAN,
    TITLE,
    WARNINGS,
    CertificateContent,
    PrintedRange,
    Row,
    Section,
    sections,
    statements,
)
from registry.services.certificate_sheet import GREEN, HEIGHT, INK, LEFT, MUTED, RED, RIGHT, Code, Sheet
from registry.units import SHANGHAI

VALUES: Final = 172  # where the column of values begins: it has room for the widest hash
LINE: Final = 12
QR_SIDE: Final = 112
FOOT: Final = HEIGHT - 54  # nothing of the text stands lower


def render(content: CertificateContent) -> bytes:
    """The certificate as PDF bytes. Raises InputError when the content contradicts itself (`CertificateContent.check`).

    A character outside the bundled typeface is printed as its code point, and a note on the page says so.
    """
    content.check()
    sheet = Sheet(f"{TITLE[0]} {content.certificate}")
    _describe(sheet, content)
    sheet.add_page()
    y = _head(sheet, content)
    bottom = _declare(sheet, content)
    if y > bottom:
        raise InputError("the programme's name is too long for the face of a certificate")
    flow = _Flow(sheet, content, y, bottom)
    for section in sections(content):
        flow.section(section)
    flow.end()
    return bytes(sheet.output())


def _describe(sheet: Sheet, content: CertificateContent) -> None:
    sheet.set_title(f"{TITLE[0]} {TITLE[1]} {content.certificate}")
    sheet.set_subject(f"{content.programme_zh} {content.programme_en}")
    sheet.set_creator("Puhui Ledger")
    sheet.set_producer("Puhui Ledger")
    sheet.set_lang("zh-CN")
    sheet.set_creation_date(datetime.fromtimestamp(content.retired_at, UTC).astimezone(SHANGHAI))


def _head(sheet: Sheet, content: CertificateContent) -> int:
    """Programme, title, number, quantity and, where due, the warning; returns the height at which the table begins."""
    y = sheet.centred(62, content.programme_zh, 12, GREEN)
    y = sheet.centred(y + 14, content.programme_en, 8, MUTED)
    y = sheet.centred(y + 40, TITLE[0], 27, GREEN, spacing=4)
    y = sheet.centred(y + 20, TITLE[1], 11, GREEN)
    y = sheet.centred(y + 20, f"证书编号 Certificate No. {content.certificate}", 10)
    sheet.rule(y + 12, GREEN)
    y = sheet.centred(y + 32, CERTIFIES[0], 10)
    y = sheet.centred(y + 12, CERTIFIES[1], 8, MUTED)
    y = sheet.centred(y + 38, f"{content.tonnes:,} 吨二氧化碳当量", 25, INK)
    y = sheet.centred(y + 17, f"{content.tonnes:,} tCO2e", 10, MUTED)
    if content.issuance_status in WARNINGS:
        y = _warn(sheet, y + 12, *WARNINGS[content.issuance_status])
    return y + 10


def _warn(sheet: Sheet, top: int, zh: str, en: str) -> int:
    sheet.set_draw_color(*RED)
    sheet.set_line_width(2)
    sheet.rect(LEFT, top, RIGHT - LEFT, 42)
    sheet.centred(top + 20, zh, 14, RED)
    sheet.centred(top + 34, en, 9, RED)
    return top + 42


def _declare(sheet: Sheet, content: CertificateContent) -> int:
    """The statements and the QR code at the foot of the face; returns the height at which the table must end."""
    code = Code(content.verification_url, QR_SIDE)
    width = RIGHT - LEFT - code.dark - code.quiet - 8
    texts = [part for zh, en in statements(content) for part in ((zh, 8), (en, 7))]
    texts.append((content.verification_url, 7))
    lines = [(line, size) for text, size in texts for line in sheet.wrap(sheet.legible(text), size, width)]
    top = FOOT - max(code.dark + 2 * code.quiet + 7, 11 * len(lines) + 6)
    sheet.rule(top, GREEN)
    for number, (line, size) in enumerate(lines, start=1):
        sheet.put(LEFT, top + 6 + 11 * number, line, size, INK if size == 8 else MUTED)
    bottom = top + code.quiet + code.dark
    sheet.qr(code, RIGHT, bottom)
    (caption,) = sheet.wrap(f"{SCAN[0]} {SCAN[1]}", 7, code.dark)
    x = RIGHT - (code.dark + int(sheet.get_string_width(caption))) // 2
    sheet.put(x, bottom + code.quiet + 6, caption, 7, MUTED)
    return top - 4


class _Flow:
    """The table, running from `y` to `bottom` and then on as many further pages as it needs."""

    def __init__(self, sheet: Sheet, content: CertificateContent, y: int, bottom: int) -> None:
        self.sheet, self.content, self.y, self.bottom = sheet, content, y, bottom

    def section(self, section: Section) -> None:
        """A heading, never parted from its first line, and its rows."""
        self._need(22 + LINE)
        self.y += 17
        end = self.sheet.put(LEFT, self.y, section.zh, 10, GREEN)
        self.sheet.put(end + 5, self.y, section.en, 8, GREEN)
        self.y += 5
        self.sheet.rule(self.y)
        for row in section.rows:
            self._row(row)

    def _row(self, row: Row) -> None:
        lines = [line for value in row.values for line in self.sheet.wrap(self.sheet.legible(value), 9, RIGHT - VALUES)]
        for number, line in enumerate(lines):
            overleaf = self._need(LINE)
            self.y += LINE
            if number == 0 or overleaf:
                end = self.sheet.put(LEFT, self.y, f"{row.zh}（续）" if number else row.zh, 9)
                self.sheet.put(end + 4, self.y, row.en, 7, MUTED)
            self.sheet.put(VALUES, self.y, line, 9)
        self.y += 2

    def end(self) -> None:
        """The note on code points, if any was printed."""
        if not self.sheet.spelt_out:
            return
        for text in CODE_POINTS:
            for line in self.sheet.wrap(text, 7, RIGHT - LEFT):
                self._need(LINE)
                self.y += LINE
                self.sheet.put(LEFT, self.y, line, 7, MUTED)

    def _need(self, height: int) -> bool:
        """Go on overleaf when this page has less than `height` left; whether it did."""
        if self.y + height <= self.bottom:
            return False
        self.sheet.add_page()
        self.sheet.put(LEFT, 58, f"{TITLE[0]} {TITLE[1]}", 9, GREEN)
        self.sheet.put(LEFT, 72, f"证书编号 Certificate No. {self.content.certificate} · 续 continued", 9)
        if self.content.issuance_status in WARNINGS:
            warning = WARNINGS[self.content.issuance_status][0]
            self.sheet.put(RIGHT - 9 * len(warning), 72, warning, 9, RED)
        self.sheet.rule(80, GREEN)
        self.y, self.bottom = 82, FOOT
        return True


__all__ = ["CertificateContent", "PrintedRange", "render"]
