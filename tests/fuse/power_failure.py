"""What a power failure may leave of a directory, from a record of all that was changed and synced in it.

The model is POSIX without favours from any file system, as that of tests/support/memory_disk.h: a sync makes a file's
bytes and size durable but not its name, that of a directory its names but no bytes; nothing else does. A rename is one
step. What was not synced may be lost as a whole, from some moment on, or piece by piece in any order.
"""

import os
import struct

RECORD = struct.Struct("<IBQQQ")  # size, what, node, other, number: disk_record.cc
SECTOR = 512
BLOCK = 4096
MARK = ord("M")
KINDS = ("dropped", "torn", "reordered", "reordered")


def mark(file, text):
    """Appends to the record `file` what a program has been promised, or is about to do, at this moment."""
    os.write(file, RECORD.pack(len(text), MARK, 0, 0, 0) + text.encode())


def records(path):
    """(what, node, other, number, bytes) of each."""
    with open(path, "rb") as file:
        while head := file.read(RECORD.size):
            size, what, node, other, number = RECORD.unpack(head)
            yield chr(what), node, other, number, file.read(size)


class Data:
    """What stands in a file. Journals begin far behind what they belong to: blocks of zeros are not kept."""

    def __init__(self, data=b""):
        self.size = 0
        self.blocks = {}
        self.write(0, data)

    def copy(self):
        out = Data()
        out.size = self.size
        out.blocks = dict(self.blocks)
        return out

    def write(self, offset, data):
        end = offset + len(data)
        self.size = max(self.size, end)
        for at in range(offset // BLOCK * BLOCK, end, BLOCK):
            first, last = max(offset, at), min(end, at + BLOCK)
            old = self.blocks.get(at, bytes(BLOCK))
            self.blocks[at] = old[:first - at] + data[first - offset:last - offset] + old[last - at:]

    def resize(self, size):
        self.size = size
        for at in [at for at in self.blocks if at >= size]:
            del self.blocks[at]
        last = size // BLOCK * BLOCK
        if last in self.blocks:
            self.blocks[last] = self.blocks[last][:size - last].ljust(BLOCK, b"\0")

    def put(self, path):
        with open(path, "wb") as file:
            for at, block in self.blocks.items():
                file.seek(at)
                file.write(block)
            file.truncate(self.size)


class Node:
    """A file or a directory as it durably is; of a directory also the names that programs see."""

    def __init__(self, is_directory):
        self.is_directory = is_directory
        self.now = {}
        self.durable = {} if is_directory else Data()


class Change:
    """Not durable yet: bytes of a file, its size, or names that change together."""

    def __init__(self, node=None, offset=0, data=None, names=()):
        self.node = node
        self.offset = offset
        self.data = data  # None: the size becomes `offset`
        self.names = list(names)  # (directory, name, node or None)

    def makes_durable(self, node):
        return self.node is node or any(directory is node for directory, _, _ in self.names)


class Disk:
    """Follows a record; at any moment, image() is what a machine might find that lost power then."""

    def __init__(self, directory):
        """`directory` as it is, all of it durable."""
        self.nodes = {}
        self.pending = []
        self.syncs = {}  # number: changes that it will have made durable
        self.root = self.take_in(directory)

    def take_in(self, path):
        number = os.stat(path).st_ino
        if number in self.nodes:
            return self.nodes[number]
        node = self.nodes[number] = Node(os.path.isdir(path))
        if node.is_directory:
            node.now = {name: self.take_in(os.path.join(path, name)) for name in os.listdir(path)}
            node.durable = dict(node.now)
        else:
            with open(path, "rb") as file:
                node.durable = Data(file.read())
        return node

    def follow(self, what, number_of_node, other, number, data):
        node = self.nodes.get(number_of_node)
        if what == "w":
            self.pending.append(Change(node, number, data))
        elif what == "t":
            self.pending.append(Change(node, number))
        elif what in "fdl":
            if what != "l":
                self.nodes[other] = Node(what == "d")
            self.change_names((node, data.decode(), self.nodes[other]))
        elif what == "u":
            self.change_names((node, data.decode(), None))
        elif what == "r":
            old_name, name = data[:number].decode(), data[number:].decode()
            moved = node.now[old_name]
            self.change_names((node, old_name, None), (self.nodes[other], name, moved))
        elif what == "s":
            self.syncs[number] = [change for change in self.pending if change.makes_durable(node)]
        elif what == "S":
            self.make_durable(self.syncs.pop(number))

    def change_names(self, *names):
        for directory, name, node in names:
            directory.now.pop(name, None)
            if node is not None:
                directory.now[name] = node
        self.pending.append(Change(names=names))

    def make_durable(self, changes):
        made = set(map(id, changes))
        for change in self.pending:
            if id(change) in made:
                self.apply(change, lambda node: node.durable)
        self.pending = [change for change in self.pending if id(change) not in made]

    @staticmethod
    def apply(change, of):
        for directory, name, node in change.names:
            of(directory).pop(name, None)
            if node is not None:
                of(directory)[name] = node
        if change.node is not None and change.data is not None:
            of(change.node).write(change.offset, change.data)
        elif change.node is not None:
            of(change.node).resize(change.offset)

    def image(self, kind, chance):
        """{path: its Data, or None of a directory}. What is one file by two names is one object."""
        contents = {}

        def of(node):
            if node not in contents:
                contents[node] = node.durable.copy()
            return contents[node]

        torn_at = chance.randrange(len(self.pending) + 1)
        for index, change in enumerate(self.pending):
            if kind == "torn" and index < torn_at:
                self.apply(change, of)
            elif kind == "torn" and index == torn_at and change.data:
                self.tear(of(change.node), change, chance)
            elif kind == "reordered" and change.data:
                self.scatter(of(change.node), change, chance)
            elif kind == "reordered" and chance.random() < 0.5:
                self.apply(change, of)
        found = {}
        self.collect("", self.root, of, found)
        return found

    @staticmethod
    def tear(data, change, chance):
        """Anywhere where the file ends then; elsewhere between two sectors."""
        end = change.offset + chance.randrange(len(change.data) + 1)
        if end < data.size:
            end = max(end // SECTOR * SECTOR, change.offset)
        data.write(change.offset, change.data[:end - change.offset])

    @staticmethod
    def scatter(data, change, chance):
        """Each sector by itself; where none arrived the file has grown all the same, or has not."""
        end = change.offset + len(change.data)
        if data.size < end and chance.random() < 0.5:
            data.resize(end)
        at = change.offset
        while at < end:
            sector_end = min((at // SECTOR + 1) * SECTOR, end)
            if chance.random() < 0.5:
                data.write(at, change.data[at - change.offset:sector_end - change.offset])
            at = sector_end

    def collect(self, path, node, of, found):
        for name, child in of(node).items():
            where = f"{path}/{name}" if path else name
            found[where] = None if child.is_directory else of(child)
            if child.is_directory:
                self.collect(where, child, of, found)


def lay_out(image, directory):
    """Makes the files of an image."""
    os.makedirs(directory, exist_ok=True)
    first = {}  # the name of each file's Data
    for path, data in image.items():
        where = os.path.join(directory, path)
        if data is None:
            os.mkdir(where)
        elif id(data) in first:
            os.link(first[id(data)], where)
        else:
            first[id(data)] = where
            data.put(where)
