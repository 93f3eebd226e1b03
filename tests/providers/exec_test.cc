// Commands behind exec: that behave, and that do not.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "coffer/base/base64.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/net/http/json_view.h"
#include "coffer/providers/registry.h"
#include "coffer/providers/service_root.h"
#include "io/temporary_directory.h"
#include "support/configured.h"
#include "support/memory_search.h"
#include "support/message_of.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kGood = R"(echo '{"version":1,"handle":"k/1"}')";

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

class ExecProviderTest : public testing::Test {
 protected:
  // A shell script at command_; "$DIR" is the test's directory.
  void write_command(const std::string& script) {
    const std::string text = "#!/bin/sh\nDIR='" + directory_.path() + "'\n" + script + "\n";
    ASSERT_TRUE(replace_file(Disk::posix(), command_, as_bytes(text), 0700, ReplacedMode::kGiven).is_ok());
  }
  std::unique_ptr<RootKeyProvider> open(const std::string& behind = "/app") {
    auto provider = open_provider("exec:" + command_ + behind);
    EXPECT_TRUE(provider.is_ok()) << provider.status().to_string();
    return std::move(provider).value();
  }
  Status current_of(const std::string& script, const std::string& options = "") {
    write_command(script);
    return open("/app" + options)->current().status();
  }
  Status open_status(const std::string& uri) { return open_provider(uri).status(); }
  // What the script left in a file.
  std::string left(const std::string& name) { return contents_of(directory_ / name); }

  // Whether a process that a script wrote the number of ends soon, having been killed.
  bool ends(const std::string& pid_file) {
    const std::string pid = left(pid_file);
    EXPECT_NE(pid, "") << pid_file;
    for (int i = 0; i < 1000; ++i) {
      const std::string stat = contents_of("/proc/" + pid.substr(0, pid.find('\n')) + "/stat");
      if (stat.empty() || stat.find(") Z") != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  TemporaryDirectory directory_;
  const std::string command_ = directory_ / "coffer-exec-test";
  const WrapContext context_{random_id().value(), random_id().value()};
  const KeyringKey key_ = random_key<KeyringRole>(32).value();
};

TEST_F(ExecProviderTest, RequestsAreOneLineEachOfTheDocumentedForm) {
  write_command(R"sh(cat >"$DIR/now"
    case $(cat "$DIR/now") in
      *current*) cp "$DIR/now" "$DIR/request"; echo '{"version":1,"handle":"k/1"}' ;;
      *unwrap*) cp "$DIR/now" "$DIR/unwrapping"
        sed -E 's/.*"plaintext":"([^"]*)".*/{"version":1,"plaintext":"\1"}/' "$DIR/request" ;;
      *) cp "$DIR/now" "$DIR/request"; echo '{"version":1,"ciphertext":"AAEC"}' ;;
    esac)sh");
  auto provider = open("/a%22b/c");
  const RootKeyHandle handle = provider->current().value();
  EXPECT_EQ(left("request"), "{\"version\":1,\"operation\":\"current\",\"key\":\"a\\\"b/c\"}\n");
  auto wrapped = provider->wrap(handle, context_, key_);
  ASSERT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
  EXPECT_EQ(wrapped->bytes, (Bytes{0, 1, 2}));
  const std::string request = left("request");
  auto parsed = http::JsonView::parse(as_bytes(request));
  ASSERT_TRUE(parsed.is_ok());
  EXPECT_EQ((*parsed)["handle"].text(64), "k/1");
  EXPECT_EQ((*parsed)["context"]["coffer_id"].text(64), context_.coffer_id.hex());
  EXPECT_EQ((*parsed)["context"]["slot_id"].text(64), context_.slot_id.hex());
  auto plaintext = json_base64(*parsed, "plaintext", 256);
  ASSERT_TRUE(plaintext.is_ok());
  EXPECT_TRUE(equal_constant_time(plaintext->reveal(), service_plaintext(context_, key_)->reveal()));
  EXPECT_TRUE(provider->unwrap(handle, context_, *wrapped).is_ok());
  EXPECT_THAT(left("unwrapping"), AllOf(HasSubstr("\"ciphertext\":\"AAEC\""), HasSubstr("\"handle\":\"k/1\""),
                                        Not(HasSubstr("plaintext"))));
}

TEST_F(ExecProviderTest, ArgumentsReachTheCommandAsTheyAre) {
  EXPECT_TRUE(current_of("printf '%s|' \"$#\" \"$@\" >\"$DIR/arguments\"; " + kGood,
                         "?arg1=a%20b%20%24(id)&arg2=%26%3d&timeout_millis=20000")
                  .is_ok());
  EXPECT_EQ(left("arguments"), "2|a b $(id)|&=|");
}

