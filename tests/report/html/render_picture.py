"""Renew the picture in README: ``uv run python -m tests.report.html.render_picture``."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import floodscan
from tests.paths import REPO_ROOT
from tests.report.html.browser import open_browser, open_report
from tests.sweeps import DEMO

PICTURE = REPO_ROOT / ".github" / "report.png"
_WIDTH, _COLOURS = 1180, 128


def main() -> None:
    """Scan the demo, open its event in the report, and write the picture."""
    with TemporaryDirectory() as folder, open_browser() as browser:
        file = floodscan.scan("demo", out=Path(folder) / "run").report()
        with open_report(browser, file, event=f"event={DEMO.event_id}", width=_WIDTH) as report:
            report.page.wait_for_selector("#timeline svg")
            top = report.run(
                "scrollY + document.querySelector('#event').getBoundingClientRect().top"
            )
            end = report.run(
                "scrollY + document.querySelector('.panels').getBoundingClientRect().bottom"
            )
            box = {"x": 0.0, "y": top - 6, "width": float(_WIDTH), "height": end - top + 12}
            drawn = report.page.screenshot(full_page=True, clip=box)  # type: ignore[arg-type]
    Image.open(BytesIO(drawn)).convert("RGB").quantize(_COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
