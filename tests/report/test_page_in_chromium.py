"""The page in a browser: nothing fails, nothing is fetched, nothing is cut off and no words overlap."""

import base64
import dataclasses
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tfp_insects.report.content import make_content
from tfp_insects.report.page import render
from tfp_insects.runs.reading import load_runs
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.review import write_review
from tfp_insects.serving.summary import ClassCount, Summary

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Words of a picture that reach out of it, or over other words of it; a pixel is let pass.
BOXES = """
const boxes = svg => [...svg.querySelectorAll('text')]
  .map(text => ({words: text.textContent, box: text.getBoundingClientRect()}));
"""
CUT_OFF = (
    "(() => {"
    + BOXES
    + """
const found = [];
for (const svg of document.querySelectorAll('.panel svg')) {
  const frame = svg.getBoundingClientRect();
  for (const {words, box} of boxes(svg))
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      found.push(words);
}
return found; })()"""
)
OVERLAPPING = (
    "(() => {"
    + BOXES
    + """
const found = [];
for (const svg of document.querySelectorAll('.panel svg')) {
  const all = boxes(svg);
  for (let i = 0; i < all.length; i++) for (let j = 0; j < i; j++) {
    const a = all[i].box, b = all[j].box;
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 0.25 * Math.min(a.height, b.height)) found.push([all[i].words, all[j].words]);
  }
}
return found; })()"""
)


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A browser with one page.

    Args:
        program: Path of Chromium.
        profile: Empty directory for its files.
    """

    def __init__(self, program: str, profile: Path) -> None:
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"]
        # The browser reads commands from descriptor 3 and answers on 4.
        shell = f'exec "$0" "$@" 3<&{read_commands} 4>&{write_answers}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, program, *flags, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(read_commands, write_answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)
        self._ids = itertools.count(1)
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._commands)
        self._process.terminate()
        self._process.wait(timeout=20)
        os.close(self._answers)

    _session: str | None = None

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and returns its result; events that arrive before it are kept."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path: Path, width: int, height: int = 900, is_dark: bool = False) -> None:
        """Opens a page at a width in CSS pixels and waits until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def evaluate(self, script: str) -> Any:
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def errors(self) -> list[dict[str, Any]]:
        """Console errors, exceptions and failed requests since the page was opened."""
        failures = ("Runtime.exceptionThrown", "Network.loadingFailed")
        return [
            event
            for event in self.events
            if event["method"] in failures
            or (event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error")
            or (event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "warning"))
        ]

    def requests(self) -> Sequence[str]:
        """URLs asked for since the page was opened, the page's own and data URIs left out."""
        urls = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls[1:] if not url.startswith("data:")]

    def screenshot(self, path: Path) -> None:
        """Writes the whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def print_pdf(self, path: Path) -> None:
        data = self.call(
            "Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True
        )
        path.write_bytes(base64.b64decode(data["data"]))

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._answers, 1 << 20)
            assert part, "Chromium ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(params=[(1280, False), (390, False), (390, True)], ids=["desktop", "phone", "phone-dark"])
def opened(request, browser, grid_page):
    width, is_dark = request.param
    browser.open(grid_page, width, is_dark=is_dark)
    return browser


def test_no_error_and_no_request(opened):
    assert opened.errors() == []
    assert list(opened.requests()) == []


def test_every_picture_is_there(opened):
    assert opened.evaluate("[...document.images].length") > 10
    assert opened.evaluate("[...document.images].filter(i => !(i.complete && i.naturalWidth > 0)).length") == 0
    assert opened.evaluate("document.querySelectorAll('.panel svg').length") > 20
    sizes = "[...document.querySelectorAll('.panel svg')].map(svg => svg.getBoundingClientRect())"
    assert opened.evaluate(f"{sizes}.filter(box => box.width < 100 || box.height < 80).length") == 0


def test_the_page_does_not_scroll_sideways(opened):
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_no_words_of_a_picture_are_cut_off(opened):
    assert opened.evaluate(CUT_OFF) == []


def test_no_words_of_a_picture_overlap(opened):
    assert opened.evaluate(OVERLAPPING) == []


def test_no_long_name_of_many_classes_is_cut_off(browser, make_run, tmp_path):
    names = [f"Hymenoptera_Apidae_Bombus_蜜蜂_species_number_{i:02d}_seen_from_above" for i in range(30)]
    for model in ("cnn", "bnn"):
        make_run(tmp_path, model, drawn=False, num_examples=120, class_names=names, has_images=False)
    content = make_content(load_runs(tmp_path))
    sections = [
        dataclasses.replace(one, pictures=() if one.key != "classes" else one.pictures) for one in content.sections
    ]
    page = tmp_path / "index.html"
    page.write_text(render(dataclasses.replace(content, sections=sections), tmp_path), encoding="utf-8")
    for width in (1280, 390):
        browser.open(page, width)
        assert browser.evaluate("document.querySelectorAll('.panel svg').length") == 3
        assert browser.evaluate(CUT_OFF) == []
        assert browser.evaluate(OVERLAPPING) == []
        assert browser.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_dark_is_dark_and_prints_light(browser, grid_page, tmp_path):
    backgrounds = []
    for is_dark in (False, True):
        browser.open(grid_page, 390, is_dark=is_dark)
        colour = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        backgrounds.append(sum(map(int, re.findall(r"\d+", colour)[:3])))
    assert backgrounds[0] > 600
    assert backgrounds[1] < 150
    browser.print_pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.call("Emulation.setEmulatedMedia", media="", features=[])


def test_the_page_for_review_scrolls_its_table_alone(browser, tmp_path):
    name = "Hymenoptera_Apidae_Bombus_terrestris_seen_from_above"
    summary = Summary(
        num_images=2,
        num_errors=1,
        num_accepted=0,
        counts=[ClassCount(name, 1, 1.0, 0.0, 1.0)],
        to_review=[(f"{name}/{name}.jpg", Answer(name, 0.5, 0.7, 0.5, 0.2))],
        errors=[(f"{name}/{name}.png", Answer(error="Neither JPEG nor PNG."))],
    )
    card = {
        "model": "bnn",
        "class_names": [name],
        "num_test_examples": 50,
        "accepted": {"risk": 0.05, "threshold": 0.9, "test": {"num_accepted": 0, "accuracy": None}},
        "training": {"drawn": False, "n_per_class": 5},
    }
    browser.open(write_review(tmp_path, summary, card, lambda path: b"no image", Path("table.csv")), 390)
    assert browser.errors() == []
    assert list(browser.requests()) == []
    assert browser.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.evaluate("(box => box.scrollWidth > box.clientWidth)(document.querySelector('.scroll'))")