TEST_F(ExecProviderTest, TheEnvironmentIsTheDocumentedOneAndWhatWasAskedFor) {
  ::setenv("COFFER_TEST_SECRET", "never", 1);
  ::setenv("COFFER_TEST_PASSED", "on", 1);
  ::setenv("HOME", "/nowhere", 1);
  EXPECT_TRUE(current_of("tr '\\0' '\\n' </proc/$$/environ | sort >\"$DIR/environment\"; " + kGood,
                         "?env=COFFER_TEST_PASSED,COFFER_TEST_ABSENT")
                  .is_ok());
  EXPECT_EQ(left("environment"),
            "COFFER_TEST_PASSED=on\nHOME=/nowhere\nLC_ALL=C.UTF-8\n"
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
}

TEST_F(ExecProviderTest, NothingElseOfTheHostProcessIsPassedOn) {
  const std::string host_file = directory_ / "of_the_host";
  const int inherited = ::open(host_file.c_str(), O_CREAT | O_RDWR, 0600);  // without O_CLOEXEC
  ASSERT_GE(inherited, 0);
  auto* before = ::signal(SIGUSR1, SIG_IGN);
  EXPECT_TRUE(current_of("ls -l /proc/$$/fd >\"$DIR/files\"; grep SigIgn /proc/$$/status >\"$DIR/signals\"; "
                         "pwd >\"$DIR/place\"; " +
                         kGood)
                  .is_ok());
  ::signal(SIGUSR1, before);
  ::close(inherited);
  EXPECT_THAT(left("files"), AllOf(HasSubstr(" 0 -> "), Not(HasSubstr("of_the_host"))));
  const uint64_t ignored = std::stoull(left("signals").substr(std::string("SigIgn:\t").size()), nullptr, 16);
  EXPECT_EQ(ignored & (uint64_t{1} << (SIGUSR1 - 1)), 0u);
  EXPECT_EQ(left("place"), "/\n");
}

TEST_F(ExecProviderTest, ASlowCommandIsEndedWithAllItStarted) {
  const Status status =
      current_of("sleep 1000 & echo $! >\"$DIR/child\"; echo $$ >\"$DIR/command\"; sleep 1000", "?timeout_millis=1000");
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(status), AllOf(HasSubstr(command_), HasSubstr("1000 ms"), HasSubstr("timeout_millis")));
  EXPECT_TRUE(ends("command"));
  EXPECT_TRUE(ends("child"));
}

TEST_F(ExecProviderTest, ACommandThatClosesItsOutputsAndStaysIsEnded) {
  EXPECT_EQ(current_of("exec >&- 2>&-; sleep 1000", "?timeout_millis=300").code(), Code::kProviderUnavailable);
}

TEST_F(ExecProviderTest, WhatACommandLeavesRunningIsNotWaitedFor) {
  EXPECT_TRUE(current_of("sleep 1000 & echo $! >\"$DIR/child\"; " + kGood, "?timeout_millis=60000").is_ok());
  EXPECT_TRUE(ends("child"));
}

TEST_F(ExecProviderTest, AnAnswerOf64KiBIsReadAndOneByteMoreIsNot) {
  const std::string padded = "head -c %d /dev/zero | tr '\\0' ' '; printf '{\"version\":1,\"handle\":\"k/1\"}'";
  const size_t answer_size = std::string(R"({"version":1,"handle":"k/1"})").size();
  for (const auto& [size, code] : {std::pair{65536u, Code::kOk}, std::pair{65537u, Code::kLimitExceeded}}) {
    std::string script = padded;
    script.replace(script.find("%d"), 2, std::to_string(size - answer_size));
    EXPECT_EQ(current_of(script).code(), code) << size;
  }
}

TEST_F(ExecProviderTest, OutputWithoutEndIsCutOff) {
  const Status status = current_of("yes", "?timeout_millis=60000");
  EXPECT_EQ(status.code(), Code::kLimitExceeded);
  EXPECT_THAT(message_of(status), HasSubstr("64 KiB"));
  const Status errors = current_of("yes >&2", "?timeout_millis=500");
  EXPECT_EQ(errors.code(), Code::kProviderUnavailable);
}

