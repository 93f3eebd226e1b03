#include "coffer/providers/pkcs11/pin.h"

#include <unistd.h>

#include <map>
#include <mutex>

#include "coffer/config/prompt.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/base/per_process.h"

namespace coffer::pkcs11 {
namespace {

constexpr size_t kPinSizeMax = 255;

struct KnownPins {
  std::mutex mutex;
  SecretBytes mac_key;                       // of this process: a refused PIN is remembered by its MAC
  std::map<std::string, Sha256> refused;     // by token
  std::map<std::string, SecretBytes> asked;  // by prompt_name()
};

std::string prompt_name(const Settings& settings) { return settings.module_path + '\n' + describe_token(settings); }

// Nothing when there is no randomness: then a PIN is not remembered.
std::optional<Sha256> mac_of(KnownPins& pins, const Pin& pin) {
  if (pins.mac_key.empty()) {
    auto key = random_secret(32);
    if (!key.is_ok()) return std::nullopt;
    pins.mac_key = std::move(*key);
  }
  auto mac = hmac_sha256(pins.mac_key.reveal(), pin.bytes.reveal());
  return mac.is_ok() ? std::optional(*mac) : std::nullopt;
}

}  // namespace

Result<Pin> known_pin(const Settings& settings) {
  Pin out;
  if (!settings.pin.given()) {
    auto& pins = per_process<KnownPins>();
    std::lock_guard lock(pins.mutex);
    const auto found = pins.asked.find(prompt_name(settings));
    if (found != pins.asked.end()) out = {found->second.clone(), "PIN that was entered", true};
    return out;
  }
  out.source = !settings.pin.sealed.empty() ? "PIN of pin_sealed"
               : settings.pin.file.empty()  ? "PIN of the environment variable " + settings.pin.environment
                                            : "PIN of " + settings.pin.file;
  auto bytes = read_secret(settings.pin);
  if (!bytes.is_ok()) {
    return {Code::kPermissionDenied, describe_token(settings) + ": no PIN: " + std::string(bytes.status().message()) +
                                         "; put it where the URI's option says, or correct that"};
  }
  if (bytes->empty())
    return {Code::kPermissionDenied, describe_token(settings) + ": the " + out.source + " is empty; put the PIN there"};
  out.bytes = std::move(*bytes);
  return out;
}

Result<Pin> ask_pin(const Settings& settings) {
  if (::isatty(STDIN_FILENO) != 1) {
    return {Code::kPermissionDenied,
            describe_token(settings) +
                " wants a PIN, and standard input is no terminal where somebody could be asked "
                "for it; add pin-source=file:/PATH or pin_env=NAME to its URI"};
  }
  auto bytes = ask_secret(STDIN_FILENO, STDERR_FILENO, "PIN of " + describe_token(settings) + ": ", kPinSizeMax);
  if (!bytes.is_ok()) return bytes.status().with_context("PIN of " + describe_token(settings));
  if (bytes->empty()) return {Code::kPermissionDenied, "PIN of " + describe_token(settings) + ": nothing was entered"};
  auto& pins = per_process<KnownPins>();
  std::lock_guard lock(pins.mutex);
  pins.asked.insert_or_assign(prompt_name(settings), bytes->clone());
  return Pin{std::move(*bytes), "PIN that was entered", true};
}

bool was_refused(const std::string& token, const Pin& pin) {
  auto& pins = per_process<KnownPins>();
  std::lock_guard lock(pins.mutex);
  const auto found = pins.refused.find(token);
  if (found == pins.refused.end()) return false;
  const std::optional<Sha256> mac = mac_of(pins, pin);
  return mac.has_value() && equal_constant_time(*mac, found->second);
}

void remember_refused(const std::string& token, const Pin& pin, const Settings& settings) {
  auto& pins = per_process<KnownPins>();
  std::lock_guard lock(pins.mutex);
  if (pin.prompted) pins.asked.erase(prompt_name(settings));
  if (const std::optional<Sha256> mac = mac_of(pins, pin)) pins.refused.insert_or_assign(token, *mac);
}

}  // namespace coffer::pkcs11
