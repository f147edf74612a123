"""The retirement certificate: equal bytes every time, every value legible, nothing cut, a code that scans."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import pypdf
import pypdfium2
import pytest
import zxingcpp
from fontTools.ttLib import TTFont

from registry.errors import InputError
from registry.services import certificate_content as wording
from registry.services.certificate_pdf import CertificateContent, PrintedRange, render
from registry.services.certificate_sheet import FONT, Sheet
from scripts.subset_font import ASCII, HANZI, HANZI_ROWS, gb2312

URL = "https://puhui.example.org/certificates/20260101/0x5FbDB2315678afecb367f032d93F642f64180aa3/12"
CONTENT = CertificateContent(
    certificate=12,
    programme_zh="深圳市碳普惠公共交通减排项目",
    programme_en="Shenzhen Carbon Inclusion Programme for Public Transport",
    holder="0x8Ba1f109551bD432803012645Ac136ddd64DBA72",
    entity="0x" + "1a" * 32,
    beneficiary="深圳市绿色出行有限公司 Shenzhen Green Mobility Co., Ltd.",
    beneficiary_hash="0x" + "2b" * 32,
    tonnes=1_234,
    ranges=(
        PrintedRange("PUHUI-001-2025-7-101-1300", 1_200),
        PrintedRange("PUHUI-001-2025-7-2001-2034", 34),
    ),
    issuance=7,
    issuance_status="ACTIVE",
    methodology="sz_transit",
    methodology_version="1",
    vintage=2025,
    purpose="COMPLIANCE",
    year=2026,
    retired_at=1_772_323_199,
    ref="0x" + "3c" * 32,
    chain_id=20260101,
    genesis="0x" + "4d" * 32,
    contracts=(
        ("RetirementCertificates", "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        ("CertifiedReductions", "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
    ),
    block_number=48_211,
    block_hash="0x" + "5e" * 32,
    dossier="0x" + "6f" * 32,
    transaction="0x" + "7a" * 32,
    verification_url=URL,
)
FACE = f"""深圳市碳普惠公共交通减排项目
Shenzhen Carbon Inclusion Programme for Public Transport
核证减排量注销证书
Certificate of Retirement of Certified Reductions
证书编号 Certificate No. 12
兹证明：以下数量的核证减排量已永久注销。
This certifies that the following quantity of certified reductions has been permanently retired.
1,234 吨二氧化碳当量
1,234 tCO2e
注销不可撤销：上列减排量不得再次使用、转让或出售。
The retirement is irreversible: these tonnes can never again be used, transferred or sold.
本证书不可转让，仅为链上记录的副本；两者不一致时以链上记录为准。
This certificate is not transferable. It is a copy of the record on the chain, which prevails.
核验方法：运行 puhui certificate show 12，或在合约 0x5FbDB2315678afecb367f032d93F642f64180aa3
读取 certificateOf(12)。
To verify: run puhui certificate show 12, or read certificateOf(12) at the contract above.
{URL}
扫码核验 Scan to verify
注销 Retirement
受益人 Beneficiary 深圳市绿色出行有限公司 Shenzhen Green Mobility Co., Ltd.
受益人摘要 Beneficiary hash 0x{"2b" * 32}
用途 Purpose 履约 Compliance · 履约年度 Compliance year 2026
注销时间 Retired at 2026-03-01T07:59:59+08:00 (Asia/Shanghai)
持有人 Holder 0x8Ba1f109551bD432803012645Ac136ddd64DBA72
主体代码 Entity code 0x{"1a" * 32}
申请编号 Reference 0x{"3c" * 32}
核证减排量 Certified reductions
签发编号 Issuance 7 · 有效 Active
方法学 Methodology sz_transit · 版本 Version 1
减排年份 Vintage 2025
核证材料摘要 Dossier hash 0x{"6f" * 32}
序列号 Serial numbers PUHUI-001-2025-7-101-1300 (1,200 t)
PUHUI-001-2025-7-2001-2034 (34 t)
链上记录 Record on the chain
注销交易 Transaction 0x{"7a" * 32}
链标识 Chain id 20260101
创世区块 Genesis hash 0x{"4d" * 32}
合约地址 Contracts 0x5FbDB2315678afecb367f032d93F642f64180aa3 RetirementCertificates
0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512 CertifiedReductions
读取区块 Read at block 48211
0x{"5e" * 32}
核证减排量注销证书 12 · 页 Page 1 / 1"""

SIXTEEN = tuple(PrintedRange(f"PUHUI-001-2025-7-{n}0001-{n}1000", 1_000) for n in range(1, 17))
LONG_NAME = (
    "深圳市绿色出行（集团）股份有限公司，" * 30 + "The Beneficiary Company of Shenzhen, Limited. " * 30 + "x" * 500
)


def pages(content: CertificateContent) -> list[list[str]]:
    """The lines of text of every page."""
    found = [page.extract_text().splitlines() for page in pypdf.PdfReader(io.BytesIO(render(content))).pages]
    return [[line.rstrip() for line in lines] for lines in found]


def squeezed(content: CertificateContent) -> str:
    """All text without white space and without what a page break adds: what wrapped is in one piece again."""
    first, *overleaf = pages(content)
    lines = [*first[:-1], *(line for page in overleaf for line in page[2:-1])]
    return re.sub(r"\s", "", "".join(line.removeprefix("受益人（续） Beneficiary ") for line in lines))


def codes(content: CertificateContent) -> list[tuple[int, str]]:
    """(page, text) of every code a scanner finds on the pages as drawn at 144 dots an inch."""
    document = pypdfium2.PdfDocument(render(content))
    images = [page.render(scale=2).to_pil() for page in document]
    return [(number, code.text) for number, image in enumerate(images) for code in zxingcpp.read_barcodes(image)]


# --- bytes ------------------------------------------------------------------------------------------------


def test_equal_content_gives_equal_bytes_in_any_process() -> None:
    code = (
        "import sys; from tests.services import test_certificate_pdf as t; sys.stdout.buffer.write(t.render(t.CONTENT))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}, capture_output=True
        )
        for seed, zone in (("1", "UTC"), ("2", "America/New_York"))
    ]
    assert [run.returncode for run in runs] == [0, 0]
    assert runs[0].stdout == runs[1].stdout == render(CONTENT)
    assert render(replace(CONTENT, certificate=13)) != render(CONTENT)


def test_the_file_is_a4_dated_at_the_retirement_and_has_its_font_inside() -> None:
    document = pypdf.PdfReader(io.BytesIO(render(CONTENT)))
    (page,) = document.pages
    assert [round(side) for side in page.mediabox] == [0, 0, 595, 842]
    assert document.metadata is not None
    assert document.metadata["/CreationDate"] == "D:20260301075959+08'00'"
    assert document.metadata.title == "核证减排量注销证书 Certificate of Retirement of Certified Reductions 12"
    assert document.metadata.producer == "Puhui Ledger"
    (font,) = page["/Resources"]["/Font"].values()
    (descendant,) = font.get_object()["/DescendantFonts"]
    embedded = descendant.get_object()["/FontDescriptor"]["/FontFile2"].get_data()
    assert 10_000 < len(embedded) < 200_000
    assert list(page.images) == []


# --- text --------------------------------------------------------------------------------------------------


def test_every_value_can_be_read_back() -> None:
    assert pages(CONTENT) == [FACE.splitlines()]


@pytest.mark.parametrize(
    ("purpose", "shown"),
    [("VOLUNTARY", "用途 Purpose 自愿 Voluntary"), ("WELFARE", "用途 Purpose 公益 Public welfare")],
)
def test_a_purpose_without_a_compliance_year(purpose: str, shown: str) -> None:
    (lines,) = pages(replace(CONTENT, purpose=purpose, year=0))
    assert shown in lines
    assert not [line for line in lines if "履约" in line]


def test_an_unknown_beneficiary_is_its_hash_alone() -> None:
    (lines,) = pages(replace(CONTENT, beneficiary=None))
    assert [line for line in lines if "受益人" in line] == [f"受益人摘要 Beneficiary hash 0x{'2b' * 32}"]


def test_a_cancelled_issuance_warns_on_every_page() -> None:
    first, second = pages(replace(CONTENT, issuance_status="CANCELLED", ranges=SIXTEEN, tonnes=16_000))
    assert first[9:11] == ["警告：此签发已被撤销", "WARNING: the issuance these tonnes come from has been cancelled."]
    assert "签发编号 Issuance 7 · 已撤销 Cancelled" in first
    assert second[1] == "证书编号 Certificate No. 12 · 续 continued 警告：此签发已被撤销"


def test_a_suspended_issuance_is_noted_and_an_active_one_is_not() -> None:
    (lines,) = pages(replace(CONTENT, issuance_status="SUSPENDED"))
    assert lines[9:11] == ["注意：此签发已被暂停", "NOTICE: the issuance these tonnes come from is suspended."]
    assert "签发编号 Issuance 7 · 暂停 Suspended" in lines
    assert not [line for line in pages(CONTENT)[0] if "警告" in line or "注意" in line]


def test_sixteen_ranges_flow_on_overleaf() -> None:
    first, second = pages(replace(CONTENT, ranges=SIXTEEN, tonnes=16_000, beneficiary="甲" * 400))
    printed = [line for line in [*first, *second] if "PUHUI-" in line]
    assert [re.sub(r"^序列号(（续）)? Serial numbers ", "", line) for line in printed] == [
        f"PUHUI-001-2025-7-{n}0001-{n}1000 (1,000 t)" for n in range(1, 17)
    ]
    assert second[0] == "核证减排量注销证书 Certificate of Retirement of Certified Reductions"
    assert second[2].startswith("序列号（续） Serial numbers PUHUI-")
    assert (first[-1], second[-1]) == (f"{FACE.splitlines()[-1][:-5]}1 / 2", f"{FACE.splitlines()[-1][:-5]}2 / 2")


def test_long_texts_wrap_and_lose_nothing() -> None:
    url = URL + "?" + "q" * (wording.URL_BYTES_MAX - len(URL) - 1)
    serial = "PUHUI-" + "9" * 180
    content = replace(
        CONTENT,
        beneficiary=LONG_NAME,
        methodology="方法学" * 60,
        verification_url=url,
        ranges=(PrintedRange(serial, 1_234),),
        programme_zh="碳普惠" * 30,
        contracts=tuple((f"{name}{'s' * 80}" if n else name, a) for n, (name, a) in enumerate(CONTENT.contracts)),
    )
    text = squeezed(content)
    for value in (LONG_NAME, "方法学" * 60, url, serial, "碳普惠" * 30, "CertifiedReductions" + "s" * 80):
        assert re.sub(r"\s", "", value) in text
    assert codes(content) == [(0, url)]


@pytest.mark.parametrize("beneficiary", ["{nb}", "页 1 / {nb} of {nb}", "(a) \\ % <</Type>> ET", "  two  spaces  "])
def test_text_that_means_something_to_a_pdf_is_just_text(beneficiary: str) -> None:
    assert re.sub(r"\s", "", f"受益人Beneficiary{beneficiary}受益人摘要") in squeezed(
        replace(CONTENT, beneficiary=beneficiary)
    )


# --- characters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beneficiary", "shown"),
    [
        ("周喆有限公司", "周〔U+5586〕有限公司"),
        ("𠮷野家", "〔U+20BB7〕野家"),
        ("甲\u202e乙", "甲〔U+202E〕乙"),
        ("甲\n乙", "甲〔U+000A〕乙"),
        ("甲\u00ad乙", "甲〔U+00AD〕乙"),
        ("tCO₂e", "tCO〔U+2082〕e"),
    ],
)
def test_a_character_the_font_lacks_is_printed_as_its_code_point(beneficiary: str, shown: str) -> None:
    (lines,) = pages(replace(CONTENT, beneficiary=beneficiary))
    assert f"受益人 Beneficiary {shown}" in lines
    assert [re.sub(r"\s", "", line) for line in lines[-3:-1]] == [re.sub(r"\s", "", x) for x in wording.CODE_POINTS]


def test_the_note_on_code_points_is_there_only_when_one_is() -> None:
    assert "码位" not in squeezed(CONTENT)


def test_the_font_draws_gb_2312_and_every_label() -> None:
    with TTFont(FONT) as font:
        drawn = set(font.getBestCmap())
    assert len(gb2312(HANZI_ROWS)) == HANZI == 6_763
    assert gb2312(HANZI_ROWS) | set(ASCII) <= drawn
    assert FONT.stat().st_size < 3_000_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONT.parent / "OFL.txt").read_text("utf-8")
    sheet = Sheet("")
    labels = [*wording.TITLE, *wording.CERTIFIES, *wording.SCAN, *wording.CODE_POINTS, *wording.STATUSES.values()]
    labels += [*wording.PURPOSES.values(), *(text for pair in wording.WARNINGS.values() for text in pair)]
    labels += [text for pair in wording.statements(CONTENT) for text in pair]
    for section in wording.sections(CONTENT):
        labels += [section.zh, section.en, *(text for row in section.rows for text in (row.zh, row.en))]
    assert [label for label in labels if sheet.legible(label) != label] == []
    assert not sheet.spelt_out


# --- the drawn page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [URL, "puhui certificate show 12", "核验：注销证书 12"])
def test_a_scanner_reads_the_verification_text_off_the_face(url: str) -> None:
    assert codes(replace(CONTENT, verification_url=url, ranges=SIXTEEN, tonnes=16_000)) == [(0, url)]


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        replace(CONTENT, issuance_status="CANCELLED", ranges=SIXTEEN, tonnes=16_000),
        replace(CONTENT, beneficiary=LONG_NAME, verification_url=URL + "?" + "q" * 120),
        replace(CONTENT, programme_zh="碳普惠" * 30, programme_en="programme " * 30, ranges=SIXTEEN, tonnes=16_000),
    ],
    ids=["plain", "cancelled", "long", "long-programme"],
)
def test_no_text_leaves_the_border_or_lies_on_other_text(content: CertificateContent) -> None:
    for page in pypdfium2.PdfDocument(render(content)):
        text = page.get_textpage()
        boxes = [text.get_rect(n) for n in range(text.count_rects())]
        assert len(boxes) > 10
        assert [box for box in boxes if box[0] < 50 or box[1] < 36 or box[2] > 545 or box[3] > 806] == []
        assert [pair for pair in combinations(boxes, 2) if _overlap(*pair)] == []


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


# --- contents that cannot be true ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tonnes": 1_235}, "the serial ranges count 1234 t, the certificate 1235 t"),
        ({"tonnes": 0, "ranges": ()}, "the serial ranges count 0 t, the certificate 0 t"),
        ({"purpose": "OTHER"}, "unknown purpose 'OTHER'"),
        ({"purpose": "VOLUNTARY"}, "purpose VOLUNTARY does not go with compliance year 2026"),
        ({"year": 0}, "purpose COMPLIANCE does not go with compliance year 0"),
        ({"issuance_status": "NONE"}, "unknown issuance status 'NONE'"),
        ({"verification_url": ""}, "the verification text must have 1 to 256 bytes"),
        ({"verification_url": "验" * 86}, "the verification text must have 1 to 256 bytes"),
        ({"contracts": CONTENT.contracts[1:]}, "the certificate names no RetirementCertificates contract"),
        ({"programme_zh": "碳" * 2_000}, "the programme's name is too long for the face of a certificate"),
    ],
)
def test_a_content_that_contradicts_itself_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        render(replace(CONTENT, **changed))  # type: ignore[arg-type]
    assert caught.value.message == message
