#include "coffer/providers/pkcs11/session.h"

#include <algorithm>
#include <thread>

#include "coffer/base/text.h"

namespace coffer::pkcs11 {
namespace {

constexpr size_t kSlotsMax = 1024;
// A token may be away for a moment: it is being enumerated anew, or (SoftHSM) another process logs in just now.
constexpr int kLooks = 3;
constexpr std::chrono::milliseconds kBetweenLooks(50);

// Fields of fixed size, padded with blanks; what a terminal would interpret is shown as "?".
template <size_t kSize>
std::string text_of(const unsigned char (&bytes)[kSize]) {
  std::string out(reinterpret_cast<const char*>(bytes), kSize);
  out.erase(std::min(out.find('\0'), out.size()));
  while (out.ends_with(' ')) out.pop_back();
  return printable(out);
}

}  // namespace

struct Session::Token {
  CK_SLOT_ID slot = 0;
  std::string label, manufacturer, model, serial;
  CK_FLAGS flags = 0;

  bool is(const Settings& wanted) const {
    const auto fits = [](const std::string& asked, const std::string& has) { return asked.empty() || asked == has; };
    return fits(wanted.token, label) && fits(wanted.manufacturer, manufacturer) && fits(wanted.model, model) &&
           fits(wanted.serial, serial);
  }
  std::string text() const { return label + " (serial " + serial + ")"; }
};

Session::~Session() {
  // Not C_Logout: the token logs out with the process's last session, and other sessions are none of our business.
  // One that is lost is not closed: its number may be another's by now.
  if (session_ != CK_INVALID_HANDLE && !lost_) functions().C_CloseSession(session_);
}

Status Session::failed(std::string_view what, CK_RV rv) {
  constexpr CK_RV kLost[] = {CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID, CKR_CRYPTOKI_NOT_INITIALIZED,
                             CKR_USER_NOT_LOGGED_IN};
  constexpr CK_RV kDenied[] = {CKR_USER_NOT_LOGGED_IN, CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED};
  constexpr CK_RV kUnfit[] = {CKR_KEY_HANDLE_INVALID,     CKR_OBJECT_HANDLE_INVALID,  CKR_KEY_FUNCTION_NOT_PERMITTED,
                              CKR_KEY_TYPE_INCONSISTENT,  CKR_KEY_NOT_WRAPPABLE,      CKR_FUNCTION_NOT_SUPPORTED,
                              CKR_ARGUMENTS_BAD,          CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
                              CKR_TEMPLATE_INCOMPLETE,    CKR_TEMPLATE_INCONSISTENT,  CKR_MECHANISM_INVALID,
                              CKR_MECHANISM_PARAM_INVALID};
  const auto is_in = [rv](const auto& list) { return std::ranges::find(list, rv) != std::end(list); };
  if (rv == CKR_USER_NOT_LOGGED_IN) functions().C_CloseSession(session_);
  lost_ = lost_ || is_in(kLost);
  const Code code = is_in(kDenied)  ? Code::kPermissionDenied
                    : is_in(kUnfit) ? Code::kKeyUnavailable
                                    : Code::kProviderUnavailable;
  return {code, describe_token(settings_) + ": " + std::string(what) + ": " + rv_name(rv)};
}

Result<std::vector<Session::Token>> Session::tokens() {
  std::vector<CK_SLOT_ID> slots(kSlotsMax);
  CK_ULONG count = 0;
  CK_RV rv = functions().C_GetSlotList(CK_TRUE, nullptr, &count);  // has the module look for what is new
  count = slots.size();
  if (rv == CKR_OK) rv = functions().C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (rv != CKR_OK) return failed("listing the tokens", rv);
  slots.resize(std::min<size_t>(count, slots.size()));
  std::vector<Token> out;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (functions().C_GetTokenInfo(slot, &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    out.push_back({slot, text_of(info.label), text_of(info.manufacturerID), text_of(info.model),
                   text_of(info.serialNumber), info.flags});
  }
  return out;
}

Result<Session::Token> Session::find_token() {
  COFFER_ASSIGN(const std::vector<Token> all, tokens());
  sees_no_token_ = all.empty();
  std::vector<Token> fitting;
  std::string seen;
  for (const Token& token : all) {
    seen += (seen.empty() ? "" : ", ") + token.text();
    if (token.is(settings_)) fitting.push_back(token);
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.empty()) {
    return {Code::kProviderUnavailable, describe_token(settings_) + " is not there; PKCS#11 module " + module_.name() +
                                            (seen.empty() ? " sees no token" : " sees " + seen)};
  }
  std::string serials;
  for (const Token& token : fitting) serials += (serials.empty() ? "" : ", ") + token.serial;
  return {Code::kInvalidArgument,
          describe_token(settings_) + ": there are several; add serial= to the URI, one of " + serials};
}

Status Session::open(const Pin& pin, bool writable) {
  auto found = find_token();
  for (int round = 1; found.code() == Code::kProviderUnavailable && !lost_ && round < kLooks; ++round) {
    std::this_thread::sleep_for(kBetweenLooks);
    found = find_token();
  }
  COFFER_ASSIGN(const Token token, std::move(found));
  slot_ = token.slot;
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0);
  const CK_RV rv = functions().C_OpenSession(token.slot, flags, nullptr, nullptr, &session_);
  if (rv != CKR_OK) {
    session_ = CK_INVALID_HANDLE;
    return failed("opening a session", rv);
  }
  return login(token, pin);
}

Status Session::login(const Token& token, const Pin& pin) {
  const bool own_keypad = (token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
  if (pin.bytes.empty() && (token.flags & CKF_LOGIN_REQUIRED) == 0) return Status::ok();
  if (pin.bytes.empty() && !own_keypad) {
    pin_wanted_ = true;
    return {Code::kPermissionDenied, describe_token(settings_) + " wants a PIN"};
  }
  if ((token.flags & CKF_USER_PIN_LOCKED) != 0) return login_failed(token, pin, CKR_PIN_LOCKED);
  const std::string name = module_.name() + "\n" + token.serial;
  if (!pin.bytes.empty() && was_refused(name, pin)) {
    return {Code::kPermissionDenied,
            describe_token(settings_) + " has refused the " + pin.source +
                " before, and it is not tried again, so that the token does not lock; correct it"};
  }
  if ((token.flags & CKF_USER_PIN_FINAL_TRY) != 0 && !pin.prompted && !own_keypad) {
    return {Code::kPermissionDenied,
            describe_token(settings_) +
                ": one more wrong PIN locks it; log in once by hand (pkcs11-tool --login --list-objects), which resets "
                "the count, and make sure that the " +
                pin.source + " is right"};
  }
  // PKCS#11 does not write to the PIN, though its parameter is not const.
  auto* bytes = const_cast<CK_UTF8CHAR*>(pin.bytes.reveal().data());
  const CK_RV rv = functions().C_Login(session_, CKU_USER, bytes, pin.bytes.size());
  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) return Status::ok();
  if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE) {
    remember_refused(name, pin, settings_);
  }
  return login_failed(token, pin, rv);
}

