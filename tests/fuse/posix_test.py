"""Each operation of POSIX on a mount and on a plain directory: both have to do, and to answer, the same."""

import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import socket
import stat
import subprocess
import tempfile
import threading

from mounting import MountTest, main

OPERATIONS = []
LIBC = ctypes.CDLL(None, use_errno=True)
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE = 1, 2, 16
AT_FDCWD = -100


def operation(function):
    """What is called with an empty directory, and returns what is to be compared."""
    OPERATIONS.append(function)
    return function


def outcome(call, *arguments, **named):
    """What a call returns, or the name of its error."""
    try:
        return call(*arguments, **named)
    except OSError as e:
        return errno.errorcode[e.errno]


def shown(value):
    """Long contents as what can be compared of them."""
    if isinstance(value, (bytes, bytearray)) and len(value) > 100:
        return f"{len(value)} bytes {hashlib.sha256(value).hexdigest()[:16]}"
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    return value


def write_file(path, data=b""):
    with open(path, "wb") as file:
        file.write(data)
    return path


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def facts(path):
    """Of a file, without what differs between file systems."""
    found = os.lstat(path)
    size = found.st_size if not stat.S_ISDIR(found.st_mode) else None
    links = found.st_nlink if not stat.S_ISDIR(found.st_mode) else None
    return oct(found.st_mode), found.st_uid, found.st_gid, size, links, found.st_rdev


