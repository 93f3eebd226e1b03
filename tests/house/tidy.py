#!/usr/bin/python3
"""The house rules that a machine can check. Run as the test `house.tidy`; prints "path:line: rule: what to do".

  tidy.py [ROOT]

Each rule is a function from a Tree to findings; tidy_selftest.py shows each of them a tree that breaks it.
"""

import ast
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True

from cpp_source import functions, identifiers, strip_comments, words_of  # noqa: E402

FUNCTION_LINES_MAX = 60
SOURCE_LINES_MAX = 500
TEST_LINES_MAX = 700
COLUMNS_MAX = 120
PROSE_COLUMNS_MAX = 100
FILE_SIZE_MAX = 1 << 20

# layer → what it may include besides itself. "format" does no I/O and knows no keys.
LAYERS = {
    "base": (),
    "crypto": ("base",),
    "io": ("base",),
    "format": ("base", "crypto"),
    "keys": ("base", "crypto", "io"),
    "config": ("base", "crypto", "io", "keys", "format"),
    "net": ("base", "crypto", "io", "config"),
    "providers": ("base", "crypto", "io", "keys", "config", "net"),
    "store": ("base", "crypto", "io", "keys", "format", "config"),
    "files": ("base", "crypto", "io", "keys", "format", "config", "store"),
    "engines": ("base", "crypto", "io", "keys", "format", "config", "providers", "store", "files"),
    "ops": ("base", "crypto", "io", "keys", "format", "config", "providers", "store", "files"),
    "embedding": ("base", "crypto", "io", "keys", "format", "config", "providers", "store", "files", "ops"),
    "bindings": ("base", "crypto", "io", "keys", "format", "config", "providers", "store", "files", "ops", "embedding"),
    "cli": ("base", "crypto", "io", "keys", "format", "config", "net", "providers", "store", "files", "ops", "engines"),
}

# Headers of cryptographic libraries, and who may see them.
CRYPTO_HEADERS = re.compile(r'^\s*#\s*include\s*[<"](openssl/|intel-ipsec-mb\.h|ipsec-mb)')
CRYPTO_HEADER_FOLDERS = ("src/coffer/crypto/", "src/coffer/net/")

# Where key bytes may be looked at, and why. Everywhere else a key is passed on as it is.
REVEAL_PLACES = {
    "src/coffer/base/secret.h": "defines it",
    "src/coffer/base/secret.cc": "defines it",
    "src/coffer/base/base64.cc": "decodes into it",
    "src/coffer/base/secret_buffer.h": "grows it",
    "src/coffer/crypto/": "ciphers and derivation work on the bytes",
    "src/coffer/keys/key_group": "wraps domain keys under a group key",
    "src/coffer/keys/keyring": "makes domain keys and their ids, and seals them",
    "src/coffer/keys/join_request": "decodes what is no secret",
    "src/coffer/keys/recipient_file": "derives the key of its MAC",
    "src/coffer/keys/node_identity": "derives a node's private keys from its seed",
    "src/coffer/keys/node_slots": "seals the keyring key to nodes",
    "src/coffer/format/": "derives a file's keys from its file key",
    "src/coffer/store/blobs": "seals anew what it opens",
    "src/coffer/config/": "unseals values",
    "src/coffer/net/": "credentials go to servers",
    "src/coffer/providers/": "root keys come from outside as bytes",
    "src/coffer/store/node_key": "seals a node's seed as a value of its own",
    "src/coffer/ops/config_values": "opens what the program asks for",
    "src/coffer/embedding/": "hands it to the program",
    "src/coffer/store/derived_key": "derives an engine's keys from a domain key",
    "src/coffer/engines/mariadb/": "hands derived keys to the server, and compares them",
    "src/coffer/ops/pattern_search": "searches for them",
    "src/coffer/ops/recipient_sealer": "decodes what is no secret",
    "src/coffer/ops/scan": "searches what may hold them",
    "src/coffer/ops/sought": "makes the forms in which they are searched for",
}

