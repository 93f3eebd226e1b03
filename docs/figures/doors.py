#!/usr/bin/python3
"""Draws docs/figures/doors.svg: where Coffer stands between engines and the disk, and the KMS beside it.

  python3 docs/figures/doors.py > docs/figures/doors.svg
"""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 800, 404
INK, FAINT = "#1f2933", "#52606d"
PAPER, BOX, COFFER, KEYS, DISK = "#ffffff", "#f5f7fa", "#e6eef7", "#fdf6e3", "#f0f0ec"
LINE, COFFER_LINE, KEY_LINE = "#9aa5b1", "#33658a", "#a67c00"

# Who stores, and the door that is made for it.
DOORS = (("RocksDB", "FileSystem"), ("SQLite", "VFS"), ("MariaDB", "plug-in"), ("any program", "FUSE mount"),
         ("any language", "C library"))
DOOR_WIDTH, DOOR_GAP, LEFT = 108, 10, 12
HOUSE_WIDTH = len(DOORS) * (DOOR_WIDTH + DOOR_GAP) - DOOR_GAP
KMS_LEFT, KMS_WIDTH = 658, 130


def text(x, y, words, size=13, weight="normal", fill=INK, anchor="middle"):
    return (f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
            f'text-anchor="{anchor}">{escape(words)}</text>')


def box(x, y, width, height, fill, line):
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" stroke="{line}"/>'


def named_box(x, y, width, height, lines, fill=BOX, line=LINE):
    """A box with a name in it, and words below that."""
    middle = x + width // 2
    first = y + (height - 17 * (len(lines) - 1)) // 2 + 5
    yield box(x, y, width, height, fill, line)
    for number, words in enumerate(lines):
        yield text(middle, first + 17 * number, words, 13 if number == 0 else 12, "bold" if number == 0 else "normal",
                   INK if number == 0 else FAINT)


def arrow(x1, y1, x2, y2, line=FAINT):
    """Both ways: what is written goes there, what is read comes back."""
    return (f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{line}" stroke-width="1.5" '
            'marker-start="url(#tip)" marker-end="url(#tip)"/>')


def engines():
    for number, (engine, door) in enumerate(DOORS):
        x = LEFT + number * (DOOR_WIDTH + DOOR_GAP)
        yield box(x, 40, DOOR_WIDTH, 46, BOX, LINE)
        yield text(x + DOOR_WIDTH // 2, 68, engine, 13, "bold")
        yield arrow(x + DOOR_WIDTH // 2, 92, x + DOOR_WIDTH // 2, 132)
        yield box(x, 138, DOOR_WIDTH, 28, PAPER, COFFER_LINE)
        yield text(x + DOOR_WIDTH // 2, 157, door)
    yield text(LEFT, 28, "Engines and programs", 13, "normal", FAINT, "start")
    yield text(LEFT + HOUSE_WIDTH + 8, 116, "plaintext", 12, "normal", FAINT, "start")


def house():
    yield box(LEFT - 6, 132, HOUSE_WIDTH + 12, 146, COFFER, COFFER_LINE)
    yield from engines()
    yield text(LEFT + 4, 192, "Coffer", 16, "bold", COFFER_LINE, "start")
    yield from named_box(LEFT, 204, 340, 62, ("files", "header, blocks, log, ctr: sealed and opened",
                                              "each under a file key of its own"), PAPER, COFFER_LINE)
    yield from named_box(LEFT + 380, 204, HOUSE_WIDTH - 380, 62, ("keyring", "domain keys, their states",
                                                                  "rotation, policy, audit"), KEYS, KEY_LINE)
    yield arrow(LEFT + 346, 235, LEFT + 374, 235, KEY_LINE)


def disk():
    yield arrow(LEFT + 170, 284, LEFT + 170, 324)
    yield text(LEFT + 184, 308, "ciphertext", 12, "normal", FAINT, "start")
    yield arrow(LEFT + 380 + (HOUSE_WIDTH - 380) // 2, 284, LEFT + 380 + (HOUSE_WIDTH - 380) // 2, 324, KEY_LINE)
    yield from named_box(LEFT, 330, 340, 62, ("disk: the engine's files", "each file's key is in its header, wrapped",
                                              "under a domain key"), DISK, LINE)
    yield from named_box(LEFT + 380, 330, HOUSE_WIDTH - 380, 62, ("disk: the keyring", "sealed; its key wrapped",
                                                                  "under a root key"), DISK, LINE)


def kms():
    yield from named_box(KMS_LEFT, 178, KMS_WIDTH, 114, ("KMS: root keys", "KMIP, PKCS#11,", "TPM, Vault, AWS,",
                                                         "Azure, Google,", "or a key file"), KEYS, KEY_LINE)
    yield arrow(LEFT + HOUSE_WIDTH + 6, 235, KMS_LEFT - 6, 235, KEY_LINE)
    for number, words in enumerate(("asked when a coffer is", "opened, and now and", "then; no read or write",
                                    "waits for it")):
        yield text(KMS_LEFT + KMS_WIDTH // 2, 312 + 16 * number, words, 12, "normal", FAINT)


def drawing():
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img">')
    yield "<title>Coffer between engines and the disk, with a KMS beside it</title>"
    yield ('<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
           f'orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z" fill="{FAINT}"/></marker></defs>')
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>'
    for part in (house, disk, kms):
        yield from part()
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(drawing()))
