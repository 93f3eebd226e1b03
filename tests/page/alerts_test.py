"""The alert rules and the dashboard of packaging/monitoring: what they ask for is there, and alerts come when they
should, by Prometheus' own tool."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scenes import Scenes  # noqa: E402

from harness import main  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MONITORING = os.path.join(ROOT, "packaging", "monitoring")


def text_of(name):
    with open(os.path.join(MONITORING, name), encoding="utf-8") as file:
        return file.read()


class Alerts(Scenes):
    def promtool(self, *words, stdin=b""):
        program = shutil.which("promtool")
        self.assertIsNotNone(program, "promtool is not installed: ./setup --tests all")
        done = self.run_program([program, *words], stdin=stdin)
        self.assertEqual(done.status, 0, done)
        return done

    def test_rules_and_dashboard_name_metrics_that_an_agent_serves(self):
        self.serve_page()
        self.begin_rewriting()
        served = set(self.metrics().names)
        texts = {name: text_of(name) for name in os.listdir(MONITORING)}
        self.assertEqual(len(texts), 3)
        for name, text in texts.items():
            named = set(re.findall(r"\bcoffer_[a-z_]+\b", text))
            self.assertGreater(len(named), 5, name)
            self.assertEqual(named - served, set(), name)

    def test_prometheus_takes_what_is_served(self):
        self.serve_page()
        self.begin_rewriting()
        self.begin_outage()
        self.promtool("check", "metrics", stdin=self.ask("/metrics")[2].encode())

    def test_alerts_come_when_they_should_and_not_before(self):
        self.promtool("check", "rules", os.path.join(MONITORING, "coffer.rules.yml"))
        self.promtool("test", "rules", os.path.join(MONITORING, "coffer.rules.test.yml"))

    def test_every_alert_is_explained(self):
        alerts = re.findall(r"- alert: (\w+)", text_of("coffer.rules.yml"))
        with open(os.path.join(ROOT, "docs", "monitoring.md"), encoding="utf-8") as file:
            explained = re.findall(r"^\| `(Coffer\w+)`", file.read(), re.MULTILINE)
        self.assertEqual(sorted(alerts), sorted(explained))

    def test_prometheus_understands_every_question_of_the_dashboard(self):
        board = json.loads(text_of("coffer.dashboard.json"))
        places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
        self.assertEqual(len(places), len(set(places)))
        questions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        self.assertGreater(len(questions), 10)
        rules = [{"record": f"question:{number}", "expr": each.replace("$instance", ".*")}
                 for number, each in enumerate(questions)]
        # JSON is YAML.
        path = self.write("rules.yml", json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}).encode())
        self.promtool("check", "rules", path)

    def test_no_page_shows_a_figure_that_is_not_there(self):
        figures = {os.path.basename(path) for path in glob.glob(os.path.join(ROOT, "docs", "figures", "status-*.png"))}
        with open(os.path.join(ROOT, "docs", "monitoring.md"), encoding="utf-8") as file:
            self.assertEqual(set(re.findall(r"figures/(status-[a-z]+\.png)", file.read())), figures)


if __name__ == "__main__":
    main()
