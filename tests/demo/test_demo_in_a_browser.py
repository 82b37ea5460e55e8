"""The page in a real browser, as a person has it: typed into, scrubbed, on a phone and on a desktop."""

import json
import shutil
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from support.served_page import served


# They need a browser and a study in training.
pytestmark = pytest.mark.slow

BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome", "chrome"), ("chromedriver",)
PATIENCE = 30
PHONE, DESKTOP = 390, 1280


def found(names, package):
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.fail(
            f"none of {', '.join(names)} is installed, and the page is tested in a real browser: "
            f"install {package}, for instance `apt-get install chromium chromium-driver`."
        )
    return path


@pytest.fixture(scope="module")
def address(half_trained):
    with served(half_trained["both"].parent) as address:
        yield address


@pytest.fixture(scope="module", params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def chrome(request):
    browser, driver = found(BROWSERS, "Chromium"), found(DRIVERS, "its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    # The sandbox needs rights that a container may not have; what is opened is our own page.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver)) as chrome:
        screen = {"width": request.param, "height": 900, "deviceScaleFactor": 1, "mobile": request.param == PHONE}
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        yield chrome


@pytest.fixture
def page(chrome, address):
    """The page, freshly opened; what it did behind the scenes is seen to at the end."""
    page = Page(chrome, address)
    yield page
    assert [entry["message"] for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert page.hosts_asked() == {urlsplit(address).hostname}
    assert page.overflow() <= 0


class Page:
    """What a person does on the page, and what they see."""

    def __init__(self, chrome, address):
        self.chrome = chrome
        chrome.get(address)
        self.wait_until(lambda: chrome.find_elements("css selector", ".rung"))

    def find(self, selector):
        return self.chrome.find_element("css selector", selector)

    def wait_until(self, condition):
        return WebDriverWait(self.chrome, PATIENCE).until(lambda _: condition())

    def text(self, selector):
        # At once: between two calls the page may put other answers in their place.
        return self.chrome.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def ask(self, prompt):
        box = self.find(".prompt input")
        box.send_keys(Keys.CONTROL + "a", Keys.NULL, Keys.BACKSPACE, prompt, Keys.ENTER)

    def overflow(self):
        """By how many pixels something reaches beyond the screen; wide tables scroll by themselves."""
        return self.chrome.execute_script(
            "const parts = [...document.querySelectorAll('main *')].filter(part => !part.closest('.wide'));"
            "const reach = Math.max(...parts.map(part => part.getBoundingClientRect().right));"
            "return Math.max(reach, document.documentElement.scrollWidth) - window.innerWidth"
        )

    def hosts_asked(self):
        events = [json.loads(entry["message"])["message"] for entry in self.chrome.get_log("performance")]
        urls = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        return {urlsplit(url).hostname for url in urls if not url.startswith("data:")}


def test_a_prompt_is_answered_character_by_character(page):
    page.ask("<3+4=")
    page.wait_until(lambda: "<3+4=" in page.text(".status"))
    assert "has the right answer 7" in page.text(".status")
    assert "n56" in page.text(".rung header")
    assert "seen in training" in page.text(".verdict")
    assert page.text(".verdict strong") in ("✓ right", "✗ wrong")
    bars = page.chrome.execute_script(
        "return [...document.querySelectorAll('.written li')].map(item => [item.querySelector('span').innerText,"
        " parseFloat(getComputedStyle(item.querySelector('i'), '::after').height)"
        " / item.querySelector('i').clientHeight])"
    )
    assert bars
    for percent, height in bars:
        assert abs(int(percent.removesuffix("%")) / 100 - height) < 0.02  # told as a number and as a height


def test_the_slider_goes_through_the_kept_checkpoints(page):
    late = page.text(".written")
    assert "At the end of training, after 600 steps" in page.text(".when")
    slider = page.find(".checkpoint input[type=range]")
    slider.send_keys(Keys.ARROW_LEFT)
    page.wait_until(lambda: "After 50 of 600 training steps" in page.text(".when"))
    assert page.text(".written") != late
    slider.send_keys(Keys.ARROW_RIGHT)
    page.wait_until(lambda: "At the end of training" in page.text(".when"))
    assert page.text(".written") == late


def test_another_training_set_brings_its_own_questions_and_figure(page):
    assert "facts (recall)" not in page.text(".legend")
    page.find("[data-testid='capitals-radio-label']").click()
    page.wait_until(lambda: "facts (recall)" in page.text(".legend"))
    assert page.text(".gallery-item").startswith("fact: Capital of ")
    page.find("[data-testid='both-radio-label']").click()
    page.wait_until(lambda: "withheld" in page.text(".gallery"))
    page.find(".gallery-item").click()
    page.wait_until(lambda: "withheld in training" in page.text(".verdict"))
    assert page.find(".prompt input").get_attribute("value").startswith("<")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", "The prompt is empty"),
        ("${1+1}<b>é", "'$b{}é' in '${1+1}<b>é' is outside the alphabet"),
        ("<1+1=2>" * 40, "The models read its last 9 characters of 280."),
    ],
)
def test_what_cannot_be_answered_is_told_on_the_page(page, prompt, words):
    page.ask(prompt)
    page.wait_until(lambda: words in page.text(".fault") + page.text(".status"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(chrome, address, scheme):
    preferred = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": preferred})
    Page(chrome, address)
    for text in (
        ".status",
        ".when",
        ".rung h3",
        ".rung header span",
        ".written span",
        ".verdict strong",
        "figcaption",
    ):
        assert chrome.execute_script(CONTRAST, text) > 4.5, text


# WCAG's contrast of a text's colour with the first ground behind it that can be seen.
CONTRAST = """
const luminance = colour => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d');
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data]
    .map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const text = document.querySelector(arguments[0]);
const groundOf = element => getComputedStyle(element).backgroundColor;
let ground = text;
while (ground.parentElement && /rgba\\(.*, 0\\)/.test(groundOf(ground))) ground = ground.parentElement;
const [a, b] = [getComputedStyle(text).color, groundOf(ground)].map(luminance);
return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
"""
