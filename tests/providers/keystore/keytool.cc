#include "providers/keystore/keytool.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace coffer::testing_keystores {

std::string keytool(const std::vector<std::string>& arguments) {
  // A small machine for a short run: most of what it takes is Java's start.
  std::vector<std::string> words = {"keytool", "-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto",
                                    "-J-Djdk.jceks.iterationCount=10000", "-J-Duser.language=en"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, "keytool", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t size; error == 0 && (size = read(out[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<size_t>(size));
  }
  close(out[0]);
  int status = 0;
  if (error != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    throw std::runtime_error("keytool failed; is openjdk-17-jre-headless installed? it said: " + said);
  }
  return said;
}

void make_secret_key(const std::string& path, const std::string& type, const std::string& alias, int bits,
                     const std::string& key_password) {
  std::vector<std::string> words = {"-genseckey", "-keyalg",    "AES",         "-keysize", std::to_string(bits),
                                    "-alias",     alias,        "-storetype",  type,       "-keystore",
                                    path,         "-storepass", kStorePassword};
  // keytool gives every key of a PKCS#12 store the store's password, and complains when asked for another.
  if (type != "pkcs12") words.insert(words.end(), {"-keypass", key_password});
  keytool(words);
  chmod(path.c_str(), 0600);
}

void convert(const std::string& from, const std::string& to, const std::string& type) {
  keytool({"-importkeystore", "-noprompt", "-srckeystore", from, "-srcstorepass", kStorePassword, "-destkeystore", to,
           "-deststoretype", type, "-deststorepass", kStorePassword});
  chmod(to.c_str(), 0600);
}

keystore::Password password(const std::string& text) {
  return keystore::Password(SecretBytes::copy_of(as_bytes(text)));
}

keystore::Passwords passwords(const std::string& store, const std::string& key) {
  return {password(store), password(key)};
}

Result<keystore::FoundKey> find_in_file(const std::string& path, const std::string& alias,
                                        const keystore::Passwords& given) {
  COFFER_ASSIGN(const Bytes contents, read_file(Disk::posix(), path, keystore::kKeystoreSizeMax));
  keystore::WorkBudget budget;
  return keystore::find_secret_key(contents, alias, given, budget);
}

Bytes key_in(const std::string& path, const std::string& alias, const keystore::Passwords& given) {
  auto found = find_in_file(path, alias, given);
  if (!found.is_ok()) throw std::runtime_error(path + ": " + found.status().to_string());
  return {found->key.reveal().begin(), found->key.reveal().end()};
}

}  // namespace coffer::testing_keystores