BANNED_WORDS = {
    "Manager": "say what it does",
    "Util": "name the subject",
    "Utils": "name the subject",
    "Helper": "name what it does",
    "Impl": "name how it differs from the interface",
}
BANNED_CALLS = {
    "sprintf": "format into a std::string",
    "vsprintf": "format into a std::string",
    "strcpy": "use std::string or a span",
    "strcat": "use std::string",
    "gets": "no bound",
    "rand": "crypto/random.h, or a seeded std::mt19937_64 in tests",
    "srand": "crypto/random.h, or a seeded std::mt19937_64 in tests",
    "atoi": "std::from_chars says when it fails",
}
# In pieces, so that this file does not break its own rules.
MARKS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
# Where people's own files are; and folders that every machine has, so that their names say nothing about one.
HOMES = r"/(?:home/[\w.-]+|root|Users)/"
SYSTEM_FOLDERS = ("bin", "boot", "dev", "etc", "lib", "media", "mnt", "opt", "proc", "run", "srv", "sys", "tmp", "usr",
                  "var")


class Tree:
    """The files of the repository: path → text (None if not UTF-8), sizes, and where it stands on this machine."""

    def __init__(self, texts, sizes=None, root=""):
        self.texts = texts
        self.sizes = sizes or {}
        self.root = root
        self._stripped = {}

    @classmethod
    def of_repository(cls, root):
        if os.path.isdir(os.path.join(root, ".git")) or os.path.isfile(os.path.join(root, ".git")):
            command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
            listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            paths = [path for path in listing.split("\0") if path and os.path.isfile(os.path.join(root, path))]
        else:
            paths = [os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root)
                     for name in names if not os.path.relpath(folder, root).startswith("build")]
        texts, sizes = {}, {}
        for path in sorted(paths):
            full = os.path.join(root, path)
            sizes[path] = os.path.getsize(full)
            with open(full, "rb") as file:
                try:
                    texts[path] = file.read().decode("utf-8")
                except UnicodeDecodeError:
                    texts[path] = None
        return cls(texts, sizes, os.path.realpath(root))

    def files(self, *endings, under=""):
        return [path for path, text in self.texts.items()
                if text is not None and path.startswith(under) and path.endswith(endings)]

    def cpp(self, under=""):
        return self.files(".cc", ".h", under=under)

    def lines(self, path):
        return enumerate(self.texts[path].split("\n"), 1)

    def stripped(self, path):
        if path not in self._stripped:
            self._stripped[path] = strip_comments(self.texts[path])
        return self._stripped[path]


def is_program(path, text):
    return path.endswith((".cc", ".c", ".h", ".py", ".cmake", "CMakeLists.txt")) or text.startswith("#!")


# ------------------------------------------------------------------------------------------------------------- rules

def layer_order(tree):
    """A layer includes only the layers before it."""
    for path in tree.cpp("src/coffer/"):
        layer = path.split("/")[2]
        if layer.endswith(".h"):
            continue  # src/coffer/version.h and the like belong to no layer
        if layer not in LAYERS:
            yield path, 1, f"unknown layer {layer}: add it to LAYERS in tidy.py and to docs/architecture.md"
            continue
        for number, line in tree.lines(path):
            include = re.match(r'\s*#\s*include\s*"([^"]*)"', line)
            if not include:
                continue
            target = include[1]
            if not target.startswith("coffer/"):
                yield path, number, f'write the whole path: "coffer/…", not "{target}"'
            elif not may_include(path, layer, target.removeprefix("coffer/")):
                yield path, number, f"{layer} may include only {', '.join((layer,) + LAYERS[layer])}; not {target}"


def may_include(path, layer, target):
    if "/" not in target:
        return True
    if layer == "engines" and target.startswith("engines/"):
        return path.split("/")[3] == target.split("/")[1]  # engines do not know each other
    return any(target == seen or target.startswith(seen + "/") for seen in (layer,) + LAYERS[layer])


