#!/usr/bin/python3
"""Installs the build to a folder of its own, and builds and runs a stranger's programs against it: with CMake's
find_package and with pkg-config, with the shared libraries and the static ones. Every installed header must be usable
without the source tree, the shared libraries must show what their lists say and nothing else, and the programs in
README.md and docs/embedding.md must compile.

  install_test.py BUILD_DIRECTORY CXX_COMPILER
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CONSUMER = os.path.join(HERE, "consumer")
CANARY = b"PlaintextCanary"
VAULT = "vault://127.0.0.1:1/transit/key?token_env=HOME&timeout_millis=100"
STRICT = ("-std=c++20", "-Wall", "-Wextra", "-Werror")
HEAVY = ("libcurl", "libssl", "libtss2")  # what a program with a key file must not need


def run(*command, **options):
    print("+", shlex.join(command), flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def said_by(*command, **options):
    return run(*command, stdout=subprocess.PIPE, **options).stdout


def check(condition, message):
    if not condition:
        sys.exit(f"install_test: {message}")


def flags_of(prefix, module, *options):
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}
    return shlex.split(said_by("pkg-config", "--cflags", "--libs", *options, module, env=environment))


def check_headers(compiler, prefix):
    include = os.path.join(prefix, "include")
    headers = sorted(os.path.relpath(os.path.join(folder, name), include)
                     for folder, _, names in os.walk(include) for name in names)
    listed = re.search(r"set\(COFFER_PUBLIC_HEADERS\s([^)]*)\)",
                       open(os.path.join(ROOT, "cmake", "CofferInstall.cmake"), encoding="utf-8").read())[1].split()
    more = ["coffer/version.h", "coffer/coffer_c.h"]
    check(headers == sorted([f"coffer/{name}" for name in listed] + more), f"installed: {headers}")
    flags = [flag for flag in flags_of(prefix, "coffer_rocksdb") if flag.startswith("-I")]
    for header in headers:
        run(compiler, *STRICT, "-fsyntax-only", "-x", "c++", "-", *flags, input=f'#include "{header}"\n')


def check_exports(prefix, name):
    """What a shared library shows is what its list says; what is private belongs to this very version."""
    symbols = said_by("nm", "--dynamic", "--defined-only", "--with-symbol-versions",
                      os.path.join(prefix, "lib", f"lib{name}.so"))
    shown = {}
    for line in symbols.splitlines():
        found = re.fullmatch(r"\S+ \S ([^@]+)@+(\S+)", line)
        if found:  # the names of versions stand there too, without one
            shown.setdefault(found[2], []).append(found[1])
    check(set(shown) <= {"COFFER_0.2", "COFFER_PRIVATE_0.2"}, f"lib{name} has versions {sorted(shown)}")
    plain = said_by("c++filt", input="\n".join(shown["COFFER_0.2"]) + "\n").splitlines()
    with open(os.path.join(ROOT, "cmake", f"{name}.exports"), encoding="utf-8") as file:
        listed = [line for line in file.read().splitlines() if not line.startswith("#")]
    check(sorted(set(plain)) == sorted(listed), f"lib{name} shows\n" + "\n".join(sorted(set(plain))))
    check("SONAME" in said_by("readelf", "--dynamic", os.path.join(prefix, "lib", f"lib{name}.so.0.2")),
          f"lib{name} has no soname")


def check_needs(program, *names):
    needed = said_by("readelf", "--dynamic", program)
    for name in HEAVY:
        check((f"[{name}" in needed) == (name in names), f"{program} and {name}:\n{needed}")


def with_cmake(compiler, prefix, scratch, name, *options):
    build = os.path.join(scratch, name)
    run("cmake", "-S", CONSUMER, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={compiler}", *options, stdout=subprocess.DEVNULL)
    run("cmake", "--build", build)
    return build


def with_pkg_config(compiler, prefix, scratch, static):
    build = os.path.join(scratch, "pkg-config-static" if static else "pkg-config")
    os.mkdir(build)
    for program, module in (("keys", "coffer"), ("database", "coffer_rocksdb")):
        flags = flags_of(prefix, module, *(["--static"] if static else []))
        if static:
            flags = [re.sub(r"^-l(coffer\w*)$", r"-l:lib\1.a", flag) for flag in flags]
        run(compiler, "-std=c++20", os.path.join(CONSUMER, program + ".cc"), "-o", os.path.join(build, program),
            *flags, f"-Wl,-rpath,{prefix}/lib")
    if not static:
        run("cc", "-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", os.path.join(CONSUMER, "value.c"),
            "-o", os.path.join(build, "value"), *flags_of(prefix, "coffer_c"), f"-Wl,-rpath,{prefix}/lib")
    return build


def check_programs(build):
    """A coffer is made, a database written into it, and nothing of it can be read on the disk."""
    key, coffer, database = (os.path.join(build, name) for name in ("root.key", "db.coffer", "db"))
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(os.urandom(64))
    said = said_by(os.path.join(build, "keys"), coffer, key)
    check(re.match(r"coffer 0\.2\.\d+, keyring version \d+\n$", said), repr(said))
    program = ["setpriv", "--bounding-set=-ipc_lock"] if os.geteuid() == 0 else []
    said = said_by(*program, "prlimit", "--memlock=0", os.path.join(build, "keys"), f"{coffer}-unlocked", key)
    check(re.search(r"\nkey memory: 0 bytes locked, \d+ bytes with keys could not be\n$", said), repr(said))
    check_needs(os.path.join(build, "keys"))
    if os.path.exists(os.path.join(build, "value")):
        check_c_program(build, coffer)
    if not os.path.exists(os.path.join(build, "database")):
        return
    said = said_by(os.path.join(build, "database"), coffer, database)
    check(said == CANARY.decode() + "\n", repr(said))
    for name in os.listdir(database):
        with open(os.path.join(database, name), "rb") as file:
            check(CANARY not in file.read(), f"plaintext in {name}")


def check_c_program(build, coffer):
    program = os.path.join(build, "value")
    said = said_by(program, coffer)
    check(re.match(r"coffer 0\.2\.\d+, ABI \d+: PlaintextCanary\n$", said), repr(said))
    needed = said_by("readelf", "--dynamic", program)
    check("[libcoffer_c.so.0.2]" in needed and "libstdc++" not in needed, needed)
    check_needs(program)


def check_providers(program, scratch):
    """A provider that is a module elsewhere is found, in the module or in the program: its server does not answer."""
    done = subprocess.run([program, os.path.join(scratch, "v.coffer"), VAULT], capture_output=True, text=True,
                          check=False)
    check("provider_unavailable" in done.stdout and "127.0.0.1:1" in done.stdout, f"{program}: {done}")


def check_documents(compiler, prefix, scratch):
    """Every program in the pages compiles and links as they say."""
    count = 0
    for page in ("README.md", "docs/embedding.md"):
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            for program in re.findall(r"```cpp\n(.*?)```", file.read(), re.DOTALL):
                check("int main" in program, f"{page}: a program begins with main")
                run(compiler, *STRICT, "-x", "c++", "-", "-x", "none", "-o", os.path.join(scratch, "program"),
                    *flags_of(prefix, "coffer_rocksdb"), input=program)
                count += 1
    check(count >= 2, "README.md and docs/embedding.md have no programs")


def check_manual(prefix):
    share = os.path.join(prefix, "share")
    for path in ("man/man1/coffer.1", "man/man1/coffer-rotate-root.1", "bash-completion/completions/coffer",
                 "zsh/site-functions/_coffer", "fish/vendor_completions.d/coffer.fish"):
        check(os.path.getsize(os.path.join(share, path)) > 1000, f"share/{path} is no page or script")


def main():
    build, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        prefix = os.path.join(scratch, "prefix")
        run("cmake", "--install", build, "--prefix", prefix, stdout=subprocess.DEVNULL)
        check_headers(compiler, prefix)
        check_manual(prefix)
        for name in ("coffer", "coffer_rocksdb"):
            check_exports(prefix, name)
        check_documents(compiler, prefix, scratch)
        shared = with_cmake(compiler, prefix, scratch, "cmake")
        check_programs(shared)
        check_providers(os.path.join(shared, "keys"), scratch)
        check_programs(with_cmake(compiler, prefix, scratch, "cmake-static", "-DCOFFER_STATIC=ON"))
        for static in (False, True):
            check_programs(with_pkg_config(compiler, prefix, scratch, static))
        linked = with_cmake(compiler, prefix, scratch, "cmake-providers", "-DWITH_PROVIDERS=ON")
        check_providers(os.path.join(linked, "keys"), scratch)
        check_needs(os.path.join(linked, "keys"), *HEAVY)


if __name__ == "__main__":
    main()
