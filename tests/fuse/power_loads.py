"""Programs that use a mount until the power fails: each says in the record of the disk what it is about to do and what
it was promised, so that for any moment it is known what has to be there."""

import copy
import os
import socket
import sqlite3
import struct
import subprocess
import threading
import time

SECTOR = 512
SECTORS_IN_PAGE = 8
PAGE = SECTOR * SECTORS_IN_PAGE
IDLE_SECONDS = 1.6  # after which a file without handles was brought to rest


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


class Load(threading.Thread):
    """`past`: what was promised, from what was said in the record. Works in a folder of its own."""

    def __init__(self, name, mark, chance, steps):
        super().__init__(name=name)
        self.tell = lambda text: mark(f"{name} {text}")
        self.chance = type(chance)(chance.random())
        self.steps = steps
        self.failed = None
        self.folder = None

    def start_in(self, directory):
        self.folder = os.path.join(directory, self.name)
        self.start()

    def run(self):
        try:
            os.mkdir(self.folder)
            sync_directory(os.path.dirname(self.folder))
            self.work()
        except Exception as e:  # pylint: disable=broad-except
            self.failed = e


class SectorPast:
    """All that each page may be, the promised first; and the file's size."""

    def __init__(self):
        self.pages = {}  # of (version of each sector)
        self.sizes = [0]
        self.is_named = False
        self.syncing = None

    def copy(self):
        return copy.deepcopy(self)

    def page(self, number):
        return self.pages.setdefault(number, [(0,) * SECTORS_IN_PAGE])

    def put(self, first, count, version):
        for number in range(first // SECTORS_IN_PAGE, (first + count - 1) // SECTORS_IN_PAGE + 1):
            page = self.page(number)
            at = number * SECTORS_IN_PAGE
            page.append(tuple(version if first <= at + i < first + count else old
                              for i, old in enumerate(page[-1])))

    def hear(self, text):
        words = text.split()
        numbers = [int(word) for word in words[1:]]
        if words[0] == "write":
            self.put(*numbers)
            self.sizes.append(max(self.sizes[-1], (numbers[0] + numbers[1]) * SECTOR))
        elif words[0] == "cut":
            self.sizes.append(numbers[0] * SECTOR)
            end = (max(self.pages, default=0) + 1) * SECTORS_IN_PAGE
            if end > numbers[0]:
                self.put(numbers[0], end - numbers[0], 0)
        elif words[0] == "sync":
            self.syncing = {number: len(page) - 1 for number, page in self.pages.items()}, len(self.sizes) - 1
        elif words[0] == "synced":
            self.is_named = True
            pages, size = self.syncing
            for number, index in pages.items():
                del self.pages[number][:index]
            del self.sizes[:size]


class SectorLoad(Load):
    """Writes sectors of one file, which say by which write they were made."""

    SIZE = 800  # sectors

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.past = SectorPast()

    def sync(self, fd):
        self.tell("sync")
        self.chance.choice((os.fsync, os.fdatasync))(fd)
        self.tell("synced")

    def work(self):
        path = os.path.join(self.folder, "file")
        for part in range(3):
            fd = os.open(path, os.O_RDWR | os.O_CREAT)
            if part == 0:
                sync_directory(self.folder)
            for step in range(self.steps // 3):
                self.change(fd, part * self.steps + step + 1)
            os.close(fd)
            time.sleep(IDLE_SECONDS if part < 2 else 0)

    def change(self, fd, version):
        if self.chance.random() < 0.15:
            self.sync(fd)
            return
        first = self.chance.randrange(self.SIZE)
        if self.chance.random() < 0.03:
            self.tell(f"cut {first}")
            os.ftruncate(fd, first * SECTOR)
            return
        count = min(self.SIZE - first, self.chance.choice((1, 1, 3, 8, 8, 16, 100)))
        self.tell(f"write {first} {count} {version}")
        data = b"".join(self.sector(index, version) for index in range(first, first + count))
        os.pwrite(fd, data, first * SECTOR)

    @staticmethod
    def sector(index, version):
        return struct.pack("<QQ", index, version) * (SECTOR // 16)

    def version(self, test, index, data):
        if data in (b"", bytes(SECTOR)):
            return 0
        version = struct.unpack_from("<QQ", data)[1]
        test.assertEqual(data, self.sector(index, version), f"sector {index} is torn")
        return version

    def check(self, test, state, past):
        path = os.path.join(state, self.name, "file")
        if not os.path.exists(path):
            test.assertFalse(past.is_named)
            return
        size = os.stat(path).st_size
        with open(path, "r+b") as file:
            data = file.read()
            test.assertEqual([len(data), os.fstat(file.fileno()).st_size], [size, size])
        test.assertTrue(size in past.sizes or (size % PAGE == 0 and min(past.sizes) < size < max(past.sizes)),
                        f"{size} bytes, not {past.sizes}")
        for number in range(max(self.SIZE // SECTORS_IN_PAGE, 1)):
            found = tuple(self.version(test, index, data[index * SECTOR:(index + 1) * SECTOR])
                          for index in range(number * SECTORS_IN_PAGE, (number + 1) * SECTORS_IN_PAGE))
            test.assertIn(found, past.page(number), f"page {number}")


class NamesPast:
    """What each name may stand for: the numbers of contents, None for nothing."""

    def __init__(self):
        self.possible = {}
        self.about = []

    def copy(self):
        return copy.deepcopy(self)

    def hear(self, text):
        words = text.split()
        if words[0] == "about":
            self.about = [(name, int(what) or None) for name, what in zip(words[1::2], words[2::2])]
            for name, what in self.about:
                self.possible.setdefault(name, {None}).add(what)
        else:
            for name, what in self.about:
                self.possible[name] = {what}


class NamesLoad(Load):
    """Replaces, moves, links and removes small files, each time until it is durable."""

    FOLDERS = ("one", "two")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.past = NamesPast()
        self.stands = {}  # name: number of its contents

    @staticmethod
    def contents(number):
        return f"{number} ".encode() * (number * 37 % 3000)

    def sync(self):
        for folder in self.FOLDERS:
            sync_directory(os.path.join(self.folder, folder))
        self.tell("durable")

    def work(self):
        for folder in self.FOLDERS:
            os.mkdir(os.path.join(self.folder, folder))
        sync_directory(self.folder)
        for step in range(1, self.steps + 1):
            name, other = (f"{self.chance.choice(self.FOLDERS)}/{self.chance.choice('abcdef')}" for _ in range(2))
            if name not in self.stands or self.chance.random() < 0.5:
                self.put(name, step)
            elif self.chance.random() < 0.3 or name == other:
                self.remove(name)
            elif other in self.stands or self.chance.random() < 0.7:
                self.move(name, other)
            else:
                self.link(name, other)

    def at(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, number):
        self.tell(f"about {name} {number}")
        with open(self.at("one/new"), "wb") as file:
            file.write(self.contents(number))
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.at("one/new"), self.at(name))
        self.stands[name] = number
        self.sync()

    def remove(self, name):
        self.tell(f"about {name} 0")
        os.unlink(self.at(name))
        del self.stands[name]
        self.sync()

    def move(self, name, other):
        if self.stands[name] == self.stands.get(other):
            return  # links of one file: a rename does nothing
        self.tell(f"about {name} 0 {other} {self.stands[name]}")
        os.rename(self.at(name), self.at(other))
        self.stands[other] = self.stands.pop(name)
        self.sync()

    def link(self, name, other):
        self.tell(f"about {other} {self.stands[name]}")
        os.link(self.at(name), self.at(other))
        self.stands[other] = self.stands[name]
        self.sync()

    def check(self, test, state, past):
        found = {}
        for folder in self.FOLDERS:
            directory = os.path.join(state, self.name, folder)
            for name in os.listdir(directory) if os.path.isdir(directory) else ():
                with open(os.path.join(directory, name), "rb") as file:
                    found[f"{folder}/{name}"] = file.read()
        found.pop("one/new", None)
        for name, possible in past.possible.items():
            data = found.pop(name, None)
            test.assertIn(data, [None if number is None else self.contents(number) for number in possible], name)
        test.assertEqual(found, {})


class CountedPast:
    """Things are done one after another: how many were begun, and how many acknowledged."""

    def __init__(self):
        self.begun = self.done = 0

    def copy(self):
        return copy.copy(self)

    def hear(self, text):
        if text == "begin":
            self.begun += 1
        else:
            self.done += 1


class SqliteLoad(Load):
    """Commits to a database; its name is the journal mode."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.past = CountedPast()

    def open(self, directory):
        database = sqlite3.connect(os.path.join(directory, "db"), timeout=30, isolation_level=None)
        database.execute("pragma synchronous=extra")
        return database

    def work(self):
        database = self.open(self.folder)
        database.execute(f"pragma journal_mode={self.name}")
        database.execute("pragma wal_autocheckpoint=40")
        self.tell("begin")
        database.executescript("begin; create table t (number integer, filler text); create index i on t (filler);"
                               "create table count (n integer); insert into count values (0); commit;")
        self.tell("done")
        for number in range(1, self.steps):
            filler = f"{self.chance.random()}" * self.chance.randrange(1, 60)
            self.tell("begin")
            database.execute("begin")
            database.execute("insert into t values (?, ?)", (number, filler))
            database.execute("update t set filler=? where number=?", (filler[::-1], number // 2))
            database.execute("update count set n=?", (number,))
            database.execute("commit")
            self.tell("done")
        database.close()

    def check(self, test, state, past):
        directory = os.path.join(state, self.name)
        if past.done == 0 and not os.path.isdir(directory):
            return
        database = self.open(directory)
        test.assertEqual(database.execute("pragma integrity_check").fetchall(), [("ok",)])
        if past.done > 0 or database.execute("select count(*) from sqlite_master").fetchone()[0] > 0:
            numbers = [number for (number,) in database.execute("select number from t order by number")]
            test.assertEqual(numbers, list(range(1, len(numbers) + 1)))
            test.assertEqual(database.execute("select n from count").fetchall(), [(len(numbers),)])
            test.assertTrue(past.done <= len(numbers) + 1 <= past.begun, f"{len(numbers)} of {past.done}")
            database.execute("insert into t values (0, 'goes on')")
        database.close()


class LogLoad(Load):
    """Appends lines to a file of kind log, and syncs each of them."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.past = CountedPast()

    @staticmethod
    def line(number):
        return b"%d " % number * (number % 90) + b"\n"

    def work(self):
        with open(os.path.join(self.folder, "f.log"), "ab", buffering=0) as file:
            sync_directory(self.folder)
            for number in range(self.steps):
                self.tell("begin")
                file.write(self.line(number))
                os.fdatasync(file.fileno())
                self.tell("done")

    def check(self, test, state, past):
        path = os.path.join(state, self.name, "f.log")
        if past.done == 0 and not os.path.exists(path):
            return
        size = os.stat(path).st_size
        with open(path, "rb") as file:
            lines = file.read()
        test.assertEqual(len(lines), size)
        at_least = b"".join(map(self.line, range(past.done)))
        test.assertTrue(lines.startswith(at_least), "what was acknowledged is not there")
        test.assertTrue((at_least + self.line(past.done)).startswith(lines), "something was never appended")
        with open(path, "ab") as file:
            file.write(b"goes on")
        test.assertEqual(os.stat(path).st_size, len(lines) + len(b"goes on"))


class BlocksLoad(Load):
    """Writes files of kind blocks, each once."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.past = CountedPast()

    @staticmethod
    def contents(number):
        return b"%d " % number * (number * 531 % 4000 + 1)

    def work(self):
        for number in range(self.steps):
            self.tell("begin")
            with open(os.path.join(self.folder, f"{number}.sst"), "wb") as file:
                file.write(self.contents(number))
                file.flush()
                os.fsync(file.fileno())
            sync_directory(self.folder)
            self.tell("done")

    def check(self, test, state, past):
        for number in range(past.begun):
            path = os.path.join(state, self.name, f"{number}.sst")
            if number < past.done:
                with open(path, "rb") as file:
                    test.assertTrue(file.read() == self.contents(number), f"{number}.sst is not as it was synced")
            elif os.path.exists(path):
                # Nobody was promised anything: but there is a way to go on.
                with open(path, "wb") as file:
                    file.write(b"anew")
                with open(path, "rb") as file:
                    test.assertEqual(file.read(), b"anew")


class RedisLoad(Load):
    """Sets keys, one after another, in an append-only file."""

    REWRITE_EVERY = 60
    CHECKED_EVERY = 10  # it takes a moment to start

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.past = CountedPast()
        self.checks = 0

    def work(self):
        with Redis(self.folder) as server:
            sync_directory(self.folder)  # which Redis makes a directory in, and trusts to stay
            for number in range(self.steps):
                self.tell("begin")
                answer = server.ask("SET", f"key{number}", "v" * (number % 300))
                if answer != "+OK":
                    raise OSError(answer)
                self.tell("done")
                if number % self.REWRITE_EVERY == self.REWRITE_EVERY // 2:
                    server.ask("BGREWRITEAOF")

    def check(self, test, state, past):
        self.checks += 1
        directory = os.path.join(state, self.name)
        if self.checks % self.CHECKED_EVERY != 0 or not os.path.isdir(directory):
            return
        with Redis(directory) as server:
            count = int(server.ask("DBSIZE")[1:])
            test.assertTrue(past.done <= count <= past.begun, f"{count} of {past.done}")
            for number in (0, count // 2, count - 1) if count else ():
                test.assertEqual(server.ask("STRLEN", f"key{number}"), f":{number % 300}")
            test.assertEqual(server.ask("SET", "goes", "on"), "+OK")


class Redis:
    """A server of a directory. With `with`, as it is killed at the end."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def __init__(self, directory):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", directory, "--appendonly", "yes",
             "--appendfsync", "always", "--save", "", "--loglevel", "warning"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while self.answer_or_none("PING") != "+PONG":
            if self.process.poll() is not None:
                raise OSError(f"Redis has ended: {self.process.communicate()[0]}")
            time.sleep(0.02)

    def answer_or_none(self, *words):
        try:
            return self.ask(*words)
        except OSError:
            return None

    def ask(self, *words):
        """A command's first line of answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode())
                                                                    for word in words))
            return connection.makefile("rb").readline().decode().strip()
