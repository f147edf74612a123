"""What happens to tonnes but for their sale: admission, certification, transfer, the regulator's acts, retirement."""

from __future__ import annotations

from typing import Final

from tests.properties.calls import NOBODY, TRADERS, Call, Request, word
from tests.properties.draw import OFFSET_YEARS, UNSIGNED, Draw, Drawn, authorise
from tests.properties.model_certificates import COMPLIANCE
from tests.properties.model_certification import MG_PER_TONNE, CertificationStatus
from tests.properties.model_participants import Participants, ParticipantStatus
from tests.properties.model_reductions import IssuanceStatus
from tests.properties.world import ACCOUNTS

# Who they are: an account of a firm, and a second one of the same firm.
ENTITIES: Final = {"power": "power", "steel": "steel", "steel_trading": "steel", "bookshop": "bookshop"}
COMPANIES: Final = ("power", "steel")


def identity_of(actor: str) -> tuple[str, bytes, int, bytes]:
    """What a trader is registered as: account, entity, kind, identity."""
    kind = Participants.COMPLIANCE if actor in COMPANIES else Participants.VOLUNTARY
    return ACCOUNTS[actor], word(ENTITIES.get(actor, actor)), kind, word(f"file of {actor}")


def register(d: Draw) -> Call:
    known = d.model.participants.known
    actor = d.likely([one for one in TRADERS if ACCOUNTS[one] not in known]) or d.one_of(("operator", "stranger"))
    return Call(d.office("exchange"), "Participants", "register", identity_of(actor))


def admit(d: Draw) -> Call | None:
    known = d.model.participants.known
    pending = [one for one in known if known[one].status == ParticipantStatus.PENDING]
    account = d.likely(pending, known)
    if account is None:
        return None
    one = known[account]
    regulator = d.office("regulator", one.registrar)
    return Call(regulator, "Participants", "admit", (account, one.entity, one.kind, one.identity))


def suspend_participant(d: Draw) -> Call | None:
    known = d.model.participants.known
    account = d.likely([one for one in known if known[one].status == ParticipantStatus.ACTIVE], known)
    return account and Call(d.office("regulator"), "Participants", "suspend", (account, d.reason()))


def reinstate(d: Draw) -> Call | None:
    known = d.model.participants.known
    account = d.likely([one for one in known if known[one].status == ParticipantStatus.SUSPENDED], known)
    return account and d.delayed("Participants", "reinstate", account)