TEST_F(ExecProviderTest, WhatIsNoAnswerIsRefused) {
  for (const std::string answer :
       {"", "garbage", "{", "{\"version\":1,\"handle\":\"k/", "[1]", "{\"version\":1}", "{\"handle\":\"k/1\"}",
        "{\"version\":2,\"handle\":\"k/1\"}", "{\"version\":1,\"handle\":7}", "{\"version\":1,\"handle\":\"\"}",
        "{\"version\":1,\"handle\":\"a\\nb\"}", "{\"version\":1,\"handle\":\"k\"} x",
        "{\"version\":1,\"error\":{\"code\":\"nosuch\"}}", "{\"version\":1,\"error\":\"text\"}"}) {
    const Status status = current_of("cat <<'END'\n" + answer + "\nEND");
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << answer << ": " << status.to_string();
    EXPECT_THAT(message_of(status), HasSubstr(command_));
  }
}

TEST_F(ExecProviderTest, HandlesHaveUpTo480Characters) {
  for (const auto& [size, code] : {std::pair{480u, Code::kOk}, std::pair{481u, Code::kInvalidArgument}}) {
    EXPECT_EQ(current_of("echo '{\"version\":1,\"handle\":\"" + std::string(size, 'h') + "\"}'").code(), code);
  }
}

TEST_F(ExecProviderTest, ACrashNamesItsSignal) {
  const Status status = current_of("kill -SEGV $$");
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(status), HasSubstr("was ended by signal 11 and said nothing"));
}

TEST_F(ExecProviderTest, AFailureNamesItsStatusAndTheLastLineOfStandardError) {
  const Status status = current_of("echo first >&2; printf 'no \\033card\\n\\n' >&2; exit 3");
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(status),
              AllOf(HasSubstr("exited with status 3; the last it said: no ?card"), Not(HasSubstr("first"))));
  EXPECT_THAT(message_of(current_of("head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1")), HasSubstr("a line too long"));
}

TEST_F(ExecProviderTest, AResultOfACommandThatFailedIsNotBelieved) {
  EXPECT_EQ(current_of(kGood + "; exit 1").code(), Code::kProviderUnavailable);
}

TEST_F(ExecProviderTest, ACommandThatPrintsTheKeyDoesNotGetItIntoTheError) {
  write_command("cat >&2; exit 1");
  const RootKeyHandle handle = encode_handle("exec", {"k"}).value();
  const Status status = open()->wrap(handle, context_, key_).status();
  const SecretBytes plaintext = service_plaintext(context_, key_).value();
  std::string digits(base64_size(plaintext.size()), ' ');
  encode_base64(plaintext.reveal(), {reinterpret_cast<uint8_t*>(digits.data()), digits.size()});
  EXPECT_THAT(message_of(status), AllOf(HasSubstr("characters left out"), Not(HasSubstr(digits.substr(0, 12)))));
}

TEST_F(ExecProviderTest, ErrorsOfTheCommandAreTheCodesOfCoffer) {
  struct Case {
    std::string code;
    Code of_current, of_key;
  };
  const Case cases[] = {
      {"not_found", Code::kNotFound, Code::kKeyUnavailable},
      {"key_unavailable", Code::kKeyUnavailable, Code::kKeyUnavailable},
      {"permission_denied", Code::kPermissionDenied, Code::kPermissionDenied},
      {"wrong_key", Code::kWrongKey, Code::kWrongKey},
      {"unavailable", Code::kProviderUnavailable, Code::kProviderUnavailable},
      {"unsupported", Code::kUnsupported, Code::kUnsupported},
      {"invalid_argument", Code::kInvalidArgument, Code::kInvalidArgument},
      {"internal", Code::kProviderUnavailable, Code::kProviderUnavailable},
  };
  const RootKeyHandle handle = encode_handle("exec", {"k"}).value();
  for (const Case& c : cases) {
    write_command("echo '{\"version\":1,\"error\":{\"code\":\"" + c.code +
                  "\",\"message\":\"the card is out\"}}'; exit 1");
    auto provider = open();
    const Status current = provider->current().status();
    EXPECT_EQ(current.code(), c.of_current) << c.code;
    EXPECT_THAT(message_of(current), AllOf(HasSubstr(command_), HasSubstr("the card is out")));
    EXPECT_EQ(provider->wrap(handle, context_, key_).code(), c.of_key) << c.code;
    EXPECT_EQ(provider->unwrap(handle, context_, {kWrapAlgorithmService, {1}}).code(), c.of_key) << c.code;
  }
}

