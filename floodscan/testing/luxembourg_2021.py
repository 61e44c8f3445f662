"""The Luxembourg flood of July 2021: the known passes over it, and a model of the others.

Ids, times, orbits and cloud covers of some scenes and one Sentinel-1 footprint are published, and
the repeat cycles of both missions are public. The other passes are modelled: Sentinel-1 frames
are the one footprint, moved along and across the track, and mirrored for ascending passes. The
edges of a Sentinel-2 pass are straight lines, and its clouds come from one figure per pass.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shapely.geometry import Polygon

from floodscan.testing.stac_items import OrbitState, Sentinel1Frame, Sentinel2Scene

_Point = tuple[float, float]

FIRST = datetime(2021, 6, 1, tzinfo=UTC)
LAST = datetime(2021, 7, 31, 23, 59, 59, tzinfo=UTC)

# --- Sentinel-2 ---------------------------------------------------------------------------------

_S2_TILES = ("31UFQ", "31UFR", "31UGQ", "31UGR", "32ULA", "32ULV")
_S2_REPEAT_DAYS = 10
_S2_ORBITS_PER_CYCLE = 143
_S2_MILLISECOND = 24
_S2_ORBIT_OFFSETS = {"S2A": -2, "S2B": 27}
_S2_CYCLES = {"S2A": 222, "S2B": 160}  # whole cycles flown by 2021-07-21 and 2021-07-26
_S2_ANCHORS = {"S2A": "2021-07-21T10:40", "S2B": "2021-07-26T10:36"}
_S2_ANCHOR_ORBIT = 8
# Relative orbit: sensing starts as S2A flew in June, as S2A in July, as S2B.
_S2_TIMES = {
    8: ("10:40:21", "10:40:31", "10:36:29"),
    108: ("10:30:21", "10:30:31", "10:25:59"),
    51: ("10:50:21", "10:50:31", "10:46:19"),
}
_JULY = 7
# West and east edge of each pass's swath: longitudes at 48.5 and at 51 degrees north, beyond
# the tiles at either end. The eastern edge of orbit 8 is wide enough for all six tiles, with the
# corner of 32ULV.
_SWATH_LATS = (48.5, 51.0)
_SWATHS = {
    8: ((3.317, 4.296), (7.9, 8.9)),
    108: ((5.835, 6.814), (9.983, 11.192)),
    51: ((0.8, 1.779), (4.948, 6.157)),
}
# Per pass: platform, relative orbit, cloud of 31UGR in percent. Two figures are published: those
# of 06-11 and 07-21. The first fortnight of July was overcast.
_S2_PASSES = {
    "2021-06-01": ("S2A", 8, 12.408113),
    "2021-06-03": ("S2B", 108, 88.170426),
    "2021-06-04": ("S2A", 51, 96.331508),
    "2021-06-06": ("S2B", 8, 62.918450),
    "2021-06-08": ("S2A", 108, 41.662087),
    "2021-06-09": ("S2B", 51, 19.275331),
    "2021-06-11": ("S2A", 8, 16.999946),
    "2021-06-13": ("S2B", 108, 8.514402),
    "2021-06-14": ("S2A", 51, 6.093815),
    "2021-06-16": ("S2B", 8, 5.227304),
    "2021-06-18": ("S2A", 108, 57.846119),
    "2021-06-19": ("S2B", 51, 91.430772),
    "2021-06-21": ("S2A", 8, 88.702655),
    "2021-06-23": ("S2B", 108, 73.951280),
    "2021-06-24": ("S2A", 51, 81.364097),
    "2021-06-26": ("S2B", 8, 36.128940),
    "2021-06-28": ("S2A", 108, 90.226173),
    "2021-06-29": ("S2B", 51, 99.187534),
    "2021-07-01": ("S2A", 8, 93.480216),
    "2021-07-03": ("S2B", 108, 86.057391),
    "2021-07-04": ("S2A", 51, 94.715823),
    "2021-07-06": ("S2B", 8, 31.402768),
    "2021-07-08": ("S2A", 108, 97.308441),
    "2021-07-09": ("S2B", 51, 89.641907),
    "2021-07-11": ("S2A", 8, 71.265038),
    "2021-07-13": ("S2B", 108, 99.904312),
    "2021-07-14": ("S2A", 51, 99.871650),
    "2021-07-16": ("S2B", 8, 84.536129),
    "2021-07-18": ("S2A", 108, 11.693584),
    "2021-07-19": ("S2B", 51, 27.440961),
    "2021-07-21": ("S2A", 8, 3.280537),
    "2021-07-23": ("S2B", 108, 9.158276),
    "2021-07-24": ("S2A", 51, 78.052417),
    "2021-07-26": ("S2B", 8, 14.617902),
    "2021-07-28": ("S2A", 108, 66.390745),
    "2021-07-29": ("S2B", 51, 58.814330),
    "2021-07-31": ("S2A", 8, 92.137684),
}
# Clouds of the other tiles compared with 31UGR: factors on the smaller of cloud and clear sky.
_S2_TILE_FACTORS = {
    "31UFQ": 1.1204, "31UFR": 0.9316, "31UGQ": 1.2538, "31UGR": 1.0, "32ULA": 0.8127,
    "32ULV": 1.3309,
}  # fmt: skip
_HALF = 50.0
# Times of processing, where they are known or narrowed down; else half a day after the pass.
_S2_GENERATED = {
    "2021-06-11": datetime(2021, 6, 20, 14, 6, 12, tzinfo=UTC),
    "2021-07-18": datetime(2021, 7, 19, 1, 25, 10, tzinfo=UTC),
    "2021-07-21": datetime(2021, 7, 21, 22, 39, 12, tzinfo=UTC),
}
_S2_CHOSEN = ("id prefix", "datetime", "eo:cloud_cover", "platform", "geometry",
              "sat:relative_orbit", "s2:mgrs_tile")  # fmt: skip
_S2_NAMED = ("id", "datetime", "platform", "sat:relative_orbit", "s2:mgrs_tile",
             "s2:generation_time")  # fmt: skip
_S2_PUBLISHED = {
    ("2021-06-11", "31UGR"): _S2_CHOSEN,
    ("2021-07-21", "31UGR"): _S2_CHOSEN,
    ("2021-07-18", "32ULA"): _S2_NAMED,
    ("2021-07-21", "32ULA"): _S2_NAMED,
}
# This scene is clear, whole and closest to the first phase. It would win if it had all bands.
_S2_MISSING = {("2021-06-16", "31UGR"): ("B09",)}

# --- Sentinel-1 ---------------------------------------------------------------------------------

_S1_REPEAT_DAYS = 12
_S1_ORBITS_PER_CYCLE = 175
_FRAME_STEP = timedelta(seconds=25)
_FRAME_DURATION = timedelta(seconds=24, microseconds=999_000)
# Each repeat of a pass is later by this; two published times differ by twice as much.
_CYCLE_DRIFT = timedelta(microseconds=644_951)
# Footprints step a little less than their frames last, so that neighbours overlap.
_STEP_OVERLAP = 0.996
# Published corners of the frame that S1A began on 2021-07-15 at 05:50:52 on track 37: where it
# begins and ends, on the near (east) and the far (west) side.
_NEAR = ((7.426398, 50.707546), (6.95202, 49.21365))
_FAR = ((3.721971, 51.117897), (3.361044, 49.622269))


class _Track(NamedTuple):
    # A descending frame lies `lon` degrees east of the published one; an ascending one is its
    # mirror image in longitude, `lon` minus it. `zero` is when S1A is level with it.
    state: OrbitState
    lon: float
    zero: str


_TRACKS = {
    37: _Track("descending", 0.0, "05:50:52.397999"),
    139: _Track("descending", 2.0571, "05:42:38.690000"),
    15: _Track("ascending", 13.483, "17:16:29.290000"),
    88: _Track("ascending", 11.426, "17:24:43.000000"),
    161: _Track("ascending", 9.369, "17:32:56.710000"),
}
_S1B_LEAD = timedelta(seconds=43)  # S1B is at the same place so much earlier in the day


class _Slicing(NamedTuple):
    # The start of the first of three frames, on a day when the satellite flew the track.
    platform: str
    track: int
    first: str


_SLICINGS = (
    _Slicing("S1A", 37, "2021-07-15T05:50:27.397999"),
    _Slicing("S1B", 37, "2021-07-21T05:49:37.400000"),
    _Slicing("S1A", 139, "2021-07-10T05:42:17.036903"),
    _Slicing("S1B", 139, "2021-07-16T05:41:27.400000"),
    _Slicing("S1A", 15, "2021-07-13T17:15:57.400000"),
    _Slicing("S1B", 15, "2021-07-19T17:15:28.400000"),
    _Slicing("S1A", 88, "2021-07-18T17:24:04.400000"),
    _Slicing("S1B", 88, "2021-07-12T17:23:30.400000"),
    _Slicing("S1A", 161, "2021-07-11T17:32:38.400000"),
    _Slicing("S1B", 161, "2021-07-17T17:31:44.400000"),
)
_FRAMES_PER_PASS = 3
# Per platform: orbits flown before relative orbit 1 of cycle 0, then one pass that is known by
# date, absolute orbit and datatake, and how many datatakes come to how many orbits.
_S1_COUNTS = {
    "S1A": (72, "2021-07-15T05:50", 38784, 0x049389, (1348, 175)),
    "S1B": (26, "2021-07-21T05:50", 27888, 0x0353E2, (562, 73)),
}
_S1_PASS = ("platform", "sat:relative_orbit", "sat:orbit_state")
_S1_ORBIT = ("sat:absolute_orbit", "s1:datatake_id")
_S1_CHOSEN = ("id prefix", "datetime", *_S1_PASS)
_S1_TIMED = ("id prefix", *_S1_PASS)
_S1_BEGUN = ("start_datetime to the second",)
_S1_PUBLISHED = {
    "S1A_20210616T054240": _S1_CHOSEN,
    "S1A_20210710T054242": _S1_CHOSEN,
    "S1A_20210715T055052": ("id", "datetime", "geometry", *_S1_PASS, *_S1_ORBIT),
    "S1A_20210703T055051": ("id", *_S1_PASS, *_S1_ORBIT),
    "S1B_20210716T054217": ("id", *_S1_PASS, *_S1_ORBIT),
    "S1A_20210715T055027": (*_S1_TIMED, *_S1_ORBIT),
    "S1B_20210610T054125": _S1_TIMED,
    "S1B_20210610T054150": _S1_TIMED,
    "S1B_20210716T054127": (*_S1_TIMED, *_S1_ORBIT),
    "S1B_20210716T054152": (*_S1_TIMED, *_S1_ORBIT),
    "S1B_20210721T055002": (*_S1_PASS, *_S1_ORBIT),
    "S1A_20210713T171647": _S1_BEGUN,
    "S1A_20210718T172454": _S1_BEGUN,
    "S1B_20210717T173234": _S1_BEGUN,
    "S1B_20210719T171618": _S1_BEGUN,
}
# This frame lists its polarisations in the other order: equal as a set, not as a list.
_S1_TURNED = "S1B_20210709T055001"
# A second product of this pass covers the area, on the day of the first phase, but in one
# polarisation. It would win if it had both.
_S1_SINGLE_BESIDE = "S1B_20210615T055000"
_S1_SINGLE_LATER = timedelta(seconds=8)


def sentinel_2_scenes() -> Iterator[Sentinel2Scene]:
    """Yield every tile of every Sentinel-2 pass, also tiles that a pass did not see."""
    for day, (platform, orbit, cloud) in _S2_PASSES.items():
        start = _s2_start(day, platform, orbit)
        made = _S2_GENERATED.get(day, start.replace(microsecond=0) + timedelta(hours=12))
        for number, tile in enumerate(_S2_TILES):
            # the published times of 32ULA are kept; the times of other tiles differ by seconds
            seconds = 2 * (number - _S2_TILES.index("32ULA"))
            yield Sentinel2Scene(
                tile=tile,
                platform=platform,
                start=start,
                generated=made + timedelta(seconds=seconds),
                relative_orbit=orbit,
                absolute_orbit=_s2_absolute_orbit(platform, orbit, start),
                baseline="03.01" if start.month >= _JULY else "03.00",
                cloud_cover=_tile_cloud(cloud, tile),
                swath=_s2_swath(orbit),
                missing_assets=_S2_MISSING.get((day, tile), ()),
                published=_S2_PUBLISHED.get((day, tile), ()),
            )


def _s2_start(day: str, platform: str, orbit: int) -> datetime:
    june, july, other = _S2_TIMES[orbit]
    own = july if int(day[5:7]) >= _JULY else june
    clock = own if platform == "S2A" else other
    return _moment(f"{day}T{clock}.{_S2_MILLISECOND:03d}")


def _s2_absolute_orbit(platform: str, orbit: int, start: datetime) -> int:
    anchor = _moment(_S2_ANCHORS[platform])
    before = _S2_ORBIT_OFFSETS[platform] + _S2_CYCLES[platform] * _S2_ORBITS_PER_CYCLE - 1
    days = (start - anchor) / timedelta(days=1)
    target = before + _S2_ANCHOR_ORBIT + days * _S2_ORBITS_PER_CYCLE / _S2_REPEAT_DAYS
    return _nearest(before + orbit, target, _S2_ORBITS_PER_CYCLE)


def _nearest(value: int, target: float, step: int) -> int:
    return value + round((target - value) / step) * step


def _tile_cloud(cloud: float, tile: str) -> float:
    factor = _S2_TILE_FACTORS[tile]
    if cloud < _HALF:
        return round(cloud * factor, 6)
    return round(100 - (100 - cloud) * factor, 6)


def _s2_swath(orbit: int) -> Polygon:
    (west_south, west_north), (east_south, east_north) = _SWATHS[orbit]
    south, north = _SWATH_LATS
    return Polygon(
        [(west_south, south), (east_south, south), (east_north, north), (west_north, north)]
    )


def sentinel_1_frames() -> Iterator[Sentinel1Frame]:
    """Yield three frames of every Sentinel-1 pass, and one product with other edges."""
    for slicing in _SLICINGS:
        for start, cycles in _repeats(slicing):
            pieces = [start + number * _FRAME_STEP for number in range(_FRAMES_PER_PASS)]
            for number, piece in enumerate(pieces, start=1):
                frame = _frame(slicing, piece, cycles, number)
                yield frame
                if _name(frame) == _S1_SINGLE_BESIDE:
                    yield _single(slicing, frame, cycles)


def _single(slicing: _Slicing, beside: Sentinel1Frame, cycles: int) -> Sentinel1Frame:
    cut = _frame(slicing, beside.start + _S1_SINGLE_LATER, cycles, beside.slice_number)
    return replace(cut, polarizations=("VV",))


def _repeats(slicing: _Slicing) -> Iterator[tuple[datetime, int]]:
    step = timedelta(days=_S1_REPEAT_DAYS) + _CYCLE_DRIFT
    known = _moment(slicing.first)
    cycles = -((known - FIRST) // step)
    while (start := known + cycles * step) <= LAST:
        yield start, cycles
        cycles += 1


def _frame(slicing: _Slicing, start: datetime, cycles: int, number: int) -> Sentinel1Frame:
    platform, orbit = slicing.platform, slicing.track
    track = _TRACKS[orbit]
    absolute, datatake = _s1_counts(platform, orbit, start)
    frame = Sentinel1Frame(
        platform=platform,
        start=start,
        duration=_FRAME_DURATION,
        footprint=_s1_footprint(track, _seconds_past_level(slicing, start, cycles)),
        relative_orbit=orbit,
        absolute_orbit=absolute,
        orbit_state=track.state,
        datatake=datatake,
        slice_number=number,
        total_slices=_FRAMES_PER_PASS,
    )
    name = _name(frame)
    turned = ("VH", "VV") if name == _S1_TURNED else frame.polarizations
    return replace(frame, published=_S1_PUBLISHED.get(name, ()), polarizations=turned)


def _name(frame: Sentinel1Frame) -> str:
    return f"{frame.platform}_{frame.start:%Y%m%dT%H%M%S}"


def _s1_counts(platform: str, orbit: int, start: datetime) -> tuple[int, int]:
    base, day, known, datatake, (datatakes, orbits) = _S1_COUNTS[platform]
    days = (start - _moment(day)) / timedelta(days=1)
    target = known + days * _S1_ORBITS_PER_CYCLE / _S1_REPEAT_DAYS
    absolute = _nearest(orbit + base, target, _S1_ORBITS_PER_CYCLE)
    return absolute, datatake + round((absolute - known) * datatakes / orbits)


def _seconds_past_level(slicing: _Slicing, start: datetime, cycles: int) -> float:
    # The clock drifts from cycle to cycle, the ground that a frame covers does not.
    level = _moment(f"{slicing.first[:10]}T{_TRACKS[slicing.track].zero}")
    if slicing.platform == "S1B":
        level -= _S1B_LEAD
    repeat = timedelta(days=_S1_REPEAT_DAYS) + _CYCLE_DRIFT
    return (start - cycles * repeat - level) / timedelta(seconds=1)


def _s1_footprint(track: _Track, seconds: float) -> Polygon:
    """Move the published frame ``seconds`` along ``track``; negative is before it."""
    steps = seconds / (_FRAME_STEP / timedelta(seconds=1)) * _STEP_OVERLAP
    # An ascending pass is a descending one, mirrored and flown backwards.
    sign = -1 if track.state == "ascending" else 1
    near, far = (_moved(side, steps * sign) for side in (_NEAR, _FAR))
    return Polygon([(track.lon + sign * x, y) for x, y in (*near, *reversed(far))])


def _moved(side: tuple[_Point, _Point], steps: float) -> list[_Point]:
    (x0, y0), (x1, y1) = side
    return [(x + steps * (x1 - x0), y + steps * (y1 - y0)) for x, y in side]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