Status Session::login_failed(const Token& token, const Pin& pin, CK_RV rv) {
  const std::string who = "token " + token.text();
  switch (rv) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return {Code::kPermissionDenied, who + " refuses the " + (pin.source.empty() ? "PIN" : pin.source) + ": " +
                                           rv_name(rv) + "; correct it: it is not sent again until then"};
    case CKR_PIN_LOCKED:
      return {Code::kPermissionDenied, who +
                                           " has locked its PIN after too many wrong ones; its security officer "
                                           "can set a new one"};
    case CKR_PIN_EXPIRED:
    case CKR_USER_PIN_NOT_INITIALIZED:
      return {Code::kPermissionDenied, who + " has no PIN that is valid: " + rv_name(rv) + "; set one with its tool"};
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
    case CKR_USER_TOO_MANY_TYPES:
      return {Code::kPermissionDenied, who + ": this process is logged in as its security officer: " + rv_name(rv)};
    default: return failed("logging in", rv);
  }
}

CK_FLAGS Session::mechanism_flags(CK_MECHANISM_TYPE mechanism) {
  CK_MECHANISM_INFO info{};
  return functions().C_GetMechanismInfo(slot_, mechanism, &info) == CKR_OK ? info.flags : 0;
}

}  // namespace coffer::pkcs11
