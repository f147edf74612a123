"""What a retirement certificate says: values already read from the chain, and its wording in Chinese and English.

Nothing here draws, and nothing here reads a chain: `registry.services.certificate_pdf` sets these lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry.errors import InputError
from registry.units import local_text

# A longer text would need a code so fine that a telephone cannot read it from paper.
URL_BYTES_MAX: Final = 256
CERTIFICATES: Final = "RetirementCertificates"

PURPOSES: Final = {"COMPLIANCE": "履约 Compliance", "VOLUNTARY": "自愿 Voluntary", "WELFARE": "公益 Public welfare"}
STATUSES: Final = {"ACTIVE": "有效 Active", "SUSPENDED": "暂停 Suspended", "CANCELLED": "已撤销 Cancelled"}

TITLE: Final = ("核证减排量注销证书", "Certificate of Retirement of Certified Reductions")
CERTIFIES: Final = (
    "兹证明：以下数量的核证减排量已永久注销。",
    "This certifies that the following quantity of certified reductions has been permanently retired.",
)
WARNINGS: Final = {
    "CANCELLED": (
        "警告：此签发已被撤销",
        "WARNING: the issuance these tonnes come from has been cancelled.",
    ),
    "SUSPENDED": (
        "注意：此签发已被暂停",
        "NOTICE: the issuance these tonnes come from is suspended.",
    ),
}
SCAN: Final = ("扫码核验", "Scan to verify")
CODE_POINTS: Final = (
    "本证书字库未收的字符以其 Unicode 码位印出，如〔U+4E00〕。",
    "A character that the typeface of this certificate lacks is printed as its code point, such as 〔U+4E00〕.",
)


@dataclass(frozen=True)
class PrintedRange:
    """A range of serials as it is printed (`registry.core.serial` has the format) and how many tonnes it counts."""

    text: str
    tonnes: int


@dataclass(frozen=True)
class CertificateContent:
    """A certificate's values, all read from one block. Amounts in whole tonnes; hashes and addresses as 0x text.

    `purpose` and `issuance_status` are the names the contracts give them. `beneficiary` is the text whose hash is on
    chain, None where it is not known; the hash is printed either way. `year` is the compliance year, 0 for other
    purposes; `retired_at` is in epoch seconds. `contracts` are (name, address), RetirementCertificates among them.
    """

    certificate: int
    programme_zh: str
    programme_en: str
    holder: str
    entity: str
    beneficiary: str | None
    beneficiary_hash: str
    tonnes: int
    ranges: tuple[PrintedRange, ...]
    issuance: int
    issuance_status: str
    methodology: str
    methodology_version: str
    vintage: int
    purpose: str
    year: int
    retired_at: int
    ref: str
    chain_id: int
    genesis: str
    contracts: tuple[tuple[str, str], ...]
    block_number: int
    block_hash: str
    dossier: str
    transaction: str
    verification_url: str

    def address_of_certificates(self) -> str:
        """The address of the contract that holds the certificate; raises InputError when it is not given."""
        for name, address in self.contracts:
            if name == CERTIFICATES:
                return address
        raise InputError(f"the certificate names no {CERTIFICATES} contract")

    def check(self) -> None:
        """Raise InputError when the values cannot all be true of one certificate, or cannot be printed."""
        if self.purpose not in PURPOSES:
            raise InputError(f"unknown purpose {self.purpose!r}", known=", ".join(PURPOSES))
        if self.issuance_status not in STATUSES:
            raise InputError(f"unknown issuance status {self.issuance_status!r}", known=", ".join(STATUSES))
        if (self.year != 0) != (self.purpose == "COMPLIANCE"):
            raise InputError(f"purpose {self.purpose} does not go with compliance year {self.year}")
        counted = sum(part.tonnes for part in self.ranges)
        if self.tonnes <= 0 or counted != self.tonnes:
            raise InputError(f"the serial ranges count {counted} t, the certificate {self.tonnes} t")
        if not 0 < len(self.verification_url.encode()) <= URL_BYTES_MAX:
            raise InputError(f"the verification text must have 1 to {URL_BYTES_MAX} bytes")
        self.address_of_certificates()


@dataclass(frozen=True)
class Row:
    """A label in both languages and what stands beside it, one entry a line (longer ones wrap)."""

    zh: str
    en: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """Rows under one heading."""

    zh: str
    en: str
    rows: tuple[Row, ...]


def sections(content: CertificateContent) -> tuple[Section, ...]:
    """The table of the certificate, top to bottom."""
    return (_retirement(content), _reductions(content), _record(content))


def _retirement(content: CertificateContent) -> Section:
    named = () if content.beneficiary is None else (Row("受益人", "Beneficiary", (content.beneficiary,)),)
    purpose = PURPOSES[content.purpose]
    if content.year:
        purpose = f"{purpose} · 履约年度 Compliance year {content.year}"
    return Section(
        "注销",
        "Retirement",
        (
            *named,
            Row("受益人摘要", "Beneficiary hash", (content.beneficiary_hash,)),
            Row("用途", "Purpose", (purpose,)),
            Row("注销时间", "Retired at", (f"{local_text(content.retired_at)} (Asia/Shanghai)",)),
            Row("持有人", "Holder", (content.holder,)),
            Row("主体代码", "Entity code", (content.entity,)),
            Row("申请编号", "Reference", (content.ref,)),
        ),
    )


def _reductions(content: CertificateContent) -> Section:
    serials = tuple(f"{part.text} ({part.tonnes:,} t)" for part in content.ranges)
    return Section(
        "核证减排量",
        "Certified reductions",
        (
            Row("签发编号", "Issuance", (f"{content.issuance} · {STATUSES[content.issuance_status]}",)),
            Row("方法学", "Methodology", (f"{content.methodology} · 版本 Version {content.methodology_version}",)),
            Row("减排年份", "Vintage", (str(content.vintage),)),
            Row("核证材料摘要", "Dossier hash", (content.dossier,)),
            Row("序列号", "Serial numbers", serials),
        ),
    )


def _record(content: CertificateContent) -> Section:
    return Section(
        "链上记录",
        "Record on the chain",
        (
            Row("注销交易", "Transaction", (content.transaction,)),
            Row("链标识", "Chain id", (str(content.chain_id),)),
            Row("创世区块", "Genesis hash", (content.genesis,)),
            Row("合约地址", "Contracts", tuple(f"{address} {name}" for name, address in content.contracts)),
            Row("读取区块", "Read at block", (str(content.block_number), content.block_hash)),
        ),
    )


def statements(content: CertificateContent) -> tuple[tuple[str, str], ...]:
    """What the certificate declares and how to verify it, each in Chinese and English."""
    number, address = content.certificate, content.address_of_certificates()
    return (
        (
            "注销不可撤销：上列减排量不得再次使用、转让或出售。",
            "The retirement is irreversible: these tonnes can never again be used, transferred or sold.",
        ),
        (
            "本证书不可转让，仅为链上记录的副本；两者不一致时以链上记录为准。",
            "This certificate is not transferable. It is a copy of the record on the chain, which prevails.",
        ),
        (
            f"核验方法：运行 puhui certificate show {number}，或在合约 {address} 读取 certificateOf({number})。",
            f"To verify: run puhui certificate show {number}, or read certificateOf({number}) at the contract above.",
        ),
    )
