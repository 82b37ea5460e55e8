"""A browser that opens a report and a demo whose description names pictures elsewhere: elsewhere, nobody asks."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium.webdriver.support.ui import WebDriverWait
from support.served_page import served

from hf_capacity.report import write_report


pytestmark = pytest.mark.slow


@pytest.fixture
def outside():
    """A server that writes down what it is asked for."""

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_nothing_is_asked_of_the_outside(half_trained, chrome, outside, tmp_path):
    study = shutil.copytree(half_trained["both"].parent, tmp_path / "half_trained")
    address = f"http://127.0.0.1:{outside.server_port}"
    description = f"Words ![a]({address}/a.png) <img src='{address}/b.png'> <style>@import '{address}/c'</style>"
    (study / "study.yaml").write_text(json.dumps({"study": "half_trained", "description": description}))
    write_report(study)
    with served(study) as page:
        for url in ((study / "report.html").as_uri(), page):
            chrome.get(url)
            WebDriverWait(chrome, 30).until(lambda chrome: "Words" in chrome.page_source)
            chrome.execute_async_script("setTimeout(arguments[0], 1000)")
    assert outside.asked == []
    chrome.get(f"{address}/reached")
    assert "/reached" in outside.asked
