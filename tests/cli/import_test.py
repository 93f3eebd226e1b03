"""`coffer import-config`: what it prints is a coffer.yaml that begins a coffer, and what it cannot keep it says."""

import os

from harness import CliTest, main

GROUP = """
kmip_hosts:
  hsm:
    hosts: hsm1.example:5696, hsm2.example
    keystore_path: /etc/dse/conf/client.jks
    keystore_password: hunter2secret
    truststore_path: /etc/dse/conf/trust.p12
    truststore_type: PKCS12
    truststore_password: swordfish7
    key_cache_millis: 300000
    timeout: 1000
    protocol: TLSv1.2
"""


class ImportConfig(CliTest):
    def imported(self, *words):
        return self.done("import-config", *words)

    def notes(self, *words):
        """what → why and remedy, as JSON and people have it."""
        answer = self.done("import-config", *words, "--json").json()
        run = self.imported(*words)
        self.assertEqual(run.out, answer["config"])
        for note in answer["notes"]:
            self.assertIn(f"coffer: {note['what']}: {note['why']}", run.err)
        return {note["what"]: note["why"] + "; " + note["remedy"] for note in answer["notes"]}

    def begin(self, yaml, root="root-1"):
        """A coffer of what was printed, as Coffer itself reads it."""
        self.write("prepared.yaml", yaml.encode())
        self.assertIn("is valid", self.done("policy", "check", "prepared.yaml").out)
        self.done("init", "c.coffer", "--template", "prepared.yaml", "--root", root)
        return self.done("inspect", self.make_file("c.coffer", "store/data.sst", b"words" * 999), "--json").json()

    def test_cockroachdb_s_flags_begin_a_coffer(self):
        self.make_key("aes.key", "--bits", "192")
        run = self.imported("--store", f"path=/mnt/db,key={self.path('aes.key')},old-key=plain,rotation-period=36h")
        self.assertIn("rotation_period: 36h", run.out)
        header = self.begin(run.out)
        self.assertEqual(header["cipher"], "aes-192-gcm")
        self.assertIn("root-1", self.done("slot", "list", "c.coffer").out)

    def test_what_cannot_be_kept_of_cockroachdb_is_said(self):
        key = self.make_key()
        self.write("old.key", os.urandom(64), 0o600)
        notes = self.notes(f"path=/mnt/db,key={key},old-key={self.path('old.key')}",
                           f"path=/mnt/more,size=20%,key={key},old-key=plain")
        self.assertIn("coffer rotate root", notes[f"old-key={self.path('old.key')}"])
        self.assertIn("coffer encrypt", notes["old-key=plain"])
        self.assertIn("does not read", notes["path=/mnt/more"])
        self.assertIn("aes-256-gcm", notes[f"key={key}"])
        self.assertIn("nothing of encryption", notes["size"])
        # A week, as here.
        self.assertNotIn("policy:", self.imported(f"path=/a,key={key},old-key=plain,rotation-period=168h").out)
        self.assertNotIn("policy:", self.imported(f"path=/a,key={key},old-key=plain").out)

    def test_each_wrong_word_of_cockroachdb_is_named(self):
        key = self.make_key()
        good = f"path=/mnt/db,key={key},old-key=plain"
        for spec, says in ((f"{good},colour=red", 'unknown field "colour"'), (f"{good},path=/b", "path is used twice"),
                           (f"{good},rotation-period", "no value is given for rotation-period"),
                           (f"{good},rotation-period=", "no value is given"), (f"key={key},old-key=plain", "no path"),
                           ("path=/mnt/db,old-key=plain", "no key"), (f"path=/mnt/db,key={key}", "no old-key"),
                           (f"{good},rotation-period=1d", "rotation-period"), (f"{good},=x", "without a name"),
                           (f"{good},rotation-period=1.5h", "rotation-period"),
                           (f"{good},rotation-period=0s", "more than 0"), (f"{good},rotation-period=3m2h", "1h30m"),
                           ("path=/mnt/db,key=plain,old-key=plain", "coffer decrypt")):
            self.refused(["import-config", "--enterprise-encryption", spec], "invalid_argument", says)
        self.refused(["import-config", "--store", f"path=/mnt/db,key={self.path('none')},old-key=plain"], "not_found",
                     "none")
        self.make_key("other.key")
        self.refused(["import-config", "--store", good, f"path=/b,key={self.path('other.key')},old-key=plain"],
                     "invalid_argument", "import the others apart")
        self.refused(["import-config", good, f"{good},rotation-period=1h"], "invalid_argument", "import them apart")
        self.refused(["import-config"], "invalid_argument", "nothing to import")
        self.refused(["import-config", "--store", good, "{'class': 'Encryptor'}"], "invalid_argument", "at once")

    def hcd(self, text):
        return self.write("dse.yaml", text.encode())

    def test_a_dse_yaml_with_a_key_file_begins_a_coffer(self):
        line = b"AES/CBC/PKCS5Padding:256:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=\n"
        key = self.write("system_key", line, 0o600)
        name = self.hcd(f"""
authentication_options:
  enabled: true
system_key_directory: {self.directory}
system_info_encryption:
  enabled: true
  cipher_algorithm: AES/CBC/PKCS5Padding
  secret_key_strength: 128
  chunk_length_kb: 64
  key_provider: com.datastax.bdp.cassandra.crypto.ReplicatedKeyProviderFactory
  system_key_file: system_key
""")
        yaml = self.imported(name).out
        self.assertEqual(self.begin(yaml)["cipher"], "aes-128-gcm")
        self.assertIn("chunk_size: 65536", yaml)
        notes = self.notes(name)
        self.assertIn("leave it with the database", notes["authentication_options"])
        self.assertIn("takes its place", notes["system_info_encryption: cipher_algorithm: AES/CBC/PKCS5Padding 128"])
        self.assertIn("dse_system.encrypted_keys",
                      notes["system_info_encryption: key_provider: ReplicatedKeyProviderFactory"])
        self.assertIn(key, " ".join(notes))

    def test_kmip_hosts_keep_all_but_their_passwords(self):
        name = self.hcd(GROUP + """
config_encryption_active: true
system_info_encryption:
  key_provider: KmipKeyProviderFactory
  kmip_host: hsm
  key_namespace: prod
""")
        run = self.imported(name)
        self.assertIn('"start_requires": "all"', run.out)
        self.write("prepared.yaml", run.out.encode())
        self.done("policy", "check", "prepared.yaml")
        ping = self.coffer("kmip", "ping", "hsm", "--config", "prepared.yaml")
        self.assertIn("/etc/dse/conf/client.jks", ping.err + ping.out)  # every option was understood before that
        notes = self.notes(name)
        self.assertIn("/etc/coffer/hsm.keystore_password", notes["kmip_hosts: hsm: keystore_password"])
        self.assertIn("--root 'kmip:hsm/NAME?namespace=prod'", notes["system_info_encryption: kmip_host: hsm"])
        self.assertIn("seal-value", notes["config_encryption_active"])
        for words in ((name,), (name, "--json")):
            shown = self.imported(*words)
            for password in ("hunter2secret", "swordfish7"):
                self.assertNotIn(password, shown.out + shown.err)

    def test_every_old_cipher_is_replaced_by_name(self):
        for cipher, strength, why in (("DES", 56, "trying all"), ("DESede", 168, "Triple DES"),
                                      ("DESede", 112, "Sweet32"), ("Blowfish", 448, "64 bits"),
                                      ("RC2", 40, "related keys")):
            options = f"{{'class': 'Encryptor', 'cipher_algorithm': '{cipher}/CBC/PKCS5Padding', " \
                      f"'secret_key_strength': {strength}, 'chunk_length_kb': 4}}"
            notes = self.notes(options)
            self.assertIn(why, notes[f"cipher_algorithm: {cipher}/CBC/PKCS5Padding {strength}"])
            out = self.imported(options).out
            self.assertIn("cipher: aes-256-gcm", out)
            self.assertIn("chunk_size: 4096", out)

    def test_a_table_gets_a_domain(self):
        options = "orders={'class': 'EncryptingLZ4Compressor', 'cipher_algorithm': 'AES/ECB/PKCS5Padding', " \
                  "'secret_key_strength': 192, 'chunk_length_kb': 16, 'iv_length': 16}"
        notes = self.notes(options)
        self.assertIn("set lz4 compression", notes["orders: class: EncryptingLZ4Compressor"])
        self.assertIn("coffer domain add COFFER orders", notes["orders"])
        yaml = self.imported(options).out
        self.make_key()
        self.begin(yaml, self.uri("root.key"))
        self.done("domain", "add", "c.coffer", "orders", "--path", self.path("orders"))
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            lines = yaml[yaml.index("# Once coffer domain add"):].splitlines()
            file.writelines(line[1:] + "\n" for line in lines[1:])
        self.assertIn("is valid", self.done("policy", "check", "c.coffer").out)
        self.make_file("c.coffer", "orders/data.sst", b"words", "blocks", "--domain", "orders")
        self.done("rotate", "domain", "c.coffer", "orders")
        self.done("reencrypt", "c.coffer")
        header = self.done("inspect", "orders/data.sst", "--json").json()
        self.assertEqual((header["cipher"], header["chunk_size"]), ("aes-192-gcm", 16384))

    def test_each_wrong_word_of_hcd_is_named(self):
        for text, says in (("kmip_host:\n  a: {hosts: b}\n", 'unknown option "kmip_host"'),
                           ("kmip_hosts:\n  a: {hosts: b, colour: red}\n", 'unknown option "colour"'),
                           ("kmip_hosts:\n  a: {timeout: 5}\n", "hosts is missing"),
                           ("kmip_hosts:\n  a: {hosts: b, protocol: SSLv3}\n", "expected TLS"),
                           ("kmip_hosts:\n  a: {hosts: b, keystore_path: c.jks}\n", "absolute path"),
                           ("system_info_encryption:\n  colour: red\n", 'unknown option "colour"'),
                           ("system_info_encryption:\n  enabled: yes\n", "expected true or false"),
                           ("system_info_encryption:\n  chunk_length_kb: 3\n", "power of two"),
                           ("system_info_encryption:\n  cipher_algorithm: AES\n  secret_key_strength: 40\n", "192"),
                           ("system_info_encryption:\n  cipher_algorithm: ROT13\n", "expected AES, DES"),
                           ("system_info_encryption:\n  key_provider: KmipKeyProviderFactory\n  kmip_host: a\n",
                            "not among kmip_hosts"), ("a: b\na: c\n", "twice"), ("- a\n", "mapping")):
            self.hcd(text)
            self.refused(["import-config", "dse.yaml"], "invalid_argument", says, "dse.yaml:")
        for options, says in (("a={'class': 'Rot13'}", "EncryptingDeflateCompressor"), ("system={}", "not system"),
                              ("{'cipher_algorithm': 'DES', 'secret_key_strength': 64}", "DES has 56 bits"),
                              ("{'cipher_algorithm': 'DESede', 'secret_key_strength': 128}", "112 or 168"),
                              ("{'cipher_algorithm': 'Blowfish', 'secret_key_strength': 449}", "32 to 448"),
                              ("{'cipher_algorithm': 'RC2', 'secret_key_strength': 39}", "40 to 128")):
            self.refused(["import-config", options], "invalid_argument", says)
        self.refused(["import-config", "a={}", "a={}"], "invalid_argument", "twice")
        self.refused(["import-config", "{'secret_key_strength': 128}", "{'secret_key_strength': 192}"],
                     "invalid_argument", "domain of its own")
        self.refused(["import-config", "none.yaml"], "not_found", "none.yaml")


if __name__ == "__main__":
    main()
