"""The page in a real browser: an image is chosen or dropped, and class, stage and milliseconds appear."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bundled import bundled
from s2dnas.runtime import Bundle, Session
from s2dnas.serving.picture import picture
from served import serving

STATS = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
NAMES = ("cat", "dog", "<b>owl</b>")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
OPTIONS += ["--disable-background-networking", "--disable-component-update", "--window-size=900,800"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, of the group dev")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as browser:
        yield browser


@pytest.fixture(scope="module")
def session() -> Session:
    bundle = bundled("residual").bundle
    told = bundle.manifest.model_copy(update={"normalisation": STATS, "class_names": NAMES})
    return Session(Bundle(bundle.folder, told))


@pytest.fixture
def page(browser: Any, session: Session) -> Iterator[None]:
    with serving(session.bundle, session) as address:
        browser.get(address.url)
        yield


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{seed}.png" for seed in range(2)]
    for seed, path in enumerate(paths):
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)).save(path)
    return paths


def text(browser: Any, name: str) -> str:
    return str(browser.find_element("id", name).text)


def wait(browser: Any, holds: Any) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 20).until(lambda _: holds())


def expected(session: Session, path: Path, point: str) -> tuple[str, str, str]:
    answers = session(picture(path.read_bytes(), session.bundle.manifest), point)
    return NAMES[int(answers.labels[0])], f"{answers.scores[0]:.3f}", f"{answers.stages[0] + 1} of 3"


def shown(browser: Any) -> tuple[str, str, str]:
    return text(browser, "class"), text(browser, "score"), text(browser, "stage")


@pytest.mark.usefixtures("page")
def test_a_chosen_image_is_answered_at_the_chosen_point(browser: Any, session: Session, files: list[Path]) -> None:
    from selenium.webdriver.support.select import Select

    assert text(browser, "title") == "net: a network of 3 stages"
    for path in files:
        browser.find_element("id", "file").send_keys(str(path))
        wait(browser, lambda path=path: shown(browser) == expected(session, path, "margin"))
    assert float(text(browser, "milliseconds")) > 0
    for point in ("surest", "entropy"):
        Select(browser.find_element("id", "point")).select_by_visible_text(point)
        wait(browser, lambda point=point: shown(browser) == expected(session, files[1], point))
        wait(browser, lambda point=point: text(browser, "thresholds") == f"those of '{point}'")
    assert browser.get_log("browser") == []


DROP = """
const [zone, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
for (const name of ["dragenter", "dragover", "drop"]) {
  zone.dispatchEvent(new DragEvent(name, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}
"""


@pytest.mark.usefixtures("page")
def test_a_dropped_image_is_answered(browser: Any, session: Session, files: list[Path]) -> None:
    zone = browser.find_element("id", "drop")
    browser.execute_script(DROP, zone, base64.b64encode(files[0].read_bytes()).decode())
    wait(browser, lambda: shown(browser) == expected(session, files[0], "margin"))
    assert browser.find_element("id", "image").is_displayed()


@pytest.mark.usefixtures("page")
def test_what_is_no_image_is_said_to_be_none(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    browser.find_element("id", "file").send_keys(str(tmp_path / "text.png"))
    wait(browser, lambda: "no image that can be read" in text(browser, "error"))
    assert not browser.find_element("id", "result").is_displayed()


def test_a_server_that_is_gone_is_said_to_be(browser: Any, session: Session, files: list[Path]) -> None:
    with serving(session.bundle, session) as address:
        browser.get(address.url)
    browser.find_element("id", "file").send_keys(str(files[0]))
    wait(browser, lambda: "does not answer" in text(browser, "error"))
