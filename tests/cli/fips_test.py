"""`crypto: fips`: nothing but OpenSSL's FIPS provider. What needs a real one is skipped without COFFER_FIPS_PROVIDER,
which tests/support/build_fips_provider makes; the refusal without one always runs."""

import os
import unittest

from harness import CliTest, main

PROVIDER = os.environ.get("COFFER_FIPS_PROVIDER", "")
NO_PROVIDER = {"OPENSSL_MODULES": "/var/empty/coffer", "OPENSSL_CONF": "/dev/null"}
WITH_PROVIDER = {"OPENSSL_MODULES": PROVIDER, "OPENSSL_CONF": os.path.join(PROVIDER, "openssl.cnf")}


class Refusal(CliTest):
    """Where the provider cannot be loaded, as on Debian 12."""

    def test_a_new_coffer_is_refused_and_nothing_is_made(self):
        self.make_key()
        self.write("fips.yaml", b"version: 1\ncrypto: fips\n")
        run = self.refused(["init", "c.coffer", "--root", self.uri("root.key"), "--template", "fips.yaml"],
                           "unsupported", "coffer.yaml: crypto: fips", 'provider "fips" cannot be loaded', "fips.so",
                           environment=NO_PROVIDER)
        self.assertIn("hint: install it", run.err)
        self.assertIn("openssl fipsinstall", run.err)

    def test_whatever_opens_the_coffer_is_refused_and_changes_nothing(self):
        self.make_coffer()
        self.make_store()
        self.edit("c.coffer/coffer.yaml", "\ncipher:", "\ncrypto: fips\ncipher:")
        for words in (["status", "c.coffer"], ["verify", "c.coffer"], ["cat", "c.coffer", "store/data.sst"],
                      ["rotate", "domain", "c.coffer", "system"], ["rewrap", "c.coffer"],
                      ["provider", "list", "--config", "c.coffer"],
                      ["exec", "c.coffer", "--", "true"]):
            self.refused(words, "unsupported", "crypto: fips", environment=NO_PROVIDER)
        # The doctor says so, and does not measure what would not be used.
        run = self.problems("doctor", "c.coffer", environment=NO_PROVIDER)
        self.assertIn("WRONG: the coffer does not open: unsupported", run.out)
        self.assertNotIn("GB/s", run.out)

    def test_it_goes_with_no_chacha20_and_no_other_word(self):
        self.make_coffer()
        self.edit("c.coffer/coffer.yaml", "\ncipher: aes-256-gcm", "\ncrypto: fips\ncipher: chacha20-poly1305")
        self.refused(["status", "c.coffer"], "invalid_argument", "crypto: fips has no chacha20-poly1305",
                     environment=NO_PROVIDER)
        self.edit("c.coffer/coffer.yaml", "crypto: fips", "crypto: fast")
        self.refused(["status", "c.coffer"], "invalid_argument", "crypto: expected fips")

    def test_status_says_what_computes(self):
        self.make_coffer()
        answer = self.coffer("status", "c.coffer", "--json").json()
        self.assertIsNone(answer["config"]["crypto"])
        self.assertIsNone(answer["crypto"]["fips_provider"])
        self.assertRegex(answer["crypto"]["openssl"], r"^3\.")
        plain = self.done("status", "c.coffer", environment={"COFFER_CRYPTO": "openssl"})
        self.assertIn(f"  crypto     OpenSSL {answer['crypto']['openssl']}\n", plain.out)


@unittest.skipUnless(PROVIDER, "no FIPS provider: tests/support/build_fips_provider makes one")
class RealProvider(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.contents = self.make_store()  # by whatever is fastest here
        self.edit("c.coffer/coffer.yaml", "\ncipher:", "\ncrypto: fips\ncipher:")

    def fips(self, *words):
        return self.done(*words, environment=WITH_PROVIDER)

    def test_what_others_wrote_it_reads_and_the_other_way_round(self):
        for name, content in self.contents.items():
            if name != "store/raw":
                self.assertEqual(self.fips("cat", "c.coffer", name).bytes, content)
        self.fips("rotate", "domain", "c.coffer", "system", "--rewrap")
        run = self.run_program([os.environ["WRITE_STORE_FILE"], self.path("c.coffer"), self.path("store/more.sst"),
                                "blocks"], stdin=b"x" * 5000, environment=WITH_PROVIDER)
        self.assertEqual(run.status, 0, run)
        self.fips("verify", "c.coffer")
        self.edit("c.coffer/coffer.yaml", "\ncrypto: fips\n", "\n")
        self.assertEqual(self.done("cat", "c.coffer", "store/more.sst").bytes, b"x" * 5000)
        self.done("verify", "c.coffer")

    def test_status_and_doctor_name_the_provider(self):
        answer = self.fips("status", "c.coffer", "--json").json()
        self.assertIsNone(answer["crypto"]["ipsec_mb"])
        self.assertRegex(answer["crypto"]["fips_provider"], r"^3\.")
        self.assertIn("crypto     FIPS provider 3.", self.fips("status", "c.coffer").out)
        run = self.coffer("doctor", "c.coffer", environment=WITH_PROVIDER)
        self.assertIn("aes-256-gcm by openssl-fips", run.out)

    def test_files_of_a_cipher_that_it_lacks_are_refused(self):
        self.edit("c.coffer/coffer.yaml", "\ncrypto: fips\ncipher: aes-256-gcm", "\ncipher: chacha20-poly1305")
        self.make_file("c.coffer", "store/chacha.sst", b"x" * 5000)
        self.edit("c.coffer/coffer.yaml", "\ncipher: chacha20-poly1305", "\ncrypto: fips\ncipher: aes-256-gcm")
        self.refused(["cat", "c.coffer", "store/chacha.sst"], "unsupported", "does not offer chacha20-poly1305",
                     environment=WITH_PROVIDER)

    def test_providers_that_others_compute_for_are_refused(self):
        self.refused(["init", "d.coffer", "--root", "keystore:/nowhere.p12?alias=root", "--template",
                      self.write("fips.yaml", b"version: 1\ncrypto: fips\n")], "unsupported",
                     "crypto: fips does not allow a root key in keystore:", environment=WITH_PROVIDER)
        self.refused(["init", "d.coffer", "--root", "vault://localhost:1/transit/root?token_env=TOKEN", "--template",
                      self.path("fips.yaml")], "unsupported", "default_properties = fips=yes",
                     environment=WITH_PROVIDER)

    def test_no_slot_is_sealed_to_a_public_key(self):
        for words in (["--shares", "2/3"], ["--by", "recipient:x25519/" + 42 * "A" + "E"]):
            self.refused(["slot", "add", "c.coffer", *words], "unsupported", "crypto: fips", "approved",
                         environment=WITH_PROVIDER)


if __name__ == "__main__":
    main()
