"""The plug-in's interface as the server calls it, at the sizes and numbers that the server itself never tries."""

import ctypes
import os
import subprocess
import sys
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_uint, c_ulong, c_void_p

from server import PLUGIN, MariadbTest, main

INVALID = 0xffffffff  # ENCRYPTION_KEY_VERSION_INVALID
TOO_SMALL = 100  # ENCRYPTION_KEY_BUFFER_TOO_SMALL
KEY_SIZE = 32


class Declaration(ctypes.Structure):
    """st_maria_plugin of mysql/plugin.h."""
    _fields_ = [("type", c_int), ("info", c_void_p), ("name", c_char_p), ("author", c_char_p), ("about", c_char_p),
                ("license", c_int), ("init", CFUNCTYPE(c_int, c_void_p)), ("deinit", CFUNCTYPE(c_int, c_void_p)),
                ("version", c_uint), ("status", c_void_p), ("variables", POINTER(c_void_p))]


class TextVariable(ctypes.Structure):
    _fields_ = [("flags", c_int), ("name", c_char_p), ("comment", c_char_p), ("check", c_void_p),
                ("update", c_void_p), ("value", POINTER(c_char_p))]


class Encryption(ctypes.Structure):
    """st_mariadb_encryption of mysql/plugin_encryption.h."""
    _fields_ = [("version", c_int), ("latest", CFUNCTYPE(c_uint, c_uint)),
                ("get", CFUNCTYPE(c_uint, c_uint, c_uint, c_void_p, POINTER(c_uint))),
                ("ciphers", c_void_p * 5)]


Say = CFUNCTYPE(None, c_uint, c_char_p, c_ulong, c_char_p)


class Plugin:
    """Loaded into this process, as into a server's. `said`: the lines for the error log."""

    def __init__(self, coffer):
        library = ctypes.CDLL(PLUGIN)
        self.declaration = Declaration.in_dll(library, "_maria_plugin_declarations_")
        self.encryption = Encryption.from_address(self.declaration.info)
        self.said = []
        self.say = Say(lambda number, form, flags, line: self.said.append(line.decode()))
        self.service = (c_void_p * 3)(None, ctypes.cast(self.say, c_void_p), None)
        c_void_p.in_dll(library, "my_print_error_service").value = ctypes.addressof(self.service)
        variable = TextVariable.from_address(self.declaration.variables[0])
        variable.value[0] = coffer

    def get(self, key_id, version, room):
        """What is answered, the size, and the buffer, which is `room` bytes large; None: there is no buffer."""
        size = c_uint(room or 0)
        buffer = None if room is None else ctypes.create_string_buffer(b"\xaa" * (KEY_SIZE + 8), KEY_SIZE + 8)
        answer = self.encryption.get(key_id, version, buffer, size)
        return answer, size.value, buffer and buffer.raw


def call_it(test, coffer):
    plugin = Plugin(coffer.encode())
    test.assertEqual(plugin.declaration.init(None), 0, plugin.said)
    latest = plugin.encryption.latest
    test.assertEqual([latest(1), latest(100), latest(2), latest(7), latest(0)], [1, 1, INVALID, INVALID, INVALID])
    test.assertEqual([line.split(" is not in")[0] for line in plugin.said if "is not in" in line],
                     ["key id 2", "key id 7", "key id 0"])
    untouched = b"\xaa" * (KEY_SIZE + 8)
    test.assertEqual(plugin.get(1, 1, None), (TOO_SMALL, KEY_SIZE, None))
    for room in (0, 1, 16, KEY_SIZE - 1):
        test.assertEqual(plugin.get(1, 1, room), (TOO_SMALL, KEY_SIZE, untouched))
    keys = []
    for key_id in (1, 100):
        for room in (KEY_SIZE, KEY_SIZE + 1, 64):
            answer, size, buffer = plugin.get(key_id, 1, room)
            test.assertEqual((answer, size, buffer[KEY_SIZE:]), (0, KEY_SIZE, untouched[KEY_SIZE:]))
            keys.append(buffer[:KEY_SIZE])
    test.assertEqual(len(set(keys)), 2)
    for key_id, version in ((1, 0), (1, 2), (1, INVALID), (7, 1)):
        test.assertEqual(plugin.get(key_id, version, KEY_SIZE)[0], INVALID)
    test.assertEqual(list(plugin.encryption.ciphers), [None] * 5)  # the server's own
    test.assertEqual(plugin.declaration.deinit(None), 0)


class InterfaceTest(MariadbTest):
    def test_sizes_and_numbers_at_their_limits(self):
        if os.environ.get("COFFER_TEST_IN_DATA_DIRECTORY"):
            call_it(self, os.environ["COFFER_TEST_IN_DATA_DIRECTORY"])
            return
        # In a process of its own, which is in the data directory, as a server's.
        self.make_mariadb_coffer()
        os.mkdir(self.path("data"))
        inner = subprocess.run([sys.executable, os.path.abspath(__file__)], cwd=self.path("data"), capture_output=True,
                               env={**os.environ, "COFFER_TEST_IN_DATA_DIRECTORY": self.path("c.coffer")}, text=True,
                               timeout=60, check=False)
        self.assertEqual(inner.returncode, 0, inner.stderr)
        self.assertEqual(os.listdir(self.path("data")), ["coffer_key_management.check"])


if __name__ == "__main__":
    main()
