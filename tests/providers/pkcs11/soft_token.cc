#include "providers/pkcs11/soft_token.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "coffer/io/disk.h"
#include "io/temporary_directory.h"

namespace coffer {
namespace {

constexpr char kOfficerPin[] = "5678-officer";

void check(CK_RV rv, const std::string& what) {
  if (rv != CKR_OK) throw std::runtime_error("SoftHSM: " + what + ": " + std::to_string(rv));
}

CK_UTF8CHAR* utf8(const char* text) { return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(text)); }

// SoftHSM reads its configuration once for each process.
class SoftHsm {
 public:
  static SoftHsm& instance() {
    static auto* softhsm = new SoftHsm;
    static const struct AtExit {
      ~AtExit() { softhsm->directory_.reset(); }
    } at_exit;
    return *softhsm;
  }

  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  std::string path(const std::string& name) const { return *directory_ / name; }
  int next() { return ++count_; }

 private:
  SoftHsm() {
    std::filesystem::create_directory(path("tokens"));
    std::ofstream(path("softhsm2.conf")) << "directories.tokendir = " << path("tokens")
                                         << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    ::setenv("SOFTHSM2_CONF", path("softhsm2.conf").c_str(), 1);
    void* library = ::dlopen(SoftToken::module_path().c_str(), RTLD_NOW);
    if (library == nullptr) throw std::runtime_error("no SoftHSM: " + SoftToken::module_path());
    const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    check(get_list(&functions_), "C_GetFunctionList");
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV rv = functions_->C_Initialize(&arguments);
    if (rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) check(rv, "C_Initialize");
  }

  std::optional<TemporaryDirectory> directory_{std::in_place};
  CK_FUNCTION_LIST* functions_ = nullptr;
  int count_ = 0;
};

const CK_FUNCTION_LIST& softhsm() { return SoftHsm::instance().functions(); }

std::vector<CK_SLOT_ID> slots() {
  CK_ULONG count = 0;
  check(softhsm().C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList");
  std::vector<CK_SLOT_ID> out(count);
  check(softhsm().C_GetSlotList(CK_TRUE, out.data(), &count), "C_GetSlotList");
  out.resize(count);
  return out;
}

CK_TOKEN_INFO info_of(CK_SLOT_ID slot) {
  CK_TOKEN_INFO info{};
  check(softhsm().C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
  return info;
}

CK_SLOT_ID free_slot() {
  for (const CK_SLOT_ID slot : slots()) {
    if ((info_of(slot).flags & CKF_TOKEN_INITIALIZED) == 0) return slot;
  }
  throw std::runtime_error("SoftHSM has no free slot");
}

std::string padded(std::string text) {
  text.resize(32, ' ');
  return text;
}

}  // namespace

class SoftToken::Login {
 public:
  Login(CK_SLOT_ID slot, CK_USER_TYPE user, const std::string& pin) {
    check(softhsm().C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session), "session");
    check(softhsm().C_Login(session, user, utf8(pin.c_str()), pin.size()), "C_Login");
  }
  ~Login() { softhsm().C_CloseSession(session); }
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;

  std::vector<CK_OBJECT_HANDLE> find(const std::string& object) {
    CK_ATTRIBUTE like{CKA_LABEL, utf8(object.c_str()), object.size()};
    check(softhsm().C_FindObjectsInit(session, &like, 1), "C_FindObjectsInit");
    std::vector<CK_OBJECT_HANDLE> out(64);
    CK_ULONG count = 0;
    check(softhsm().C_FindObjects(session, out.data(), out.size(), &count), "C_FindObjects");
    check(softhsm().C_FindObjectsFinal(session), "C_FindObjectsFinal");
    out.resize(count);
    return out;
  }

  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
};

std::string SoftToken::module_path() { return COFFER_SOFTHSM2; }

SoftToken::SoftToken(std::string label) : label_(std::move(label)) {
  SoftHsm& all = SoftHsm::instance();
  const std::string number = std::to_string(all.next());
  if (label_.empty()) label_ = "coffer test " + number;
  pin_file_ = all.path("pin-" + number);
  if (!replace_file(Disk::posix(), pin_file_, as_bytes(std::string(kPin) + "\n"), 0600).is_ok()) {
    throw std::runtime_error("cannot write " + pin_file_);
  }
  const CK_SLOT_ID before = free_slot();
  std::vector<std::string> known;
  for (const CK_SLOT_ID slot : slots()) known.emplace_back(as_text(info_of(slot).serialNumber));
  check(softhsm().C_InitToken(before, utf8(kOfficerPin), sizeof kOfficerPin - 1, utf8(padded(label_).c_str())), "init");
  for (const CK_SLOT_ID slot : slots()) {
    const CK_TOKEN_INFO info = info_of(slot);
    const std::string serial(as_text(info.serialNumber));
    const bool is_new = std::find(known.begin(), known.end(), serial) == known.end();
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0 || !is_new) continue;
    slot_ = slot;
    serial_ = serial.substr(0, serial.find_last_not_of(' ') + 1);
  }
  Login officer(slot_, CKU_SO, kOfficerPin);
  check(softhsm().C_InitPIN(officer.session, utf8(kPin), sizeof kPin - 1), "C_InitPIN");
}

