"""Files that are not as they were written: `verify` finds each and says which kind of wrong it is; `cat` fails."""

import os

from harness import BODY_OFFSET, CHUNKS_OFFSET, SLOT_SIZE, CliTest, main

CHUNK = 4096 + 16


class Findings(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.contents = self.make_store()

    def found(self, name, kind):
        """Verify finds this and nothing else; a line says so; cat fails and what it lets out is authentic."""
        self.assertEqual(self.verified("c.coffer"), {name: kind})
        run = self.problems("verify", "c.coffer")
        self.assertIn(f"{self.path(name)}: {kind}: ", run.out)
        self.assertIn("1 problem", run.out)
        run = self.coffer("cat", "c.coffer", name)
        self.assertEqual(run.status, 2, run)
        self.assertTrue(self.contents.get(name, b"").startswith(run.bytes), f"{name}: cat let out other bytes")

    def test_a_flipped_bit_in_a_chunk(self):
        for offset in (CHUNKS_OFFSET, CHUNKS_OFFSET + 2 * CHUNK + 5, os.path.getsize(self.path("store/data.sst")) - 1):
            self.set_byte("store/data.sst", offset)
            self.found("store/data.sst", "tampered")
            self.set_byte("store/data.sst", offset)
        self.assertEqual(self.verified("c.coffer"), {})

    def test_swapped_chunks(self):
        data = self.read("store/data.sst")
        a, b, c = CHUNKS_OFFSET, CHUNKS_OFFSET + CHUNK, CHUNKS_OFFSET + 2 * CHUNK
        self.write("store/data.sst", data[:a] + data[b:c] + data[a:b] + data[c:])
        self.found("store/data.sst", "tampered")

    def test_a_data_file_cut_off_anywhere(self):
        whole = self.read("store/data.sst")
        for size in (CHUNKS_OFFSET + 2 * CHUNK + 15, CHUNKS_OFFSET + 3, CHUNKS_OFFSET, BODY_OFFSET + 10, BODY_OFFSET):
            self.write("store/data.sst", whole[:size])
            self.found("store/data.sst", "truncated")
        # Where a shorter file would have the form of a whole one, only its last tag speaks against it.
        for size in (len(whole) - 1, len(whole) - 16, CHUNKS_OFFSET + CHUNK, CHUNKS_OFFSET + 2 * CHUNK + 20):
            self.write("store/data.sst", whole[:size])
            run = self.problems("verify", "c.coffer", "store/data.sst")
            self.assertRegex(run.out, "data.sst: (truncated|tampered): ")

    def test_a_data_file_without_its_header_is_never_empty(self):
        whole = self.read("store/data.sst")
        for size in (0, 1, 100, SLOT_SIZE, BODY_OFFSET - 1):
            self.write("store/data.sst", whole[:size])
            self.found("store/data.sst", "truncated")
        self.write("store/data.sst", bytes(BODY_OFFSET))
        self.found("store/data.sst", "truncated")
        self.write("store/data.sst", bytes(BODY_OFFSET) + whole[BODY_OFFSET:])
        self.found("store/data.sst", "damaged")

    def test_a_log_under_no_header_or_that_of_another_is_never_empty(self):
        whole = self.read("store/events.log")
        self.make_file("c.coffer", "store/more.log", b"abc", "log")
        for head in (bytes(BODY_OFFSET), self.read("store/more.log")[:BODY_OFFSET]):
            self.write("store/events.log", head + whole[BODY_OFFSET:])
            self.found("store/events.log", "damaged")

    def test_an_old_wrapping_put_back_in_one_slot_is_counted_until_it_is_rewrapped(self):
        old = self.read("store/data.sst")
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.assertIn("100 % of", self.done("status", "c.coffer").out)
        new = self.read("store/data.sst")
        self.write("store/data.sst", old[:SLOT_SIZE] + new[SLOT_SIZE:])
        run = self.done("status", "c.coffer")
        self.assertIn("1 file whose other copy of the header still needs key 1 of system", run.out)
        self.assertNotIn("100 % of", run.out)
        self.assertLess(self.done("status", "c.coffer", "--json").json()["active_percent"], 100)
        self.done("rewrap", "c.coffer")
        self.assertIn("100 % of", self.done("status", "c.coffer").out)

    def test_loops_and_links_out_of_a_store_end_nothing(self):
        os.symlink(".", self.path("store/loop"))
        os.symlink("/", self.path("store/root"))
        run = self.done("verify", "c.coffer")
        self.assertIn("root: note: a link out of the store: not followed", run.out)
        self.assertIn("read ", run.out)
        self.assertIn("root: note: ", self.done("status", "c.coffer").out)
        self.done("rewrap", "c.coffer")

    def test_a_flipped_bit_in_a_log_before_something_durable(self):
        self.set_byte("store/events.log", BODY_OFFSET + 96 + 100)
        self.found("store/events.log", "damaged")

    def test_a_flipped_bit_in_a_ctr_body(self):
        self.set_byte("store/raw", BODY_OFFSET + 100)
        self.found("store/raw", "tampered")

    def test_a_ctr_file_cut_off(self):
        self.shrink("store/raw", os.path.getsize(self.path("store/raw")) - 1)
        self.found("store/raw", "truncated")

    def test_a_header_damaged_in_both_slots(self):
        for offset in (40, SLOT_SIZE + 40):
            self.set_byte("store/data.sst", offset)
        self.found("store/data.sst", "damaged")
        self.refused(["inspect", "store/data.sst"], "damaged", "store/data.sst")

    def test_a_header_damaged_in_one_slot_is_a_note_and_rewrap_mends_it(self):
        self.set_byte("store/data.sst", 40)
        run = self.done("verify", "c.coffer")
        self.assertIn("data.sst: note: one of its two headers is damaged", run.out)
        self.assertEqual(self.done("cat", "c.coffer", "store/data.sst").bytes, self.contents["store/data.sst"])
        self.done("rewrap", "c.coffer")
        self.assertNotIn("note", self.done("verify", "c.coffer").out)

    def test_the_bodies_of_two_files_exchanged(self):
        self.make_file("c.coffer", "store/more.sst", os.urandom(20000))
        a, b = self.read("store/data.sst"), self.read("store/more.sst")
        self.write("store/data.sst", a[:BODY_OFFSET] + b[BODY_OFFSET:])
        self.assertEqual(list(self.verified("c.coffer")), ["store/data.sst"])
        self.assertIn(self.verified("c.coffer")["store/data.sst"], ("tampered", "wrong key"))

    def test_a_plaintext_file_in_the_store(self):
        self.write("store/notes.txt", b"plain text " * 2000)
        self.found("store/notes.txt", "plaintext")
        self.write("store/notes.txt", b"short")
        self.found("store/notes.txt", "plaintext")

    def test_a_file_of_another_coffer(self):
        self.make_coffer("other.coffer", "other.key")
        self.make_file("other.coffer", "foreign/file.sst", b"abc")
        os.rename(self.path("foreign/file.sst"), self.path("store/file.sst"))
        self.found("store/file.sst", "missing key")

    def test_a_later_version_of_the_format(self):
        # With good checksums, as a later version would write it: CRC-32C over the record with another version number.
        data = bytearray(self.read("store/raw"))
        for slot in (0, SLOT_SIZE):
            data[slot + 8] = 2
            data[slot + 508:slot + 512] = crc32c(bytes(data[slot:slot + 508])).to_bytes(4, "little")
        self.write("store/raw", bytes(data))
        self.found("store/raw", "unsupported")

    def test_cat_says_how_much_it_let_out_and_lets_out_only_what_is_authentic(self):
        data = os.urandom(3 << 20)
        self.make_file("c.coffer", "store/big.sst", data)
        self.set_byte("store/big.sst", CHUNKS_OFFSET + 600 * CHUNK)
        run = self.coffer("cat", "c.coffer", "store/big.sst")
        self.assertEqual(run.status, 2)
        self.assertTrue(data.startswith(run.bytes))
        self.assertGreater(len(run.bytes), 0)
        self.assertIn(f"after {len(run.bytes)} authenticated bytes", run.err)
        run = self.coffer("cat", "c.coffer", "store/big.sst", "-o", "out")
        self.assertEqual(run.status, 2)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_every_problem_is_listed_once_in_order_and_counted(self):
        self.set_byte("store/raw", BODY_OFFSET + 1)
        self.set_byte("store/data.sst", CHUNKS_OFFSET)
        self.write("store/a.txt", b"plain")
        run = self.problems("verify", "c.coffer")
        lines = run.out.splitlines()
        self.assertEqual([line.split(": ")[1] for line in lines[:3]], ["plaintext", "tampered", "tampered"])
        self.assertEqual([os.path.basename(line.split(": ")[0]) for line in lines[:3]], ["a.txt", "data.sst", "raw"])
        self.assertIn("3 problems", lines[-1])
        problem = self.problems("verify", "c.coffer", "--json").json()["problems"][0]
        self.assertEqual((problem["kind"], problem["code"]), ("plaintext", "plaintext"))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


if __name__ == "__main__":
    main()
