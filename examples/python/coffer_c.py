"""Coffer for Python, by ctypes and the C library: sealed values, wrapped keys, logs, and files changed in place.

    with Coffer("/var/lib/db.coffer") as coffer:
        blob = coffer.seal("system", b"message", context=b"table 1, row 7")
        assert coffer.unseal(blob, context=b"table 1, row 7") == b"message"

An example to copy from: what a program needs of coffer/coffer_c.h it declares as is done here.
"""

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_uint64, c_void_p

OK, IO = 0, 5
ROLE_DATA, ROLE_LOG, ROLE_IN_PLACE = 1, 2, 7
OVERHEAD = 124

READ = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_size_t, POINTER(c_size_t))
WRITE = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_size_t)
SYNC = ctypes.CFUNCTYPE(c_int32, c_void_p)
TRUNCATE = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64)
SIZE = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(c_uint64))


class Io(ctypes.Structure):
    """coffer_io_t"""
    _fields_ = [("struct_size", c_size_t), ("user", c_void_p), ("read", READ), ("write", WRITE), ("sync", SYNC),
                ("truncate", TRUNCATE), ("size", SIZE)]


BUFFER = [c_void_p, c_size_t]
IN = [c_char_p, c_size_t]
FUNCTIONS = {  # name: arguments before the error, which each of them has last
    "coffer_open": [c_char_p, c_char_p, POINTER(c_void_p)],
    "coffer_rotate_domain": [c_void_p, c_char_p],
    "coffer_status_json": [c_void_p, POINTER(c_void_p)],
    "coffer_seal": [c_void_p, c_char_p, *IN, *IN, *BUFFER],
    "coffer_unseal": [c_void_p, *IN, *IN, *BUFFER],
    "coffer_wrap_key": [c_void_p, c_char_p, *IN, *IN, *BUFFER],
    "coffer_unwrap_key": [c_void_p, *IN, *IN, *BUFFER],
    "coffer_rewrap": [c_void_p, *IN, *IN, *BUFFER],
    "coffer_blob_inspect": [*IN, POINTER(c_uint64), c_void_p, c_void_p],
    "coffer_file_reopen": [c_void_p, c_char_p, c_int32, POINTER(Io), POINTER(c_void_p)],
    "coffer_file_open": [c_void_p, c_char_p, c_int32, POINTER(Io), POINTER(c_void_p)],
    "coffer_file_size": [c_void_p, POINTER(c_uint64)],
    "coffer_file_read_at": [c_void_p, c_uint64, *BUFFER, POINTER(c_size_t)],
    "coffer_file_append": [c_void_p, *IN],
    "coffer_file_write_at": [c_void_p, c_uint64, *IN],
    "coffer_file_truncate": [c_void_p, c_uint64],
    "coffer_file_punch_hole": [c_void_p, c_uint64, c_uint64],
    "coffer_file_sync": [c_void_p],
    "coffer_file_close": [c_void_p],
}


class CofferError(Exception):
    """`code` says what can be done about it: COFFER_… of the header; `name` is that in words."""

    def __init__(self, code, name, message):
        super().__init__(f"{name}: {message}")
        self.code, self.name = code, name


def load(path):
    library = ctypes.CDLL(path)
    for name, arguments in FUNCTIONS.items():
        getattr(library, name).argtypes = [*arguments, POINTER(c_void_p)]
        getattr(library, name).restype = c_int32
    for name in ("coffer_error_free", "coffer_text_free", "coffer_close", "coffer_file_abandon"):
        getattr(library, name).argtypes = [c_void_p]
        getattr(library, name).restype = None
    library.coffer_error_message.argtypes = [c_void_p]
    library.coffer_error_message.restype = c_char_p
    library.coffer_code_name.restype = c_char_p
    return library


