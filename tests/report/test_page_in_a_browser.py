"""The report's page in a real browser: on a phone and a desktop, light and dark, with and without script, on paper."""

import base64
import io
import unicodedata

import pytest
from pypdf import PdfReader
from selenium.webdriver.support.ui import Select, WebDriverWait
from support.made_records import add_runs, arithmetic

from hf_capacity.report import write_report


pytestmark = pytest.mark.slow  # they need a browser

PHONE, DESKTOP = 390, 1440
PATIENCE = 60
# Of the main table, sizes down: extrapolation sorts the other way round.
RIGHT = {"n14": [4, 4, 3, 4, 4], "n28": [3, 2, 3, 2, 3], "n56": [0, 0, 1, 0, 0]}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    study = tmp_path_factory.mktemp("runs") / "three_sizes"
    for model, counts in RIGHT.items():
        add_runs(study, "arithmetic", model, list(map(arithmetic, counts)))
    write_report(study)
    return study / "report.html"


def opened(chrome, report, width=DESKTOP, scheme="light", anchor=""):
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chrome.get("about:blank")
    chrome.get(f"{report.as_uri()}{anchor}")
    wait_until(chrome, "document.documentElement.dataset.ready")


def wait_until(chrome, condition):
    WebDriverWait(chrome, PATIENCE).until(lambda chrome: chrome.execute_script(f"return {condition}"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_answer_is_on_the_first_screen_and_figures_below(chrome, report, width, scheme):
    opened(chrome, report, width, scheme, "#last-checkpoint")
    assert [entry for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"] == []
    asked = [entry["message"] for entry in chrome.get_log("performance") if "requestWillBeSent" in entry["message"]]
    assert not [message for message in asked if "http:" in message or "https:" in message]
    assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    answer = "document.querySelector('#the-answer li').getBoundingClientRect().bottom + scrollY"
    assert chrome.execute_script(f"return {answer}") < 900
    assert chrome.execute_script("return document.querySelectorAll('.chart svg .mark-symbol path').length") > 10
    # The address opens what is folded, and its rates stand before its counts.
    rates = "[...document.querySelectorAll('#last-checkpoint tbody tr:first-child td')].map(td => td.offsetLeft)"
    assert chrome.execute_script("return document.querySelector('#last-checkpoint').closest('details').open")
    assert chrome.execute_script(f"return {rates}")[3] < width - 60
    ground, ink = chrome.execute_script(
        "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
    )
    assert (sum(map(int, ground[4:-1].split(","))) < sum(map(int, ink[4:-1].split(",")))) == (scheme == "dark")


def test_tables_sort_and_search_and_lead_to_learning_curves(chrome, report):
    opened(chrome, report, PHONE, anchor="#last-checkpoint")
    models = "[...document.querySelectorAll('#last-checkpoint tbody tr td:nth-child(2)')].map(td => td.innerText)"
    assert chrome.execute_script(f"return {models}") == ["n14", "n28", "n56", "floor"]
    chrome.execute_script(
        "const table = document.querySelector('#last-checkpoint table');"
        "table.closest('.wide').scrollLeft = 200; table.querySelectorAll('th button')[3].click()"
    )
    [ascending] = chrome.find_elements("css selector", ".dtcc-button_orderAsc")
    ascending.click()
    sorted_models = chrome.execute_script(f"return {models}")
    assert [model for model in sorted_models if model != "floor"] == ["n56", "n28", "n14"]
    first = "document.querySelector('#last-checkpoint tbody td').getBoundingClientRect().left"
    assert chrome.execute_script(f"return {first}") >= 0, "the first column stays"
    search = chrome.find_element("css selector", "#last-checkpoint input[type=search]")
    search.send_keys("n28")
    wait_until(chrome, f"{models}.length == 1")
    choice = Select(chrome.find_element("css selector", "#curves select"))
    assert choice.first_selected_option.text == "n14 trained on arithmetic"
    chrome.execute_script("document.querySelector('#last-checkpoint a[data-cell]').click()")
    wait_until(chrome, "document.querySelector('#curves select').value.startsWith('n28')")
    assert chrome.execute_script("return location.hash") == "#curves"
    # A mark says what it stands for.
    label = "document.querySelector('#sizes .mark-symbol path').getAttribute('aria-label')"
    assert "model_seed" not in chrome.execute_script(f"return {label}")
    assert "arithmetic-n14-s1-" in chrome.execute_script(f"return {label}")


def test_paper_loses_nothing(chrome, report):
    opened(chrome, report)
    printed = chrome.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(base64.b64decode(printed["data"]))).pages)
    table = report.with_suffix(".md").read_text(encoding="utf-8").split("## Last checkpoint\n\n")[1].split("\n\n")[0]
    squeezed = "".join(unicodedata.normalize("NFKC", words).split())  # "fl" is one letter in print
    for line in table.splitlines()[:1] + table.splitlines()[2:]:
        for cell in line.split("|")[1:-1]:
            assert "".join(cell.replace("*", "").split()) in squeezed
    assert "Joshua Barron" in words, "the last of what is folded"


def test_without_script_it_reads_all_the_same(chrome, report):
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    chrome.get(report.as_uri())
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "falls" in chrome.find_element("id", "the-answer").text
    assert not chrome.find_element("id", "explore").is_displayed()
    details = chrome.find_element("css selector", "details.part")
    details.find_element("css selector", "summary").click()
    assert details.find_element("css selector", "table").is_displayed()
