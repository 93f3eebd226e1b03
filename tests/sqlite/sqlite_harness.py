"""Databases of Coffer's through Debian's own sqlite3: the vocabulary of the tests beside this file."""

import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from harness import CliTest, main, seed  # noqa: E402,F401

EXTENSION = os.environ["COFFER_SQLITE"]  # ctest sets it: coffer_sqlite.so


def load():
    """Once, for all connections of this process."""
    connection = sqlite3.connect(":memory:")
    connection.enable_load_extension(True)
    connection.load_extension(EXTENSION)
    connection.close()


def uri(coffer, path, more=""):
    return f"file:{path}?vfs=coffer&coffer={coffer}{more}"


def connect(coffer, path, more=""):
    return sqlite3.connect(uri(coffer, path, more), uri=True, isolation_level=None, timeout=60)


class SqliteTest(CliTest):

    @classmethod
    def setUpClass(cls):
        load()

    def setUp(self):
        super().setUp()
        self.make_coffer()
        os.mkdir(self.path("db"))

    def open(self, name="x.db", more=""):
        connection = connect(self.path("c.coffer"), self.path("db", name), more)
        self.addCleanup(connection.close)
        return connection
