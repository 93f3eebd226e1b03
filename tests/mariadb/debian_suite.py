#!/usr/bin/python3
"""Debian's own tests of MariaDB's encryption (package mariadb-test), with Coffer's plug-in for file_key_management.

  debian_suite.py [--all] [--parallel N] [--keep DIRECTORY] [TEST…]

Without --all: those of debian_suite_short.txt. debian_suite_exceptions.txt has what cannot pass, and why. Tests that
want another plug-in than file_key_management are left as they are; they run with --all, and say nothing of ours.
"""

import argparse
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
SHARE = "/usr/share/mysql"
TREE = SHARE + "/mysql-test"
PLUGINS = "/usr/lib/mysql/plugin"
SUITES = ("encryption", "binlog_encryption")
# What the suites include of others.
PARTS = ("include", "lib", "std_data", "main/my.cnf", "main/win.test", "suite.pm", "mariadb-test-run.pl",
         "suite/innodb/include", "suite/innodb/t", "suite/rpl", "suite/binlog/include", "suite/binlog/t")
KEY_IDS = (1, 2, 4, 5, 6, 10, 33)  # of std_data/keys.txt; the tests want others to be refused


def listed(name):
    """The entries of a list beside this file: name → what stands behind it."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    return dict((line + " ").split(" ", 1) for line in lines)


def run(*words, **options):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **options)


def make_coffer(directory, binary):
    """A coffer with a domain for each key id that the tests use."""
    key, coffer = os.path.join(directory, "root.key"), os.path.join(directory, "coffer")
    quiet = {"stderr": subprocess.DEVNULL}
    run(binary, "keygen", key, **quiet)
    run(binary, "init", coffer, "--root", f"file://{key}", **quiet)
    with open(os.path.join(coffer, "coffer.yaml"), "a", encoding="utf-8") as file:
        file.write("mariadb:\n  keys:\n" + "".join(f"    {number}: system\n" for number in KEY_IDS))
    return coffer


def make_plugin_directory(directory, plugin):
    """Debian's plug-ins, and ours, by links: the server has one directory."""
    plugins = os.path.join(directory, "plugins")
    os.mkdir(plugins)
    for name in os.listdir(PLUGINS):
        os.symlink(os.path.join(PLUGINS, name), os.path.join(plugins, name))
    os.symlink(plugin, os.path.join(plugins, os.path.basename(plugin)))
    return plugins


def make_tree(directory, plugins, coffer):
    """A copy of Debian's tests in which they find our plug-in where they look for file_key_management."""
    # The tests look for the server in the folders around them.
    prefix = os.path.join(directory, "usr")
    tree = os.path.join(prefix, "share/mysql/mysql-test")
    os.makedirs(tree)
    for name in ("bin", "sbin", "lib"):
        os.symlink(os.path.join("/usr", name), os.path.join(prefix, name))
    for name in set(os.listdir(SHARE)) - {"mysql-test"}:
        os.symlink(os.path.join(SHARE, name), os.path.join(prefix, "share/mysql", name))
    for part in (*PARTS, *(f"suite/{suite}" for suite in SUITES)):
        source, target = os.path.join(TREE, part), os.path.join(tree, part)
        if os.path.isdir(source):
            shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
        elif os.path.exists(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)
    include = os.path.join(tree, "suite/encryption/include/have_file_key_management_plugin")
    with open(include + ".inc", "w", encoding="utf-8") as file:
        file.write("if (`SELECT COUNT(*)=0 FROM INFORMATION_SCHEMA.PLUGINS WHERE PLUGIN_NAME = 'coffer_key_management'"
                   " AND PLUGIN_STATUS='ACTIVE'`)\n{\n  --die coffer_key_management is not active\n}\n")
    with open(include + ".combinations", "w", encoding="utf-8") as file:
        file.write(f"[coffer]\nplugin-dir={plugins}\nplugin-load-add=coffer_key_management.so\n"
                   f"loose-coffer-key-management-coffer={coffer}\n--skip-innodb-read-only-compressed\n")
    rewrite_options(os.path.join(tree, "suite/binlog_encryption"), plugins, coffer)
    return tree


def rewrite_options(suite, plugins, coffer):
    """In a suite whose files of options load file_key_management themselves."""
    for name in os.listdir(suite):
        path = os.path.join(suite, name)
        if not name.endswith((".cnf", ".opt", ".combinations")):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"(?m)^((?:--)?)plugin-load-add *=.*FILE_KEY_MANAGEMENT_SO.*$",
                      rf"\1plugin-dir={plugins}\n\1plugin-load-add=coffer_key_management.so", text)
        text = re.sub(r"(?m)^(skip-)?file-key-management$", r"\1coffer-key-management", text)
        text = re.sub("loose-file-key-management-filename *=.*", f"loose-coffer-key-management-coffer={coffer}", text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--parallel", default="2")
    parser.add_argument("--keep", help="works there, and leaves everything")
    parser.add_argument("tests", nargs="*")
    arguments = parser.parse_args()
    directory = arguments.keep or tempfile.mkdtemp(prefix="coffer-mtr-")
    os.makedirs(directory, exist_ok=True)
    try:
        coffer = make_coffer(directory, os.environ["COFFER_BINARY"])
        plugins = make_plugin_directory(directory, os.environ["COFFER_KEY_MANAGEMENT"])
        tree = make_tree(directory, plugins, coffer)
        exceptions = listed("debian_suite_exceptions.txt")
        skipped = os.path.join(directory, "skipped")
        with open(skipped, "w", encoding="utf-8") as file:
            file.writelines(f"{name} : {why}\n" for name, why in exceptions.items())
        words = ["perl", "mariadb-test-run.pl", f"--user={pwd.getpwuid(os.geteuid()).pw_name}", "--force",
                 "--max-test-fail=0", f"--parallel={arguments.parallel}", f"--vardir={directory}/var",
                 f"--skip-test-list={skipped}",
                 f"--suite={','.join(SUITES)}", "--nowarnings", "--retry=0"]
        words += arguments.tests or ([] if arguments.all else list(listed("debian_suite_short.txt")))
        return subprocess.run(words, cwd=tree, check=False).returncode
    finally:
        if not arguments.keep:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