def crypto_headers(tree):
    """Only crypto/ touches the cryptographic libraries; kmip/ and http/ speak TLS with libssl, oauth/ signs."""
    for path in tree.cpp("src/"):
        if path.startswith(CRYPTO_HEADER_FOLDERS):
            continue
        for number, line in tree.lines(path):
            if CRYPTO_HEADERS.match(line):
                yield path, number, "go through src/coffer/crypto"


def engine_headers(tree):
    """An engine's headers stay inside its adapter."""
    for path in tree.cpp("src/"):
        for number, line in tree.lines(path):
            found = re.match(r'\s*#\s*include\s*[<"](rocksdb|mysql)/', line)
            adapter = "src/coffer/engines/" + {"rocksdb": "rocksdb", "mysql": "mariadb"}[found[1]] if found else ""
            if found and not path.startswith(adapter + "/"):
                yield path, number, f"only {adapter} may include {found[1]}/"


def reveals(tree):
    """Key bytes are looked at only where they must be."""
    for path in tree.cpp("src/"):
        if path.startswith(tuple(REVEAL_PLACES)):
            continue
        for number, line in enumerate(tree.stripped(path).split("\n"), 1):
            if re.search(r"\breveal(_mutable)?\s*\(", line):
                yield path, number, "reveal() is for the places in REVEAL_PLACES of tidy.py; pass the key on instead"


def kept_counts(tree):
    """Nothing is decided by counts that are kept: docs/adr/0033."""
    for path in tree.cpp("src/"):
        if path in ("src/coffer/ops/inventory.h", "src/coffer/ops/tally.cc", "src/coffer/ops/status_report.cc"):
            continue
        for number, line in enumerate(tree.stripped(path).split("\n"), 1):
            if re.search(r"\bkept_inventory\b|\bfile_counts\s*\(\)\s*(\.|->)\s*load\b", line):
                yield path, number, "kept counts are for `coffer status`; take_inventory() and visit_files() look"


def banned_words(tree):
    """Names say what a thing is."""
    for path in tree.cpp():
        for word in words_of(os.path.splitext(os.path.basename(path))[0].title()):
            if word in BANNED_WORDS:
                yield path, 1, f"file name with '{word}': {BANNED_WORDS[word]}"
        seen = set()
        for number, name in identifiers(tree.stripped(path)):
            for word in words_of(name):
                if word.capitalize() in BANNED_WORDS and name not in seen:
                    seen.add(name)
                    yield path, number, f"'{name}': {BANNED_WORDS[word.capitalize()]}"


def banned_calls(tree):
    """Functions without a bound or a seed, and using namespace std."""
    for path in tree.cpp():
        for number, line in enumerate(tree.stripped(path).split("\n"), 1):
            for call in re.findall(r"(?<![\w.>])(?:std::)?(\w+)\s*\(", line):
                if call in BANNED_CALLS:
                    yield path, number, f"{call}(): {BANNED_CALLS[call]}"
            if re.search(r"\busing\s+namespace\s+std\b", line):
                yield path, number, "using namespace std: name what you use"


def snapshots_held(tree):
    """What a loop goes through is held: a snapshot that its head asks for is gone before the first turn."""
    for path in tree.cpp():
        for number, line in enumerate(tree.stripped(path).split("\n"), 1):
            if re.search(r"\bfor \([^;]*[^:]:[^:][^;]*\b(?:keyring|snapshot|header)\(\)->", line):
                yield path, number, "hold the snapshot: for (const auto keyring = …; const X& x : keyring->…)"


def failure_dialect(tree):
    """A failure is returned in one way."""
    for path in tree.cpp():
        for number, line in enumerate(tree.stripped(path).split("\n"), 1):
            if re.search(r"\breturn\s+(?:coffer::)?Status\s*[({]", line):
                yield path, number, "return {Code::kX, \"…\"}; a success is Status::ok()"