TEST_F(ExecProviderTest, WhatItUnwrapsMustBeTheKeyOfThisSlot) {
  const RootKeyHandle handle = encode_handle("exec", {"k"}).value();
  write_command(R"(echo '{"version":1,"plaintext":"AAEC"}')");
  EXPECT_EQ(open()->unwrap(handle, context_, {kWrapAlgorithmService, {1}}).code(), Code::kTampered);
  write_command("echo '{\"version\":1,\"plaintext\":\"" + std::string(86, 'A') + "==\"}'");
  EXPECT_EQ(open()->unwrap(handle, context_, {kWrapAlgorithmService, {1}}).code(), Code::kWrongKey);
  EXPECT_EQ(open()->unwrap(handle, context_, {1, {1}}).code(), Code::kUnsupported);
  EXPECT_EQ(open()->unwrap(handle, context_, {kWrapAlgorithmService, Bytes(1025)}).code(), Code::kTampered);
}

TEST_F(ExecProviderTest, AWrappingLargerThanASlotIsRefused) {
  for (const auto& [size, code] : {std::pair{1024u, Code::kOk}, std::pair{1025u, Code::kLimitExceeded}}) {
    write_command(R"sh(case $(tee "$DIR/request") in
      *'"wrap"'*)
        sed 's/.*"plaintext":"\([^"]*\)".*/\1/' "$DIR/request" >"$DIR/key"
        printf '{"version":1,"ciphertext":"'; head -c )sh" +
                  std::to_string(size) + R"sh( /dev/zero | base64 -w0; printf '"}' ;;
      *) echo "{\"version\":1,\"plaintext\":\"$(cat "$DIR/key")\"}" ;;
    esac)sh");
    EXPECT_EQ(open()->wrap(encode_handle("exec", {"k"}).value(), context_, key_).code(), code) << size;
  }
}

TEST_F(ExecProviderTest, OnlyCommandsMadeForItAreRun) {
  for (const std::string uri :
       {"exec:/bin/sh", "exec:/bin/sh?arg1=-c&arg2=id", "exec:", "exec:/", "exec:/tmp/coffer-exec-",
        "exec://host/coffer-exec-a", "exec:/tmp/xcoffer-exec-a/key"}) {
    EXPECT_EQ(open_status(uri).code(), Code::kInvalidArgument) << uri;
  }
}

TEST_F(ExecProviderTest, ACommandThatOthersCouldChangeIsNotRun) {
  const auto status_with = [&](const std::string& path, mode_t mode) {
    write_command(kGood);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    const Status status = open()->current().status();
    EXPECT_EQ(::chmod(directory_.path().c_str(), 0700), 0);
    return status;
  };
  EXPECT_TRUE(status_with(command_, 0755).is_ok());
  for (const auto& [path, mode] : {std::pair{command_, 0775u}, std::pair{command_, 0702u}, std::pair{command_, 0600u},
                                   std::pair{directory_.path(), 0770u}, std::pair{directory_.path(), 0777u}}) {
    const Status status = status_with(path, mode);
    EXPECT_EQ(status.code(), Code::kPermissionDenied) << path << " " << mode;
    EXPECT_THAT(message_of(status), AllOf(HasSubstr(path), HasSubstr("run chmod")));
  }
  EXPECT_TRUE(status_with(directory_.path(), 01777).is_ok()) << "as in /tmp, names there are their owners'";
}

TEST_F(ExecProviderTest, ALinkIsFollowedAndWhereItLeadsIsJudgedToo) {
  const TemporaryDirectory other;
  const std::string target = other / "bridge";
  write_command(kGood);
  std::filesystem::rename(command_, target);
  std::filesystem::create_symlink(target, command_);
  EXPECT_TRUE(open()->current().is_ok());
  ASSERT_EQ(::chmod(other.path().c_str(), 0777), 0);
  EXPECT_EQ(open()->current().code(), Code::kPermissionDenied);
  ASSERT_EQ(::chmod(other.path().c_str(), 0700), 0);
  EXPECT_TRUE(open()->current().is_ok());
  ASSERT_EQ(::chmod(directory_.path().c_str(), 01777), 0) << "somebody else's link may be there";
  EXPECT_EQ(open()->current().code(), Code::kPermissionDenied);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0700), 0);
}

TEST_F(ExecProviderTest, ACommandThatIsNotThereIsUnavailable) {
  const Status status = open()->current().status();
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(status), HasSubstr(command_));
  ASSERT_TRUE(replace_file(Disk::posix(), command_, as_bytes("#!/nonexistent/interpreter\n"), 0700).is_ok());
  EXPECT_THAT(message_of(open()->current().status()), HasSubstr("could not be started"));
}

TEST_F(ExecProviderTest, ItsUriIsAbsoluteAndKeepsTheOptions) {
  EXPECT_EQ(open("/a%20b/c?arg1=x%26y&timeout_millis=500&env=A,B")->uri(),
            "exec:" + command_ + "/a%20b/c?arg1=x%26y&env=A,B&timeout_millis=500");
  EXPECT_EQ(open_provider("exec://" + command_)->get()->uri(), "exec:" + command_);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  EXPECT_EQ(open_provider("exec:coffer-exec-test/k")->get()->uri(),
            "exec:" + std::filesystem::current_path().string() + "/coffer-exec-test/k");
  std::filesystem::current_path(before);
}

