// Makes a coffer and turns its keys: the library without any engine.
#include <coffer/embedding/coffer.h>
#include <coffer/version.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#ifdef LINK_PROVIDERS
#include <coffer/providers/linked.h>
#endif

namespace {

coffer::Status run(const char* directory, const char* root_key) {
  if (auto made = coffer::create_coffer(directory, {.root_uri = root_key, .configuration = ""}); !made) return made;
  auto opened = coffer::open_coffer(directory);
  if (!opened) return opened.status();
  if (auto rotated = coffer::rotate_domain_key(**opened, "system"); !rotated) return rotated;
  // Key 2 is active, and 1 is not any more.
  using enum coffer::KeyChange;
  if (auto expired = coffer::expire_domain_key(**opened, "system:2", 4'000'000'000); !expired) return expired;
  for (const auto& [key, change] :
       {std::pair("system:2", kSuspend), std::pair("system:2", kActivate), std::pair("system:2", kRevoke),
        std::pair("system:2", kCompromise), std::pair("system:2", kDestroy)}) {
    if (auto changed = coffer::change_domain_key(**opened, key, change); !changed) return changed;
  }
  if (coffer::change_domain_key(**opened, "system:2", kActivate)) return {coffer::Code::kInternal, "it came back"};
  if (auto applied = coffer::apply_key_policy(**opened); !applied) return applied;
  if (auto policy = coffer::last_policy_run(**opened); !policy) return policy;
  if (auto metrics = coffer::prometheus_metrics(**opened); !metrics) return metrics.status();
  const auto sealed = coffer::seal_config_value(**opened, "token", "swordfish");
  if (!sealed) return sealed.status();
  const auto token = coffer::open_config_value(**opened, "token", *sealed, coffer::ClearValue::kRefused);
  if (!token || *token != "swordfish") return {coffer::Code::kInternal, "the token is another one"};
  if (auto found = coffer::examine_coffer(directory); !found) return found.status();
  if (auto certificate = coffer::shred_domain(**opened, "system"); !certificate) return certificate.status();
  if (auto rotated = coffer::rotate_domain_key(**opened, "system"); !rotated) return rotated;
  if (auto rotated = coffer::rotate_root_key(**opened); !rotated) return rotated;
  if (auto fresh = coffer::refresh_keyring(**opened); !fresh) return fresh;
  uint64_t records = 0;
  const auto count = [&](uint64_t, const std::string&) { ++records; };
  if (auto read = coffer::for_each_audit_record(**opened, 0, count); !read) return read;
  if (records != coffer::keyring_version(**opened)) return {coffer::Code::kInternal, "the audit log lacks a change"};
  std::printf("coffer %s, keyring version %d\n", coffer::kVersion.data(),
              static_cast<int>(coffer::keyring_version(**opened)));
  if (const std::string unlocked = coffer::unlocked_key_memory(); !unlocked.empty()) {
    std::printf("%s\n", unlocked.c_str());
  }
  return coffer::last_refresh(**opened);
}

}  // namespace

// keys DIRECTORY ROOT_KEY
int main(int argc, char** argv) {
  if (argc != 3) return 2;
#ifdef LINK_PROVIDERS
  coffer::link_providers();
#endif
  const coffer::Status status = run(argv[1], argv[2]);
  if (!status) std::printf("%s\n", status.to_string().c_str());
  return status ? 0 : 1;
}