SoftToken::~SoftToken() = default;

std::string SoftToken::uri(const std::string& object) const {
  std::string token = label_;
  for (size_t at; (at = token.find(' ')) != std::string::npos;) token.replace(at, 1, "%20");
  return "pkcs11:token=" + token + ";object=" + object + "?module-path=" + module_path() +
         "&pin-source=file:" + pin_file_;
}

void SoftToken::generate(const std::string& object, const Bytes& id) { generate(object, id, KeyUse{}); }

void SoftToken::generate(const std::string& object, const Bytes& id, KeyUse use) {
  Login user(slot_, CKU_USER, kPin);
  CK_BBOOL yes = CK_TRUE, encrypt = use.encrypt, decrypt = use.decrypt, wrap = use.wrap, unwrap = use.unwrap;
  CK_ULONG size = use.size;
  CK_ATTRIBUTE like[] = {{CKA_VALUE_LEN, &size, sizeof size},
                         {CKA_TOKEN, &yes, 1},
                         {CKA_SENSITIVE, &yes, 1},
                         {CKA_ENCRYPT, &encrypt, 1},
                         {CKA_DECRYPT, &decrypt, 1},
                         {CKA_WRAP, &wrap, 1},
                         {CKA_UNWRAP, &unwrap, 1},
                         {CKA_LABEL, utf8(object.c_str()), object.size()},
                         {CKA_ID, const_cast<uint8_t*>(id.data()), id.size()}};
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  check(softhsm().C_GenerateKey(user.session, &mechanism, like, std::size(like), &made), "C_GenerateKey");
}

void SoftToken::destroy(const std::string& object) {
  Login user(slot_, CKU_USER, kPin);
  for (const CK_OBJECT_HANDLE found : user.find(object)) {
    check(softhsm().C_DestroyObject(user.session, found), "C_DestroyObject");
  }
}

void SoftToken::set(const std::string& object, CK_ATTRIBUTE_TYPE flag, bool value) {
  Login user(slot_, CKU_USER, kPin);
  CK_BBOOL byte = value;
  CK_ATTRIBUTE attribute{flag, &byte, 1};
  for (const CK_OBJECT_HANDLE found : user.find(object)) {
    check(softhsm().C_SetAttributeValue(user.session, found, &attribute, 1), "C_SetAttributeValue");
  }
}

bool SoftToken::get(const std::string& object, CK_ATTRIBUTE_TYPE flag) {
  Login user(slot_, CKU_USER, kPin);
  CK_BBOOL byte = CK_FALSE;
  CK_ATTRIBUTE attribute{flag, &byte, 1};
  check(softhsm().C_GetAttributeValue(user.session, user.find(object).at(0), &attribute, 1), "C_GetAttributeValue");
  return byte != CK_FALSE;
}

std::vector<Bytes> SoftToken::ids(const std::string& object) {
  Login user(slot_, CKU_USER, kPin);
  std::vector<Bytes> out;
  for (const CK_OBJECT_HANDLE found : user.find(object)) {
    Bytes id(255);
    CK_ATTRIBUTE attribute{CKA_ID, id.data(), id.size()};
    check(softhsm().C_GetAttributeValue(user.session, found, &attribute, 1), "C_GetAttributeValue");
    id.resize(attribute.ulValueLen);
    out.push_back(std::move(id));
  }
  return out;
}

}  // namespace coffer
