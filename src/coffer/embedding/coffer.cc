#include "coffer/embedding/coffer.h"

#include "coffer/base/clock.h"
#include "coffer/crypto/key_memory.h"
#include "coffer/embedding/no_throw.h"
#include "coffer/ops/audit.h"
#include "coffer/ops/config_values.h"
#include "coffer/ops/doctor.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/metrics.h"
#include "coffer/ops/policy.h"
#include "coffer/ops/shred.h"
#include "coffer/ops/slots.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"

namespace coffer {

Status create_coffer(const std::string& directory, const NewCoffer& what) noexcept {
  return no_throw([&]() -> Status {
    Coffer::CreateOptions options;
    options.root_uri = what.root_uri;
    options.open_anchor = open_anchor;
    options.open_keyring_store = open_keyring_store;
    options.config_text = what.configuration;
    return Coffer::create(Disk::posix(), directory, options, open_provider);
  });
}

Result<std::shared_ptr<Coffer>> open_coffer(const std::string& directory, const std::string& root_uri) noexcept {
  return no_throw([&] {
    return Coffer::open(Disk::posix(), directory,
                        {.root_uri = root_uri,
                         .open_anchor = open_anchor,
                         .open_keyring_store = open_keyring_store,
                         .waits_its_turn = true},
                        open_provider);
  });
}

uint64_t keyring_version(const Coffer& coffer) noexcept { return coffer.keyring()->version(); }

Status refresh_keyring(Coffer& coffer) noexcept {
  return no_throw([&] { return coffer.live_keyring().refresh(); });
}

Status last_refresh(const Coffer& coffer) noexcept {
  return no_throw([&] { return coffer.live_keyring().condition().last_refresh; });
}

std::string unlocked_key_memory() noexcept {
  try {
    return key_memory_warning();
  } catch (const std::exception&) {
    return {};
  }
}

Result<Findings> examine_coffer(const std::string& directory, const std::string& root_uri) noexcept {
  return no_throw([&]() -> Result<Findings> {
    Disk& disk = Disk::posix();
    COFFER_ASSIGN(const std::string config_path, config_path_of(disk, directory));
    COFFER_ASSIGN(ProcessLimits limits, process_limits(disk, ""));
    COFFER_ASSIGN(Examination found, examine(disk, config_path, std::move(limits), [&] {
                    return Coffer::open(disk, config_path,
                                        {.root_uri = root_uri,
                                         .open_anchor = open_anchor,
                                         .open_keyring_store = open_keyring_store,
                                         .may_be_away = true},
                                        open_provider);
                  }));
    return std::move(found.findings);
  });
}

Status rotate_root_key(Coffer& coffer, const std::string& root) noexcept {
  return no_throw([&] { return rotate_root(coffer, root, open_provider).status(); });
}

Status rotate_domain_key(Coffer& coffer, const std::string& domain) noexcept {
  return no_throw([&] {
    return coffer.live_keyring().update([&](Keyring& keyring) { return keyring.rotate_domain(domain, now_seconds()); });
  });
}

Status change_domain_key(Coffer& coffer, const std::string& key, KeyChange change) noexcept {
  return no_throw([&]() -> Status {
    switch (change) {
      case KeyChange::kActivate: return change_key(coffer, key, KeyState::kActive).status();
      case KeyChange::kSuspend: return change_key(coffer, key, KeyState::kSuspended).status();
      case KeyChange::kRevoke: return change_key(coffer, key, KeyState::kDeactivated).status();
      case KeyChange::kCompromise: return change_key(coffer, key, KeyState::kCompromised).status();
      case KeyChange::kDestroy: return destroy_key(coffer, key).status();
    }
    return {Code::kInvalidArgument, "no such change of a key"};
  });
}

Status expire_domain_key(Coffer& coffer, const std::string& key, uint64_t unix_seconds) noexcept {
  return no_throw([&] { return expire_key(coffer, key, unix_seconds).status(); });
}

Result<std::string> shred_domain(Coffer& coffer, const std::string& domain) noexcept {
  return no_throw([&]() -> Result<std::string> {
    COFFER_ASSIGN(Shredding done, shred(coffer, domain));
    return std::move(done.certificate);
  });
}

Status lock_domain_files(Coffer& coffer, const std::string& domain) noexcept {
  return no_throw([&] { return lock_domain(coffer, domain).status(); });
}

Status unlock_domain_files(Coffer& coffer, const std::string& domain) noexcept {
  return no_throw([&] { return unlock_domain(coffer, domain).status(); });
}

RootKeyHealth root_key_health(const Coffer& coffer) noexcept {
  RootKeyHealth out;
  try {
    const KeyringCondition condition = coffer.live_keyring().condition();
    const RootOutlook outlook =
        root_outlook(condition.root_key, condition.root_key_since, coffer.policy().present()->root);
    out.trouble = static_cast<RootKeyHealth::Trouble>(outlook.trouble);
    out.since = outlook.since;
    out.grace_until = outlook.from;
    out.then = reaction_name(outlook.reaction, outlook.trouble);
    out.fenced = condition.fenced;
    out.text = outlook_text(outlook);
    out.answered = condition.root_key_answered;
    out.opened_locally = condition.opened_locally;
  } catch (const std::exception&) {  // memory ran out: what is known by then
  }
  return out;
}

Status apply_key_policy(Coffer& coffer) noexcept {
  return no_throw([&]() -> Status {
    COFFER_ASSIGN(const PolicyRun run, apply_policy(coffer));
    return run.problems.empty() ? Status::ok() : run.problems.front().status;
  });
}

Status last_policy_run(Coffer& coffer) noexcept {
  return no_throw([&] { return coffer.policy().condition(); });
}

Result<std::string> seal_config_value(const Coffer& coffer, const std::string& name,
                                      const std::string& value) noexcept {
  return no_throw(
      [&]() -> Result<std::string> { return seal_config_value(coffer, name, SecretBytes::copy_of(as_bytes(value))); });
}

Result<std::string> open_config_value(const Coffer& coffer, const std::string& name, const std::string& text,
                                      ClearValue clear) noexcept {
  return no_throw([&]() -> Result<std::string> {
    if (!is_sealed_config_value(text)) {
      if (clear == ClearValue::kAllowed) return text;
      return {Code::kPlaintext,
              "the value of " + name + " is in clear; expected ENC[…], which coffer config seal makes"};
    }
    COFFER_ASSIGN(const SecretBytes opened, open_config_value(coffer, name, text));
    return std::string(as_text(opened.reveal()));
  });
}

Result<std::string> prometheus_metrics(Coffer& coffer) noexcept {
  return no_throw([&] { return prometheus_text(coffer, coffer.live_keyring().condition()); });
}

Status for_each_audit_record(Coffer& coffer, uint64_t after, const TakeAuditRecord& take) noexcept {
  return no_throw([&]() -> Status {
    COFFER_ASSIGN(const AuditTrail trail, audit_trail(coffer));
    for (const AuditRecord& record : trail.records) {
      if (record.head.count > after) take(record.head.count, record.text);
    }
    if (trail.wrong.empty()) return Status::ok();
    return {Code::kTampered, "the audit log of " + coffer.directory() + ": " + trail.wrong.front().what +
                                 "; coffer audit verify says which line"};
  });
}

}  // namespace coffer