def apply_for(d: Draw) -> Call | None:
    certifications = d.model.certifications
    classes = d.model.points.classes()
    full = [one for one in classes if certifications.pool_mg(one) >= MG_PER_TONNE and not certifications.open_of(one)]
    class_id = d.likely(full, classes)
    if class_id is None:
        return None
    tonnes = d.amount(certifications.pool_mg(class_id) // MG_PER_TONNE)
    args = (len(certifications.made) + 1, class_id, tonnes, d.ref())
    return Call(d.office("platform"), "ReductionCertification", "applyFor", args)


def _certification(d: Draw, *wanted: CertificationStatus) -> int | None:
    made = d.model.certifications.made
    numbers = range(1, len(made) + 1)
    return d.likely([one for one in numbers if made[one - 1].status in wanted], numbers)


def verify(d: Draw) -> Call | None:
    number = _certification(d, CertificationStatus.APPLIED)
    if number is None:
        return None
    one = d.model.certifications.made[number - 1]
    return Call(d.office("verifier", one.applicant), "ReductionCertification", "verify", (number, one.dossier))


def refute(d: Draw) -> Call | None:
    number = _certification(d, CertificationStatus.APPLIED)
    return number and Call(d.office("verifier"), "ReductionCertification", "refute", (number, d.reason()))


def approve(d: Draw) -> Call | None:
    number = _certification(d, CertificationStatus.VERIFIED)
    if number is None:
        return None
    one = d.model.certifications.made[number - 1]
    regulator = d.office("regulator", d.one_of((one.applicant, one.verifier)))
    return Call(regulator, "ReductionCertification", "approve", (number, one.dossier))


def reject(d: Draw) -> Call | None:
    number = _certification(d, CertificationStatus.APPLIED, CertificationStatus.VERIFIED)
    return number and Call(d.office("regulator"), "ReductionCertification", "reject", (number, d.reason()))


# --- holders


def holding(d: Draw, transferable: bool = True) -> tuple[str, int] | None:
    """(holder, issuance) with tonnes in it, mostly tonnes that can move."""
    reductions = d.model.reductions
    active = [one for one in reductions.issuances if reductions.status(one) == IssuanceStatus.ACTIVE]
    pairs = [(ACCOUNTS[actor], one) for actor in TRADERS for one in reductions.issuances]
    measure = reductions.transferable if transferable else reductions.balance
    return d.likely([(holder, one) for holder, one in pairs if one in active and measure(holder, one)], pairs)


def transfer(d: Draw) -> Call | None:
    chosen = holding(d)
    if chosen is None:
        return None
    holder, issuance = chosen
    tonnes = d.amount(d.model.reductions.transferable(holder, issuance))
    operators = [operator for owner, operator in d.model.reductions.operators if owner == holder]
    caller = d.one_of(operators) if operators and d.chance(50) else holder
    args = (holder, d.trader(), issuance, tonnes, b"")
    return Call(caller, "CertifiedReductions", "safeTransferFrom", args)


def transfer_batch(d: Draw) -> Call | None:
    chosen = holding(d)
    if chosen is None:
        return None
    holder, _ = chosen
    issuances = list(d.model.reductions.issuances)
    ids = tuple(d.one_of(issuances) for _ in range(d.rng.randint(1, 3)))
    amounts = tuple(d.amount(d.model.reductions.transferable(holder, one) // 2) for one in ids)
    return Call(holder, "CertifiedReductions", "safeBatchTransferFrom", (holder, d.trader(), ids, amounts, b""))


def approve_operator(d: Draw) -> Call:
    args = (NOBODY if d.chance(8) else d.anyone(), d.chance(75))
    return Call(d.trader(), "CertifiedReductions", "setApprovalForAll", args)


# --- the regulator


def freeze(d: Draw) -> Call | None:
    chosen = holding(d, transferable=False)
    if chosen is None:
        return None
    holder, issuance = chosen
    tonnes = d.one_of((0, 1, d.amount(d.model.reductions.balance(holder, issuance))))
    return Call(d.office("regulator"), "CertifiedReductions", "freeze", (holder, issuance, tonnes, d.reason()))


def force(d: Draw) -> Call | None:
    treasury = d.model.at["ProgrammeTreasury"]
    issuances = list(d.model.reductions.issuances)
    chosen = (treasury, d.one_of(issuances)) if issuances and d.chance(15) else holding(d, transferable=False)
    if chosen is None:
        return None
    holder, issuance = chosen
    tonnes = d.amount(d.model.reductions.balance(holder, issuance))
    return d.delayed("CertifiedReductions", "forcedTransfer", holder, d.trader(), issuance, tonnes, d.reason())


def _issuance(d: Draw, status: IssuanceStatus) -> int | None:
    issuances = d.model.reductions.issuances
    return d.likely([one for one in issuances if issuances[one].status == status], issuances)


def suspend_issuance(d: Draw) -> Call | None:
    number = _issuance(d, IssuanceStatus.ACTIVE)
    return number and Call(d.office("regulator"), "CertifiedReductions", "suspend", (number, d.reason()))


def resume(d: Draw) -> Call | None:
    number = _issuance(d, IssuanceStatus.SUSPENDED)
    return number and d.delayed("CertifiedReductions", "resume", number)


def cancel(d: Draw) -> Call | None:
    number = _issuance(d, IssuanceStatus.SUSPENDED)
    return number and d.delayed("CertifiedReductions", "cancel", number, d.reason())


def withdraw(d: Draw) -> Call | None:
    number = _issuance(d, IssuanceStatus.CANCELLED)
    holders = [*(ACCOUNTS[actor] for actor in TRADERS), d.model.at["ProgrammeTreasury"]]
    if number is None:
        return None
    holder = d.likely([one for one in holders if d.model.reductions.balance(one, number)], holders)
    return Call(d.anyone(), "CertifiedReductions", "withdraw", (number, holder))


# --- retirement


def _request(d: Draw) -> Request | None:
    chosen = holding(d)
    if chosen is None:
        return None
    holder, issuance = chosen
    tonnes = d.amount(d.model.reductions.transferable(holder, issuance))
    known = d.model.participants.known.get(holder)
    obliged = known is not None and known.kind == Participants.COMPLIANCE
    if obliged is d.chance(92) and known is not None:
        year = d.one_of(OFFSET_YEARS)
        return Request(holder, issuance, tonnes, COMPLIANCE, year, known.entity, d.ref())
    return Request(holder, issuance, tonnes, d.one_of((1, 2)), 0, d.ref(), d.ref())


def retire(d: Draw) -> Call | None:
    request = _request(d)
    return request and Call(request.holder, "RetirementCertificates", "retire", (request,))


def retire_for(d: Draw) -> Call | None:
    request = _request(d)
    return request and authorise(
        Call(d.anyone(), "RetirementCertificates", "retireFor", (request, d.deadline(), UNSIGNED))
    )


def set_offset_limit(d: Draw) -> Call:
    entity, year = word(d.one_of(COMPANIES)), d.one_of(OFFSET_YEARS)
    tonnes = d.model.certificates.used(entity, year) + d.one_of((-1, 0, 2, 5, 20))
    args = (entity, year, max(0, tonnes))
    return Call(d.office("regulator"), "RetirementCertificates", "setOffsetLimit", args)


OPERATIONS: Final[dict[Drawn, int]] = {
    register: 2,
    admit: 4,
    suspend_participant: 2,
    reinstate: 6,
    apply_for: 8,
    verify: 8,
    refute: 2,
    approve: 10,
    reject: 2,
    transfer: 8,
    transfer_batch: 5,
    approve_operator: 2,
    freeze: 4,
    force: 7,
    suspend_issuance: 2,
    resume: 9,
    cancel: 5,
    withdraw: 12,
    retire: 7,
    retire_for: 7,
    set_offset_limit: 2,
}