def renameat2(source, target, flags):
    if LIBC.renameat2(AT_FDCWD, source.encode(), AT_FDCWD, target.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def fallocate(fd, mode, offset, size):
    if LIBC.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(size)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def as_user(uid, gid, call, groups=()):
    """What `call` returns in a child that is this user, as text."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(list(groups))
            os.setgid(gid)
            os.setuid(uid)
            os.write(write_end, repr(outcome(call)).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as out:
        text = out.read()
    os.waitpid(child, 0)
    return text


@operation
def sizes_and_holes(d):
    out = []
    for size in (0, 1, 15, 16, 17, 4095, 4096, 4097, 65536, 1 << 20, (1 << 20) + 1):
        data = bytes(i * 7 % 251 for i in range(257)) * (size // 257 + 1)
        path = write_file(f"{d}/{size}", data[:size])
        out.append((os.stat(path).st_size, read_file(path) == data[:size]))
    with open(f"{d}/sparse", "wb") as file:
        file.seek(5_000_000)
        file.write(b"end")
    out.append((os.stat(f"{d}/sparse").st_size, read_file(f"{d}/sparse").count(0)))
    return out


@operation
def far_offsets(d):
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"far", (1 << 36) + 3)
    out = (os.fstat(fd).st_size, os.pread(fd, 10, 1 << 36), os.pread(fd, 10, 1 << 37))
    os.close(fd)
    return out


@operation
def truncation(d):
    out = []
    path = write_file(f"{d}/f", b"x" * 10000)
    for size in (9999, 4096, 4097, 0, 20000, 1):
        os.truncate(path, size)
        out.append((os.stat(path).st_size, read_file(path)))
    fd = os.open(path, os.O_RDWR)
    os.ftruncate(fd, 7)
    out.append((os.fstat(fd).st_size, os.pread(fd, 100, 0)))
    out.append(outcome(os.ftruncate, fd, -1))
    os.close(fd)
    fd = os.open(path, os.O_RDONLY)
    out.append(outcome(os.ftruncate, fd, 1))
    os.close(fd)
    open(path, "w", encoding="utf-8").close()
    out.append(os.stat(path).st_size)
    return out


@operation
def open_flags(d):
    out = [outcome(os.open, f"{d}/none", os.O_RDONLY), outcome(os.open, f"{d}/none/deeper", os.O_CREAT | os.O_RDWR)]
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o400)
    os.write(fd, b"written though the mode says 0400")
    out.append(outcome(os.read, fd, 1))
    os.close(fd)
    out.append(outcome(os.open, f"{d}/f", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    out.append(outcome(os.open, f"{d}/f", os.O_DIRECTORY))
    out.append(outcome(os.open, d, os.O_WRONLY))
    os.symlink("f", f"{d}/link")
    out.append(outcome(os.open, f"{d}/link", os.O_RDONLY | os.O_NOFOLLOW))
    out.append(read_file(f"{d}/link"))
    fd = os.open(f"{d}/f", os.O_RDONLY)
    out.append(outcome(os.write, fd, b"x"))
    os.close(fd)
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_TRUNC)
    out.append((os.fstat(fd).st_size, os.write(fd, b"new"), os.pread(fd, 9, 0)))
    os.close(fd)
    return out + [facts(f"{d}/f")]


@operation
def append_at_end(d):
    path = write_file(f"{d}/f", b"begin")
    a, b = os.open(path, os.O_WRONLY | os.O_APPEND), os.open(path, os.O_RDWR | os.O_APPEND)
    for i in range(10):
        os.write(a, b"a%d" % i)
        os.write(b, b"b%d" % i)
    os.truncate(path, 3)
    os.write(a, b"after")
    out = (os.pread(b, 1000, 0), os.lseek(a, 0, os.SEEK_CUR))
    os.close(a)
    os.close(b)
    return out


@operation
def appends_of_two_processes(d):
    path = write_file(f"{d}/f")

    def append(letter):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        for i in range(200):
            os.write(fd, (letter * (i % 50 + 1) + b"\n"))
        os.close(fd)

    children = []
    for letter in (b"x", b"y"):
        child = os.fork()
        if child == 0:
            append(letter)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    found = sorted(read_file(path).splitlines())
    os.unlink(path)  # the order is chance
    return found


@operation
def hard_links(d):
    write_file(f"{d}/a", b"one file")
    os.link(f"{d}/a", f"{d}/b")
    os.mkdir(f"{d}/sub")
    os.link(f"{d}/b", f"{d}/sub/c")
    with open(f"{d}/sub/c", "ab") as file:
        file.write(b", three names")
    out = [facts(f"{d}/a"), read_file(f"{d}/b"), os.path.samefile(f"{d}/a", f"{d}/sub/c")]
    out.append(outcome(os.link, f"{d}/a", f"{d}/b"))
    out.append(outcome(os.link, f"{d}/sub", f"{d}/other"))
    os.unlink(f"{d}/a")
    out += [facts(f"{d}/b"), read_file(f"{d}/sub/c")]
    os.symlink("nowhere", f"{d}/l")
    os.link(f"{d}/l", f"{d}/l2", follow_symlinks=False)
    return out + [os.readlink(f"{d}/l2"), facts(f"{d}/l")]


@operation
def renames(d):
    write_file(f"{d}/a", b"A")
    write_file(f"{d}/b", b"B")
    fd = os.open(f"{d}/b", os.O_RDWR)
    os.rename(f"{d}/a", f"{d}/b")
    out = [read_file(f"{d}/b"), os.pread(fd, 9, 0), os.fstat(fd).st_nlink]
    os.pwrite(fd, b"still", 0)
    out.append((os.pread(fd, 9, 0), read_file(f"{d}/b")))
    os.close(fd)
    write_file(f"{d}/c", b"C")
    out.append(outcome(renameat2, f"{d}/b", f"{d}/c", RENAME_NOREPLACE))
    out.append(outcome(renameat2, f"{d}/b", f"{d}/new", RENAME_NOREPLACE))
    out.append(outcome(renameat2, f"{d}/new", f"{d}/c", RENAME_EXCHANGE))
    out.append((read_file(f"{d}/new"), read_file(f"{d}/c")))
    os.makedirs(f"{d}/dir/inner")
    write_file(f"{d}/dir/inner/f", b"deep")
    out.append(outcome(os.rename, f"{d}/dir", f"{d}/dir/inner/x"))
    out.append(outcome(os.rename, f"{d}/new", f"{d}/dir"))
    out.append(outcome(os.rename, f"{d}/dir", f"{d}/new"))
    out.append(outcome(os.rename, f"{d}/none", f"{d}/x"))
    fd = os.open(f"{d}/dir/inner/f", os.O_RDWR)
    os.mkdir(f"{d}/empty")
    os.rename(f"{d}/dir", f"{d}/empty")
    os.pwrite(fd, b"D", 0)
    os.close(fd)
    out.append(read_file(f"{d}/empty/inner/f"))
    out.append(outcome(renameat2, f"{d}/empty", f"{d}/c", RENAME_EXCHANGE))
    return out + [sorted(os.listdir(d)), read_file(f"{d}/c/inner/f")]


@operation
def unlinked_but_open(d):
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"before")
    os.unlink(f"{d}/f")
    os.write(fd, b" and after")
    os.fsync(fd)
    os.ftruncate(fd, 12)
    out = [os.fstat(fd).st_nlink, os.fstat(fd).st_size, os.pread(fd, 100, 0), os.listdir(d)]
    os.fchmod(fd, 0o640)
    out.append(oct(os.fstat(fd).st_mode))
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    out.append(os.read(again, 100))
    os.close(again)
    os.close(fd)
    return out + [outcome(os.unlink, f"{d}/f")]


@operation
def directories(d):
    out = [outcome(os.mkdir, f"{d}/a/b"), outcome(os.mkdir, f"{d}/a", 0o751), outcome(os.mkdir, f"{d}/a")]
    write_file(f"{d}/a/f")
    out += [outcome(os.rmdir, f"{d}/a"), outcome(os.rmdir, f"{d}/a/f"), outcome(os.unlink, f"{d}/a"), facts(f"{d}/a")]
    os.unlink(f"{d}/a/f")
    fd = os.open(f"{d}/a", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.fdatasync(fd)
    os.rmdir(f"{d}/a")
    out.append(outcome(os.listdir, fd))
    out.append(outcome(os.open, "x", os.O_CREAT | os.O_RDWR, dir_fd=fd))
    os.close(fd)
    return out


@operation
def many_and_deep(d):
    os.mkdir(f"{d}/many")
    for i in range(1000):
        write_file(f"{d}/many/{i:04}", b"%d" % i)
    found = sorted(os.listdir(f"{d}/many"))
    out = [len(found), found[:2], found[-1], read_file(f"{d}/many/0777")]
    out.append(sum(entry.stat().st_size for entry in os.scandir(f"{d}/many")))
    for i in range(0, 1000, 2):
        os.unlink(f"{d}/many/{i:04}")
    out.append(len(os.listdir(f"{d}/many")))
    path = d
    for i in range(40):
        path += f"/level{i}"
        os.mkdir(path)
    write_file(f"{path}/leaf", b"deep")
    return out + [read_file(f"{path}/leaf"), sum(len(files) for _, _, files in os.walk(d))]


@operation
def listing_while_it_changes(d):
    for i in range(300):
        write_file(f"{d}/{i}")
    seen = set()
    with os.scandir(d) as entries:
        for count, entry in enumerate(entries):
            seen.add(entry.name)
            if count == 100:
                # Whether or not they were seen: where they come in a listing differs.
                os.unlink(f"{d}/298")
                os.unlink(f"{d}/299")
    # What was there all the time is seen, once.
    return len({name for name in seen if int(name) < 298})


@operation
def long_names(d):
    name = "n" * 255
    write_file(f"{d}/{name}", b"long")
    out = [outcome(write_file, f"{d}/{name}x"), read_file(f"{d}/{name}"), os.listdir(d) == [name]]
    os.rename(f"{d}/{name}", f"{d}/" + "ü" * 127)
    write_file(f"{d}/new\nline \\ \x07, 100%", b"odd")
    return out + [outcome(os.mkdir, f"{d}/" + "ü" * 128), len(os.listdir(d)), read_file(f"{d}/new\nline \\ \x07, 100%")]


@operation
def links_that_lead_far(d):
    out = []
    for length in (1, 15, 16, 17, 255, 256, 2512):
        os.symlink("y" * length, f"{d}/{length}")
        out.append((len(os.readlink(f"{d}/{length}")), facts(f"{d}/{length}")))
    return out


@operation
def symbolic_links(d):
    os.symlink("target with blanks", f"{d}/l")
    write_file(f"{d}/target with blanks", b"T")
    out = [os.readlink(f"{d}/l"), facts(f"{d}/l"), read_file(f"{d}/l"), outcome(os.readlink, f"{d}/target with blanks")]
    os.symlink("loop", f"{d}/loop")
    out += [outcome(os.stat, f"{d}/loop"), outcome(os.symlink, "x", f"{d}/l")]
    os.chown(f"{d}/l", 12, 34, follow_symlinks=False)
    os.utime(f"{d}/l", ns=(5, 1_000_000_007), follow_symlinks=False)
    out.append(os.lstat(f"{d}/l").st_mtime_ns)
    return out + [facts(f"{d}/l"), outcome(os.setxattr, f"{d}/l", "user.x", b"y", follow_symlinks=False) is not None]


@operation
def special_files(d):
    os.mkfifo(f"{d}/fifo", 0o640)
    os.mknod(f"{d}/device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.mknod(f"{d}/regular", stat.S_IFREG | 0o640)
    server = socket.socket(socket.AF_UNIX)
    here = os.open(d, os.O_RDONLY | os.O_DIRECTORY)
    server.bind(f"/proc/self/fd/{here}/s")
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"/proc/self/fd/{here}/s")
    client.send(b"through a socket")
    connection, _ = server.accept()
    out = [connection.recv(99)]
    for each in (client, connection, server):
        each.close()
    os.close(here)
    reader = threading.Thread(target=lambda: out.append(read_file(f"{d}/fifo")))
    reader.start()
    write_file(f"{d}/fifo", b"through a fifo")
    reader.join()
    write_file(f"{d}/regular", b"R")
    return out + [facts(f"{d}/{name}") for name in sorted(os.listdir(d))]


@operation
def times(d):
    path = write_file(f"{d}/f", b"x")
    os.utime(path, ns=(1_111_111_111_123_456_789, 2_222_222_222_987_654_321))
    out = [os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns]
    fd = os.open(path, os.O_RDWR)
    os.utime(fd, ns=(7, 8))
    os.close(fd)
    out += [os.stat(path).st_mtime_ns]
    # A program that sets the time of what it has written, and then closes it.
    fd = os.open(path, os.O_RDWR)
    os.write(fd, b"y" * 5000)
    os.utime(fd, ns=(9, 10))
    os.close(fd)
    out += [os.stat(path).st_mtime_ns]
    for change in (lambda: os.truncate(path, 3), lambda: write_file(path, b"z"), lambda: os.truncate(path, 2),
                   lambda: open(path, "w", encoding="utf-8").close()):
        os.utime(path, ns=(9, 10))
        change()
        out.append(os.stat(path).st_mtime_ns > 10)
    os.mkdir(f"{d}/dir")
    os.utime(f"{d}/dir", ns=(3, 4))
    write_file(f"{d}/dir/f")
    return out + [os.stat(f"{d}/dir").st_mtime_ns > 4]


@operation
def modes_and_owners(d):
    path = write_file(f"{d}/f", b"x")
    os.chmod(path, 0o6751)
    out = [facts(path)]
    os.chown(path, 1234, 5678)
    out.append(facts(path))
    os.chmod(path, 0o4755)
    with open(path, "ab") as file:
        file.write(b"root keeps the bits")
    out.append(facts(path))
    os.chmod(d, 0o777)
    os.chmod(path, 0o4777)
    as_user(1000, 1000, lambda: write_file(path, b"others lose them"))
    return out + [facts(path)]


@operation
def many_users(d):
    os.chmod(d, 0o1777)
    out = [as_user(1000, 1001, lambda: (write_file(f"{d}/mine", b"m"), os.mkdir(f"{d}/dir", 0o700),
                                        os.symlink("x", f"{d}/l"), os.mkfifo(f"{d}/fifo")) and None)]
    out += [facts(f"{d}/{name}") for name in ("mine", "dir", "l", "fifo")]
    out.append(as_user(2000, 2000, lambda: os.unlink(f"{d}/mine")))
    out.append(as_user(2000, 2000, lambda: read_file(f"{d}/mine")))
    out.append(as_user(2000, 2000, lambda: write_file(f"{d}/mine")))
    out.append(as_user(2000, 2000, lambda: os.listdir(f"{d}/dir")))
    out.append(as_user(2000, 2000, lambda: os.chmod(f"{d}/mine", 0o777)))
    out.append(as_user(2000, 2000, lambda: os.chown(f"{d}/mine", 2000, 2000)))
    os.mkdir(f"{d}/team")
    os.chown(f"{d}/team", 0, 3000)
    os.chmod(f"{d}/team", 0o2770)
    out.append(as_user(1000, 1000, lambda: write_file(f"{d}/team/f")))
    # By a supplementary group.
    out.append(as_user(1000, 1000, lambda: write_file(f"{d}/team/f") and None, groups=[3000]))
    out.append(as_user(1000, 1000, lambda: os.mkdir(f"{d}/team/sub"), groups=[3000]))
    return out + [facts(f"{d}/team/f"), facts(f"{d}/team/sub"), as_user(1000, 1000, lambda: os.unlink(f"{d}/team/f"))]


@operation
def umasks(d):
    out = []
    before = os.umask(0)
    for mask in (0, 0o022, 0o077, 0o777):
        os.umask(mask)
        os.close(os.open(f"{d}/f{mask}", os.O_CREAT | os.O_WRONLY, 0o666))
        os.mkdir(f"{d}/d{mask}")
        os.mkfifo(f"{d}/p{mask}")
        out += [facts(f"{d}/{kind}{mask}") for kind in "fdp"]
    os.umask(before)
    return out


@operation
def attributes(d):
    path = write_file(f"{d}/f", b"x")
    out = [outcome(os.setxattr, path, "user.color", b"blue"), outcome(os.getxattr, path, "user.color")]
    out += [outcome(os.setxattr, path, "user.color", b"red", os.XATTR_CREATE)]
    out += [outcome(os.setxattr, path, "user.none", b"red", os.XATTR_REPLACE)]
    out += [outcome(os.setxattr, path, "user.long", b"v" * 1000), outcome(os.getxattr, path, "user.long")]
    out += [sorted(name for name in os.listxattr(path) if name.startswith("user."))]
    out += [outcome(os.removexattr, path, "user.color"), outcome(os.getxattr, path, "user.color")]
    out += [outcome(os.removexattr, path, "user.color"), outcome(os.setxattr, d, "user.dir", b"too")]
    out += [outcome(os.setxattr, path, "nonsense", b""), outcome(os.setxattr, path, "trusted.t", b"1")]
    return out + [outcome(os.getxattr, d, "user.dir")]


@operation
def access_lists(d):
    os.chmod(d, 0o755)
    path = write_file(f"{d}/f", b"secret")
    os.chmod(path, 0o600)

    def acl(*words):
        done = subprocess.run(["setfacl", *words], capture_output=True, check=False)
        return done.returncode

    def listed(what):
        done = subprocess.run(["getfacl", "-cnp", what], capture_output=True, check=False)
        return done.stdout

    out = [as_user(1000, 1000, lambda: read_file(path)), acl("-m", "u:1000:r", path), facts(path), listed(path)]
    out += [as_user(1000, 1000, lambda: read_file(path)), as_user(1001, 1001, lambda: read_file(path))]
    out += [as_user(1000, 1000, lambda: write_file(path))]
    os.mkdir(f"{d}/dir")
    out += [acl("-d", "-m", "u:1000:rwx,g::rwx", f"{d}/dir")]
    write_file(f"{d}/dir/inherits")
    os.mkdir(f"{d}/dir/sub")
    out += [listed(f"{d}/dir/inherits"), listed(f"{d}/dir/sub"), facts(f"{d}/dir/inherits")]
    os.chmod(path, 0o640)
    return out + [listed(path), acl("-b", path), listed(path)]


@operation
def locks_of_files(d):
    path = write_file(f"{d}/f", b"x" * 100)
    mine = os.open(path, os.O_RDWR)
    other = os.open(path, os.O_RDWR)
    fcntl.flock(mine, fcntl.LOCK_EX)
    out = [outcome(fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB)]
    fcntl.flock(mine, fcntl.LOCK_UN)
    out.append(outcome(fcntl.flock, other, fcntl.LOCK_SH | fcntl.LOCK_NB))
    fcntl.lockf(mine, fcntl.LOCK_EX, 10, 0)

    def in_child(start):
        def lock():
            fd = os.open(path, os.O_RDWR)
            return outcome(fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, start)
        return as_user(0, 0, lock)

    out += [in_child(3), in_child(10)]
    os.close(other)  # closes all of POSIX's locks on the file
    out.append(in_child(3))
    os.close(mine)
    return out


@operation
def allocation(d):
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"x" * 10000)
    os.posix_fallocate(fd, 5000, 15000)
    out = [os.fstat(fd).st_size, os.pread(fd, 30000, 0)]
    fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 100, 9000)
    out.append(os.pread(fd, 30000, 0))
    fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 15000, 90000)
    out.append((os.fstat(fd).st_size, os.pread(fd, 30000, 0)))
    out += [outcome(fallocate, fd, 0, 0, 0), outcome(fallocate, fd, 0, -1, 5)]
    os.close(fd)
    fd = os.open(f"{d}/f", os.O_RDONLY)
    out.append(outcome(fallocate, fd, 0, 0, 5))
    os.close(fd)
    return out


@operation
def seeking_holes(d):
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"x" * 1000, 0)
    os.ftruncate(fd, 1 << 22)
    out = [os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 5, os.SEEK_DATA), os.lseek(fd, 0, os.SEEK_END)]
    # Where a hole begins depends on the file system; that it does not lie in data, nor behind the end, does not.
    hole = os.lseek(fd, 0, os.SEEK_HOLE)
    out.append(1000 <= hole <= 1 << 22)
    out += [outcome(os.lseek, fd, 1 << 22, os.SEEK_DATA), outcome(os.lseek, fd, 1 << 23, os.SEEK_HOLE)]
    os.pwrite(fd, b"y", (1 << 22) - 1)
    found = os.lseek(fd, 0, os.SEEK_DATA)
    while found < (1 << 22) - 1:  # all data is found, hole by hole
        hole = os.lseek(fd, found, os.SEEK_HOLE)
        found = os.lseek(fd, hole, os.SEEK_DATA) if hole < 1 << 22 else 1 << 22
        if hole > (1 << 22) - 1:
            break
    out.append(hole)
    os.close(fd)
    return out


@operation
def shared_mappings(d):
    path = write_file(f"{d}/f", b"m" * 10000)
    fd = os.open(path, os.O_RDWR)
    a = mmap.mmap(fd, 10000, mmap.MAP_SHARED)
    other = os.open(path, os.O_RDWR)
    b = mmap.mmap(other, 10000, mmap.MAP_SHARED, mmap.PROT_READ)
    a[5000:5005] = b"alpha"
    out = [b[4998:5007], os.pread(other, 9, 4998)]
    os.pwrite(other, b"beta", 9000)
    out.append(a[8999:9005])
    a.flush()
    a.close()
    b.close()
    os.close(fd)
    os.close(other)
    return out + [read_file(path)]


@operation
def mappings_outlive_descriptors(d):
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 8192)
    a = mmap.mmap(fd, 8192, mmap.MAP_SHARED)
    os.close(fd)
    a[0:4] = b"late"
    a[8000:8005] = b"later"
    a.close()
    fd = os.open(f"{d}/f", os.O_RDONLY)
    private = mmap.mmap(fd, 8192, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    os.close(fd)
    private[0:2] = b"XX"
    out = (read_file(f"{d}/f"), private[0:5])
    private.close()
    return out


@operation
def direct_writes(d):
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    pages = mmap.mmap(-1, 65536)
    pages[:] = bytes(i % 253 for i in range(65536))
    out = [os.pwrite(fd, pages, 0), os.pwrite(fd, pages, 65536)]
    buffered = os.open(f"{d}/f", os.O_RDWR)
    out.append(os.pread(buffered, 10, 65536))
    os.pwrite(buffered, b"through the cache", 4096)
    room = mmap.mmap(-1, 8192)
    out += [os.preadv(fd, [room], 4096), room[:20]]
    os.close(fd)
    os.close(buffered)
    return out + [read_file(f"{d}/f")]


@operation
def synchronous_writes(d):
    out = []
    for flag in (os.O_SYNC, os.O_DSYNC):
        fd = os.open(f"{d}/{flag}", os.O_RDWR | os.O_CREAT | flag)
        out.append((os.write(fd, b"now"), os.pread(fd, 9, 0)))
        os.fsync(fd)
        os.fdatasync(fd)
        os.close(fd)
    return out


@operation
def vectors_and_copies(d):
    fd = os.open(f"{d}/f", os.O_RDWR | os.O_CREAT)
    os.pwritev(fd, [b"a" * 5000, b"b" * 5000, b"c"], 3)
    room = [bytearray(4000), bytearray(9000)]
    out = [os.preadv(fd, room, 0), room]
    to = os.open(f"{d}/copy", os.O_RDWR | os.O_CREAT)
    out.append(outcome(os.copy_file_range, fd, to, 9000, 10, 20))
    out.append(os.sendfile(to, fd, 0, 10004))
    os.close(fd)
    os.close(to)
    return out + [read_file(f"{d}/copy")]


@operation
def file_system_numbers(d):
    numbers = os.statvfs(d)
    return numbers.f_namemax, numbers.f_blocks > 0, numbers.f_bsize


@operation
def temporary_files(d):
    with tempfile.TemporaryFile(dir=d) as file:
        file.write(b"nameless")
        file.seek(0)
        return file.read(), os.listdir(d)


class PosixTest(MountTest):
    def compare(self, *options):
        self.mount_new("--allow-other", *options)
        os.mkdir(self.path("plain"))
        for each in OPERATIONS:
            for root in ("m", "plain"):
                os.mkdir(self.path(root, each.__name__))
            with self.subTest(each.__name__):
                expected = shown(each(self.path("plain", each.__name__)))
                self.assertEqual(shown(each(self.path("m", each.__name__))), expected)
        expected = self.what_stands("plain")
        self.assert_stands("m", expected)
        self.umount()
        self.assertEqual(self.log(), "")
        # And again, of what is on the disk.
        self.mount("--allow-other", "--read-only")
        self.assert_stands("m", expected)
        self.assert_errno(errno.EROFS, write_file, self.path("m", "new"))
        self.umount()

    def assert_stands(self, root, expected):
        found = self.what_stands(root)
        self.assertEqual(sorted(found), sorted(expected))
        differ = {path: (found[path], expected[path]) for path in expected if found[path] != expected[path]}
        self.assertEqual(differ, {})

    def what_stands(self, root):
        """name → facts and contents, of all that is there."""
        out = {}
        for folder, folders, names in os.walk(self.path(root)):
            for name in folders + names:
                path = os.path.join(folder, name)
                found = facts(path)
                is_small = found[3] is not None and found[3] < 1 << 25
                has_contents = stat.S_ISREG(os.lstat(path).st_mode) and is_small
                out[os.path.relpath(path, self.path(root))] = (found, shown(read_file(path)) if has_contents else None)
        return out

    def test_a_mount_does_what_a_plain_directory_does(self):
        self.compare()

    def test_a_mount_that_gathers_writes_does_too(self):
        self.compare("--write-back")

    def test_a_mount_with_encrypted_names_does_too(self):
        self.compare("--names", "encrypted")


if __name__ == "__main__":
    main()