TEST_F(ExecProviderTest, OptionsThatMakeNoSenseAreRefused) {
  for (const std::string options :
       {"nosuch=1", "arg2=x", "arg1=x&arg3=y", "arg9=x", "timeout_millis=99", "timeout_millis=120001",
        "timeout_millis=1s", "env=LD_PRELOAD", "env=A,,B", "env=A%3dB", "env=PATH"}) {
    EXPECT_EQ(open_status("exec:" + command_ + "?" + options).code(), Code::kInvalidArgument) << options;
  }
  EXPECT_EQ(open_status("exec:" + command_ + "/" + std::string(257, 'k')).code(), Code::kInvalidArgument);
  EXPECT_EQ(open_status("exec:" + command_ + "/a%0ab").code(), Code::kInvalidArgument);
}

TEST_F(ExecProviderTest, ANamedOneHasItsOptionsInTheConfiguration) {
  write_command("cat >\"$DIR/request\"; echo \"$1\" >\"$DIR/argument\"; " + kGood);
  const ProviderConfig config =
      configured("key_providers:\n  card:\n    uri: exec:" + command_ + "\n    arg1: reader-2\n");
  auto provider = open_provider("provider:card/app", config);
  ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
  EXPECT_TRUE((*provider)->current().is_ok());
  EXPECT_THAT(left("request"), HasSubstr("\"key\":\"app\""));
  EXPECT_EQ(left("argument"), "reader-2\n");
  EXPECT_EQ((*provider)->uri(), "provider:card/app");
}

TEST_F(ExecProviderTest, AHostThatIgnoresItsChildrenGetsAnswersToo) {
  auto* before = ::signal(SIGCHLD, SIG_IGN);
  EXPECT_TRUE(current_of(kGood).is_ok());
  EXPECT_EQ(current_of("sleep 1000", "?timeout_millis=300").code(), Code::kProviderUnavailable);
  ::signal(SIGCHLD, before);
}

TEST_F(ExecProviderTest, AHostWithoutStandardFilesGetsAnswersToo) {
  write_command("cat >\"$DIR/request\"; " + kGood);
  const pid_t child = ::fork();
  if (child == 0) {
    for (int fd : {0, 1, 2}) ::close(fd);
    ::_exit(open()->current().is_ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(left("request"), HasSubstr("\"operation\":\"current\""));
}

TEST_F(ExecProviderTest, TheKeyNeverLeavesSecretMemory) {
  const RootKeyHandle handle = encode_handle("exec", {"k"}).value();
  // Gives back what it was given.
  write_command(R"sh(case $(tee "$DIR/request") in
      *'"wrap"'*)
        sed 's/.*"plaintext":"\([^"]*\)".*/\1/' "$DIR/request" >"$DIR/key"
        echo '{"version":1,"ciphertext":"AAEC"}' ;;
      *) echo "{\"version\":1,\"plaintext\":\"$(cat "$DIR/key")\"}" ;;
    esac)sh");
  auto provider = open();
  const auto there_and_back = [&](const KeyringKey& key) {
    auto wrapped = provider->wrap(handle, context_, key);
    EXPECT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
    return provider->unwrap(handle, context_, wrapped.is_ok() ? *wrapped : WrappedKeyringKey{});
  };
  // Functions of shared libraries are looked up when first called, and registers go to the stack meanwhile: so once
  // with another key.
  const KeyringKey other = random_key<KeyringRole>(32).value();
  EXPECT_TRUE(there_and_back(other).is_ok());
  EXPECT_GE(find(Needle(other.reveal())).secret, 1u);
  SecretBytes text(base64_size(kServicePlaintextSize));
  encode_base64(service_plaintext(context_, key_)->reveal(), text.reveal_mutable());
  const Needle raw(key_.reveal()), encoded(text.reveal());
  const auto key = there_and_back(key_);
  EXPECT_TRUE(key.is_ok()) << key.status().to_string();
  EXPECT_GE(find(raw).secret, 2u) << "the search finds what is there: the key, and the key unwrapped";
  EXPECT_EQ(find(raw).other, 0u);
  EXPECT_EQ(find(encoded).other, 0u);
  const std::string copy(as_text(text.reveal()));
  EXPECT_EQ(find(encoded).other, 1u) << "the search finds a copy on the heap: " << copy.size();
}

}  // namespace
}  // namespace coffer
