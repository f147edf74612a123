#!/usr/bin/env python3
"""Cut the typeface of the certificates out of the full Noto Sans SC.

    python -m scripts.subset_font NotoSansSC_400Regular.ttf

Kept are ASCII, Latin-1, general and CJK punctuation, full-width forms and all of GB 2312 (6,763 hanzi and its
symbols), as far as the full font draws them; every hanzi of GB 2312 and every ASCII character must be there.
Hinting and layout tables go: a certificate uses neither. The same font and the same fontTools give the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

OUT = Path(__file__).resolve().parent.parent / "registry/services/fonts/NotoSansSC-Regular-gb2312.ttf"
ASCII = range(0x20, 0x7F)
OTHERS = (range(0xA0, 0x100), range(0x2010, 0x2028), range(0x3000, 0x3040), range(0xFF01, 0xFFEF))
HANZI_ROWS, SYMBOL_ROWS, CELLS = range(0xB0, 0xF8), range(0xA1, 0xAA), range(0xA1, 0xFF)
HANZI = 6_763


def gb2312(rows: range) -> set[int]:
    """The code points of these rows of GB 2312."""
    texts = (bytes((row, cell)).decode("gb2312", "ignore") for row in rows for cell in CELLS)
    return {ord(text) for text in texts if text}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("font", type=Path, help="the full font, a TrueType file")
    source = parser.parse_args().font
    hanzi = gb2312(HANZI_ROWS)
    required = hanzi | set(ASCII)
    wanted = required | gb2312(SYMBOL_ROWS) | {point for block in OTHERS for point in block}
    with TTFont(source, recalcTimestamp=False) as font:
        drawn = set(font.getBestCmap())
        if len(hanzi) != HANZI or required - drawn:
            parser.error(f"{len(hanzi)} hanzi, of which with ASCII {len(required - drawn)} are not in {source.name}")
        options = subset.Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
        options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "STAT", "gasp", "prep", "vhea", "vmtx"]
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=wanted & drawn)
        cutter.subset(font)
        font.save(OUT)
    print(f"{OUT.name}: {len(wanted & drawn)} characters, {OUT.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
