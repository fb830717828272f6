"""Takes the pictures of reports that the documentation shows.

    .venv/bin/python docs/report_pictures.py bot-data/debug-runs/run-1/report.html \\
        bot-data/studies/comparison-…/report.html [--folder docs/images]

The first is the report of a run (`make demo`), the second that of a study (`make comparison`).
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

from selenium import webdriver

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from docs.screenshots import Format, browser  # noqa: E402

DESKTOP, DESKTOP_DARK = Format("wide", 1180, 980, "light"), Format("wide-dark", 1180, 980, "dark")
PHONE = Format("phone", 390, 844, "light")


def photograph(driver: webdriver.Chrome, page: Path, place: str, form: Format, file: Path) -> None:
    """Write what a window of a size and colour scheme shows of a page from `place` on."""
    size = {"width": form.width, "height": form.height, "deviceScaleFactor": 1, "mobile": form.width < 600}
    scheme = {"name": "prefers-color-scheme", "value": form.scheme}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    driver.get(page.resolve().as_uri())
    script = "document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})"
    if place:
        driver.execute_script(script, place)
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    file.write_bytes(base64.b64decode(picture["data"]))


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="report.html of a run")
    parser.add_argument("study", type=Path, help="report.html of a study")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    with browser() as driver:
        for name, page, place, form in (
            ("report", options.run, "", DESKTOP),
            ("report", options.run, "orders", PHONE),
            ("report", options.run, "traders", DESKTOP_DARK),
            ("comparison", options.study, "", DESKTOP),
            ("comparison", options.study, "", PHONE),
        ):
            photograph(driver, page, place, form, options.folder / f"{name}-{form.name}.png")


if __name__ == "__main__":
    main()
