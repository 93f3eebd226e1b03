"""A real Chromium without a window, told what to do by the DevTools protocol over a pipe."""

import base64
import json
import os
import shutil
import subprocess

TIMEOUT_S = 60
PROGRAM = "chromium-headless-shell"


class Browser:
    def __init__(self, directory):
        program = shutil.which(PROGRAM)
        if program is None:
            raise FileNotFoundError(f"{PROGRAM} is not installed: ./setup --tests all")
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()
        # It reads from 3 and writes to 4; as root it has no sandbox of its own.
        words = ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "-", program, "--no-sandbox",
                 "--remote-debugging-pipe", f"--user-data-dir={directory}/browser", "--no-proxy-server",
                 "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
                 "--force-color-profile=srgb", "--disable-lcd-text", "about:blank"]
        self.process = subprocess.Popen(words, pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.reader = os.fdopen(self.answers, "rb")
        self.last = 0
        self.unread = b""

    def end(self):
        os.close(self.commands)
        self.reader.close()
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT_S)

    def receive(self):
        while b"\0" not in self.unread:
            more = self.reader.read1(65536)
            if not more:
                raise EOFError("the browser is gone")
            self.unread += more
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, events=None, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            if events is not None and "method" in answer:
                events.append(answer)


class Tab:
    """A page that was opened, and everything that happened to it since."""

    def __init__(self, browser, width, dark=False, script=True):
        self.browser, self.events, self.width = browser, [], width
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.target = target
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        if not script:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, self.events, **parameters)

    def open(self, url):
        begun = len(self.events)
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[begun:]):
            self.events.append(self.browser.receive())

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def complaints(self):
        """What a developer would see in red: errors, refusals of the content's policy, dialogs."""
        return [event for event in self.events
                if event["method"] in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening")
                or (event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error")
                or (event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] == "error")]

    def asked(self):
        """Every address that was asked for."""
        return [event["params"]["request"]["url"] for event in self.events
                if event["method"] == "Network.requestWillBeSent"]

    def picture(self, height_max):
        """PNG, of the page's top."""
        height = self.evaluate("Math.ceil(document.documentElement.getBoundingClientRect().height)")
        return base64.b64decode(self.call(
            "Page.captureScreenshot", captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": self.width, "height": min(height, height_max), "scale": 1})["data"])

    def roles(self):
        """What a screen reader is told: (role, name), in order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
                if not node.get("ignored")]
