"""Shenzhen low-carbon public transit, version 1 (深圳市低碳公共出行碳普惠方法学, trial).

Source of the factors: the programme's launch announcement of 2021-12-17 (bus 26.9 g, metro 46.8 g of
CO2 avoided per passenger-kilometre against ordinary city travel). A print of 2022-09-23 says 46.7 for
metro; the launch figure is used, and a correction would be a new version. The methodology's full text
and the way it obtains a bus distance were not found, so a bus trip needs a distance from its source.

The fare tiers give the lower bound of the distance that a full single metro fare pays for, in metres.
They are conservative: a journey without a measured distance never earns more than it could have run.
"""

from __future__ import annotations

from registry.core.methodology.spec import Methodology, Mode

DOCUMENT = """\
sz_transit/1

中文：每次出行减排量（毫克）= 向下取整（减排系数 × 出行距离）。减排系数：纯电动公共汽车每人每公里 26.9 克，
地铁每人每公里 46.8 克。距离以米计，1 至 200000 米有效。每次出行只取整一次。地铁出行没有实测距离时，
按折扣前票价所在档位的距离下限计算；公共汽车只有上车记录而没有距离时不计减排量。
核算边界：运行阶段，仅二氧化碳，与一般市内交通出行相比。

English: the reduction of one trip in milligrams is floor(factor x distance). Factors: battery-electric
bus 26.9 g and metro 46.8 g of CO2 avoided per passenger-kilometre. Distance is in metres, 1 to 200000.
A trip is rounded once. A metro trip without a measured distance takes the lower bound of the tier of
its fare before discount; a bus boarding without a distance earns nothing.
Boundary: operation only, carbon dioxide only, against ordinary city travel.
"""

SPEC = Methodology(
    id=1,
    name="sz_transit/1",
    title_zh="深圳市低碳公共出行碳普惠方法学（试行）",
    title_en="Shenzhen low-carbon public transit (trial)",
    modes=(
        Mode(code=1, name="bus", factor_dmg_per_m=269, max_speed_kmh=80, max_duration_s=None),
        Mode(code=2, name="metro", factor_dmg_per_m=468, max_speed_kmh=120, max_duration_s=180 * 60),
    ),
    min_distance_m=1,
    max_distance_m=200_000,
    fare_tiers=(
        (200, 385),
        (300, 4_000),
        (400, 8_000),
        (500, 12_000),
        (600, 18_000),
        (700, 24_000),
        (800, 32_000),
    ),
    fare_step_fen=100,
    fare_step_m=8_000,
    effective_from=20170101,
    effective_to=0,
    document=DOCUMENT,
)