def unfinished_marks(tree):
    """Nothing is left for later in the code."""
    for path, text in tree.texts.items():
        if text is None or path.endswith((".md", "LICENSE")):
            continue
        for number, line in tree.lines(path):
            if MARKS.search(line):
                yield path, number, "finish it, or open an issue"


def checkout_folder(root):
    """The folder the checkout stands in, or the checkout itself where that folder is the same on every machine."""
    parent = os.path.dirname(root)
    return root if parent == "/" or parent.split("/")[1] in SYSTEM_FOLDERS else parent


def machine_paths(tree):
    """No path of the machine it was written on."""
    here = checkout_folder(tree.root) if tree.root else ""
    if any(path.startswith(here.strip("/") + "/") for path in tree.texts):
        here = ""  # "/src" behind the name of a folder is a place in this tree
    pattern = re.compile(rf"(?<![\w.~$)}}-])(?:{HOMES}" + (rf"|{re.escape(here)}(?![\w.-])" if here else "") + ")")
    for path, text in tree.texts.items():
        for number, line in tree.lines(path) if text is not None else ():
            if pattern.search(line):
                yield path, number, "a path of somebody's machine"


def long_function(name, lines):
    return f"{name}() has {lines} lines, the limit is {FUNCTION_LINES_MAX}: split it"


def function_length(tree):
    """Functions fit a screen."""
    for path in tree.cpp():
        for name, first, last in functions(tree.stripped(path)):
            if last - first >= FUNCTION_LINES_MAX:
                yield path, first, long_function(name, last - first + 1)
    for path in tree.files(".py"):
        for node in ast.walk(ast.parse(tree.texts[path])):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX:
                yield path, node.lineno, long_function(node.name, node.end_lineno - node.lineno + 1)


def file_length(tree):
    """One subject each."""
    for path, text in tree.texts.items():
        if text is None or not is_program(path, text):
            continue
        limit = TEST_LINES_MAX if path.startswith("tests/") else SOURCE_LINES_MAX
        if text.count("\n") > limit:
            yield path, limit, f"{text.count(chr(10))} lines, {limit} are the limit: split by subject"


def file_size(tree):
    """The repository stays small."""
    for path, size in tree.sizes.items():
        if size > FILE_SIZE_MAX:
            yield path, 1, f"{size} bytes; generate it instead"


def line_length(tree):
    """Lines fit, tabs and trailing blanks do not."""
    for path, text in tree.texts.items():
        if text is None or not is_program(path, text):
            continue
        for number, line in tree.lines(path):
            if len(line) > COLUMNS_MAX:
                yield path, number, f"{len(line)} columns, {COLUMNS_MAX} are the limit"
            if line != line.rstrip() or "\t" in line:
                yield path, number, "a tab, or blanks at the end"


def prose_lines(text):
    """(number, line) of Markdown's paragraphs and list items: no code, table, heading or target of a link."""
    fence, inner, running = "", 0, False  # inner: where a list item's text begins; running: a paragraph goes on
    for number, line in enumerate(text.split("\n"), 1):
        words, indent = line.strip(), len(line) - len(line.lstrip())
        mark = re.match(r"`{3,}|~{3,}", words)
        if fence:
            if mark and mark[0] == words and words.startswith(fence):
                fence = ""
            continue
        if words and not running:
            inner = min(inner, indent)
        if not words or (not running and indent >= inner + 4):
            running = False
        elif mark:
            fence, running = mark[0], False
        elif re.match(r"\||#{1,6} |\[[^\]]+\]: ", words):
            running = False
        else:
            item = re.match(r"\s*(?:[-+*]|\d+[.)]) +", line)
            inner, running = item.end() if item else inner, True
            yield number, line