class Coffer:
    def __init__(self, place, root_uri=None, library="libcoffer_c.so.0.2"):
        self.library = load(library)
        self.handle = c_void_p()
        self.call("coffer_open", os.fsencode(place), root_uri and root_uri.encode(), byref(self.handle))

    def call(self, name, *arguments):
        error = c_void_p()
        code = getattr(self.library, name)(*arguments, byref(error))
        if code == OK:
            return
        message = self.library.coffer_error_message(error).decode("utf-8", "replace")
        self.library.coffer_error_free(error)
        raise CofferError(code, self.library.coffer_code_name(code).decode(), message)

    def close(self):
        self.library.coffer_close(self.handle)
        self.handle = c_void_p()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def rotate(self, domain):
        self.call("coffer_rotate_domain", self.handle, domain.encode())

    def status_json(self):
        text = c_void_p()
        self.call("coffer_status_json", self.handle, byref(text))
        try:
            return ctypes.string_at(text).decode()
        finally:
            self.library.coffer_text_free(text)

    def _made(self, name, size, *arguments):
        out = ctypes.create_string_buffer(max(size, 1))
        self.call(name, self.handle, *arguments, out, size)
        return out.raw[:size]

    def message_size(self, blob):
        size = c_uint64()
        self.call("coffer_blob_inspect", blob, len(blob), byref(size), None, None)
        return size.value

    def seal(self, domain, message, context=b""):
        return self._made("coffer_seal", len(message) + OVERHEAD, domain.encode(), context, len(context), message,
                          len(message))

    def unseal(self, blob, context=b""):
        return self._made("coffer_unseal", self.message_size(blob), context, len(context), blob, len(blob))

    def wrap_key(self, domain, key, context=b""):
        return self._made("coffer_wrap_key", len(key) + OVERHEAD, domain.encode(), context, len(context), key, len(key))

    def unwrap_key(self, blob, context=b""):
        return self._made("coffer_unwrap_key", self.message_size(blob), context, len(context), blob, len(blob))

    def rewrap(self, blob, context=b""):
        return self._made("coffer_rewrap", len(blob), context, len(context), blob, len(blob))


class File:
    """A file that Coffer encrypts, by this process's descriptor of it."""

    def __init__(self, coffer, path, role, writable):
        self.coffer, self.handle = coffer, c_void_p()
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY, 0o600)
        # Kept as long as the file: the library calls what is in it.
        self.io = Io(ctypes.sizeof(Io), None, READ(self._read), WRITE(self._write), SYNC(self._sync),
                     TRUNCATE(self._truncate), SIZE(self._size))
        try:
            coffer.call("coffer_file_reopen" if writable else "coffer_file_open", coffer.handle,
                        os.fsencode(os.path.abspath(path)), role, byref(self.io), byref(self.handle))
        except CofferError:
            os.close(self.descriptor)
            raise

    # No exception may leave a callback: ctypes would print it and answer 0, which is OK.
    def _read(self, _, offset, out, size, done):
        try:
            data = os.pread(self.descriptor, size, offset)
            ctypes.memmove(out, data, len(data))
            done[0] = len(data)
            return OK
        except OSError:
            return IO

    def _write(self, _, offset, data, size):
        try:
            return OK if os.pwrite(self.descriptor, ctypes.string_at(data, size), offset) == size else IO
        except OSError:
            return IO

    def _sync(self, _):
        try:
            os.fsync(self.descriptor)
            return OK
        except OSError:
            return IO

    def _truncate(self, _, size):
        try:
            os.ftruncate(self.descriptor, size)
            return OK
        except OSError:
            return IO

    def _size(self, _, size):
        try:
            size[0] = os.fstat(self.descriptor).st_size
            return OK
        except OSError:
            return IO

    def size(self):
        size = c_uint64()
        self.coffer.call("coffer_file_size", self.handle, byref(size))
        return size.value

    def read_at(self, offset, size):
        done, out = c_size_t(), ctypes.create_string_buffer(max(size, 1))
        self.coffer.call("coffer_file_read_at", self.handle, offset, out, size, byref(done))
        return out.raw[:done.value]

    def read(self):
        return self.read_at(0, self.size())

    def sync(self):
        self.coffer.call("coffer_file_sync", self.handle)

    def close(self):
        try:
            self.coffer.call("coffer_file_close", self.handle)
        finally:
            os.close(self.descriptor)


class Log(File):
    """Grows at its end."""

    def __init__(self, coffer, path, writable=False):
        super().__init__(coffer, path, ROLE_LOG, writable)

    def append(self, data):
        self.coffer.call("coffer_file_append", self.handle, data, len(data))
        self.sync()


class Pages(File):
    """Is changed at any place. One process has it open so."""

    def __init__(self, coffer, path):
        super().__init__(coffer, path, ROLE_IN_PLACE, True)

    def write_at(self, offset, data):
        self.coffer.call("coffer_file_write_at", self.handle, offset, data, len(data))

    def truncate(self, size):
        self.coffer.call("coffer_file_truncate", self.handle, size)

    def punch_hole(self, offset, size):
        self.coffer.call("coffer_file_punch_hole", self.handle, offset, size)
