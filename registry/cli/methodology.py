"""`puhui methodology`: how a reduction is computed, in words and numbers."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.common import HomeOption, JsonOption, emit, ledger, stdout, table
from registry.core import methodology
from registry.core.leaf import TripLeaf
from registry.core.methodology import Methodology
from registry.errors import UsageError
from registry.services.proofs import prove_trip
from registry.units import points_text

app = typer.Typer(help="Methodology versions.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the versions this build can compute."""
    body = [{"id": m.id, "name": m.name, "title_zh": m.title_zh, "title_en": m.title_en} for m in methodology.ALL]
    emit(as_json, body, lambda: table(["id", "name", "名称", "title"], [list(row.values()) for row in body]))


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="Version, as sz_transit/1.")] = None,
    trip: Annotated[str | None, typer.Option(help="Explain the result of this trip of the ledger.")] = None,
    mode: Annotated[str | None, typer.Option(help="Explain a trip of this mode (bus, metro) ...")] = None,
    distance_m: Annotated[int | None, typer.Option(help="... and this distance in metres.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a version's parameters, and explain one trip's result step by step."""
    spec = methodology.by_name(name) if name else methodology.DEFAULT
    if trip:
        with ledger(home) as opened:
            proof = prove_trip(opened, trip).proof
        leaf = TripLeaf.decode(proof.leaf)
        spec = methodology.by_id(proof.batch.methodology)
        mode, distance_m = spec.mode_by_code(leaf.mode).name, leaf.distance_m
    if (mode is None) != (distance_m is None):
        raise UsageError("--mode and --distance-m go together")
    body: dict[str, object] = {
        "parameters": spec.parameters(),
        "parameters_hash": "0x" + spec.parameters_hash().hex(),
        "document_hash": "0x" + spec.document_hash().hex(),
        "document": spec.document,
    }
    lines: list[str] = []
    if mode is not None and distance_m is not None:
        reduction = spec.reduction_mg(mode, distance_m)
        lines = explain(spec, mode, distance_m)
        body["explanation"] = {"mode": mode, "distance_m": distance_m, "reduction_mg": reduction, "steps": lines}

    def text() -> None:
        stdout.print(f"{spec.name}  {spec.title_zh} / {spec.title_en}")
        stdout.print(f"parameters hash 0x{spec.parameters_hash().hex()}")
        stdout.print(f"document hash   0x{spec.document_hash().hex()}")
        stdout.print("\n".join(lines) if lines else spec.document, markup=False)

    emit(as_json, body, text)


def explain(spec: Methodology, mode: str, distance_m: int) -> list[str]:
    """One trip's reduction in words and numbers, Chinese and English."""
    factor = spec.mode(mode).factor_dmg_per_m
    exact = factor * distance_m
    reduction = spec.reduction_mg(mode, distance_m)
    grams = f"{factor // 10}.{factor % 10}"
    return [
        f"方式 {mode}，减排系数 {grams} 克/人公里，即每米 {grams} 毫克",
        f"mode {mode}: {grams} g of CO2 avoided per passenger-km, that is {grams} mg a metre",
        f"{grams} mg/m x {distance_m:,} m = {exact // 10:,}.{exact % 10} mg",
        f"向下取整为毫克 / floored to the milligram: {reduction:,} mg",
        f"1 积分 = 1 克 / 1 point = 1 g: {points_text(reduction)} points",
    ]