def prose_width(tree):
    """Pages can be read and compared side by side; a word or link that cannot be broken may stand out."""
    whole = re.compile(r"\s*(?:(?:[-+*>]|\d+[.)]) +)*(?:!?\[[^\]]*\]\([^)]*\)|\S)+\s*")
    for path in tree.files(".md"):
        for number, line in prose_lines(tree.texts[path]):
            if len(line) > PROSE_COLUMNS_MAX and not whole.fullmatch(line):
                yield path, number, f"{len(line)} columns, {PROSE_COLUMNS_MAX} are the limit for prose"


def header_form(tree):
    """A header says what it is, and may be included twice."""
    for path in tree.files(".h"):
        if not tree.texts[path].startswith("//"):
            yield path, 1, "begin with a comment: what is this, and which section of docs/format.md does it follow"
        if not re.search(r"^#pragma once$", tree.texts[path], re.MULTILINE):
            yield path, 1, "#pragma once is missing"


def sources_built(tree):
    """Every .cc is named by the build file nearest to it, every header is included by something."""
    for path in tree.files(".cc"):
        folder = path
        named = False
        while folder and not named:
            folder = os.path.dirname(folder)
            relative = re.escape(os.path.relpath(path, folder or "."))
            for name in ("layer.cmake", "CMakeLists.txt"):
                build = tree.texts.get(os.path.join(folder, name), "")
                named = named or bool(re.search(rf"(?<![\w/.-])(?:\${{\w+}}/)?{relative}(?![\w/.-])", build))
        if not named:
            yield path, 1, "no layer.cmake or CMakeLists.txt names it: it is not built"
    included = {include for path in (*tree.cpp(), *tree.files(".c"))
                for include in re.findall(r'#\s*include\s*["<]([^">]*)[">]', tree.texts[path])}
    for path in tree.files(".h"):
        if not any(path == include or path.endswith("/" + include) for include in included):
            yield path, 1, "nothing includes it"


def heading_anchor(heading):
    """As code hosts make it: lower case, punctuation dropped, blanks to hyphens."""
    text = re.sub(r"[`*_]|\[|\]\([^)]*\)|\]", "", heading).strip().lower()
    return re.sub(r" ", "-", re.sub(r"[^\w\- ]", "", text))


def markdown_links(tree, path):
    """(line, target) of each relative link, code blocks left out."""
    fenced = False
    for number, line in tree.lines(path):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if not re.match(r"[a-z]+:", target):
                yield number, target


def documents(tree):
    """Links in pages resolve, and every page can be reached from another."""
    linked = {"README.md"}
    for path in tree.files(".md"):
        for number, target in markdown_links(tree, path):
            name, _, anchor = target.partition("#")
            goal = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if goal != path:
                linked.add(goal)
            folder = any(other.startswith(goal + "/") for other in tree.texts)
            if goal not in tree.texts and not folder:
                yield path, number, f"link to {target}: there is no {goal}"
            elif anchor and goal.endswith(".md"):
                headings = re.findall(r"^#+ (.*)$", tree.texts[goal], re.MULTILINE)
                if anchor not in map(heading_anchor, headings):
                    yield path, number, f"link to {target}: {goal} has no such heading"
    for path in tree.files(".md", under="docs/"):
        if path not in linked:
            yield path, 1, "no page links here: link it from README.md or a page of its subject"


RULES = (layer_order, crypto_headers, engine_headers, reveals, kept_counts, banned_words, banned_calls, snapshots_held,
         failure_dialect, unfinished_marks, machine_paths, function_length, file_length, file_size, line_length,
         prose_width, header_form, sources_built, documents)


def check(tree):
    """All findings as (path, line, rule name, message)."""
    return sorted((path, line, rule.__name__, message) for rule in RULES for path, line, message in rule(tree))


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    tree = Tree.of_repository(root)
    findings = check(tree)
    for path, line, rule, message in findings:
        print(f"{path}:{line}: {rule}: {message}")
    print(f"tidy: {len(tree.texts)} files, {len(RULES)} rules, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
