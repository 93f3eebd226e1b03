#include "coffer/net/stores/java_stream.h"

#include <algorithm>
#include <array>
#include <optional>

namespace coffer::keystore {
namespace {

constexpr uint32_t kStreamStart = 0xaced0005;  // magic and version
constexpr uint8_t kNull = 0x70;
constexpr uint8_t kReference = 0x71;
constexpr uint8_t kClassDescription = 0x72;
constexpr uint8_t kObject = 0x73;
constexpr uint8_t kString = 0x74;
constexpr uint8_t kArray = 0x75;
constexpr uint8_t kEndBlockData = 0x78;
constexpr uint8_t kEnumeration = 0x7e;
constexpr uint32_t kFirstHandle = 0x7e0000;

constexpr uint8_t kSerializable = 0x02;
constexpr uint8_t kSerializableEnumeration = 0x12;

constexpr size_t kHandlesMax = 64;
constexpr size_t kFieldsMax = 8;
constexpr int kAncestorsMax = 2;

constexpr std::string_view kBytesClass = "[B";
constexpr std::string_view kEnumerationClasses[] = {"java.security.KeyRep$Type", "java.lang.Enum"};
constexpr std::string_view kObjectClasses[] = {"com.sun.crypto.provider.SealedObjectForKeyProtector",
                                               "javax.crypto.SealedObject", "javax.crypto.spec.SecretKeySpec",
                                               "java.security.KeyRep"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct ClassDescription {
  std::string_view name;
  std::vector<std::string_view> fields;  // all of them references
  int parent = -1;                       // its handle
};

class StreamParser {
 public:
  explicit StreamParser(BigEndianReader& reader) : reader_(reader) {}

  Result<JavaObject> parse() {
    if (reader_.u32() != kStreamStart || reader_.u8() != kObject) return malformed();
    JavaObject out;
    COFFER_ASSIGN(const int described, read_class(0));
    if (described < 0) return malformed();
    const ClassDescription& type = *handles_[static_cast<size_t>(described)].type;
    if (!contains(kObjectClasses, type.name)) return unsupported(type.name);
    out.class_name = type.name;
    COFFER_TRY(add_handle({}).status());
    COFFER_TRY(read_fields(described, out));
    if (!reader_.ok()) return malformed();
    return out;
  }

 private:
  // What a later reference may mean: a class, a value, or an object, which nothing of ours refers to.
  struct Handle {
    std::optional<ClassDescription> type;
    std::optional<ByteView> value;
  };

  static Status malformed() { return {Code::kInvalidArgument, "its serialised Java object is malformed"}; }
  static Status unsupported(std::string_view name) {
    const bool plain = name.size() <= 200 && std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
    return {Code::kUnsupported, "it holds a Java object of class " + (plain ? std::string(name) : "(unprintable)") +
                                    ", which is no secret key that Java itself makes"};
  }

  Result<int> add_handle(Handle handle) {
    if (!reader_.ok() || handles_.size() == kHandlesMax) return malformed();
    handles_.push_back(std::move(handle));
    return static_cast<int>(handles_.size() - 1);
  }

  Handle* referred() {
    const uint32_t index = reader_.u32() - kFirstHandle;
    return index < handles_.size() ? &handles_[index] : nullptr;
  }

  // The handle of a class description; -1 for null.
  Result<int> read_class(int depth) {
    const uint8_t tag = reader_.u8();
    if (tag == kNull) return -1;
    if (tag == kReference) {
      Handle* const found = referred();
      if (found == nullptr || !found->type.has_value()) return malformed();
      return static_cast<int>(found - handles_.data());
    }
    if (tag != kClassDescription || depth > kAncestorsMax) return malformed();
    ClassDescription type;
    type.name = reader_.text();
    reader_.bytes(sizeof(uint64_t));  // of which version: the fields say it better
    COFFER_ASSIGN(const int handle, add_handle({type, {}}));
    const uint8_t flags = reader_.u8();
    const bool enumeration = contains(kEnumerationClasses, type.name);
    if (!enumeration && type.name != kBytesClass && !contains(kObjectClasses, type.name)) return unsupported(type.name);
    if (flags != (enumeration ? kSerializableEnumeration : kSerializable)) return malformed();
    COFFER_TRY(read_field_names(type));
    if (reader_.u8() != kEndBlockData) return malformed();
    COFFER_ASSIGN(type.parent, read_class(depth + 1));
    handles_[static_cast<size_t>(handle)].type = std::move(type);
    return handle;
  }

  Status read_field_names(ClassDescription& type) {
    const size_t count = reader_.u16();
    if (count > kFieldsMax) return malformed();
    for (size_t i = 0; i < count; ++i) {
      const uint8_t kind = reader_.u8();
      type.fields.push_back(reader_.text());
      if (kind != '[' && kind != 'L') return malformed();
      COFFER_TRY(read_string().status());  // its type, which the value says again
    }
    return Status::ok();
  }

  Result<ByteView> read_string() { return read_text(reader_.u8()); }

  Result<ByteView> read_text(uint8_t tag) {
    if (tag == kReference) {
      const Handle* const found = referred();
      if (found == nullptr || !found->value.has_value()) return malformed();
      return *found->value;
    }
    if (tag != kString) return malformed();
    const ByteView text = as_bytes(reader_.text());
    COFFER_TRY(add_handle({{}, text}).status());
    return text;
  }

  Result<ByteView> read_value() {
    const uint8_t tag = reader_.u8();
    if (tag == kNull) return ByteView();
    if (tag == kArray) {
      COFFER_ASSIGN(const int described, read_class(0));
      if (described < 0 || handles_[static_cast<size_t>(described)].type->name != kBytesClass) return malformed();
      COFFER_ASSIGN(const int handle, add_handle({}));
      const ByteView bytes = reader_.block();
      handles_[static_cast<size_t>(handle)].value = bytes;
      return bytes;
    }
    if (tag == kEnumeration) {
      COFFER_ASSIGN(const int described, read_class(0));
      if (described < 0 || !contains(kEnumerationClasses, handles_[static_cast<size_t>(described)].type->name)) {
        return malformed();
      }
      COFFER_TRY(add_handle({}).status());
      return read_string();
    }
    return read_text(tag);
  }

  // Those of the ancestors come first.
  Status read_fields(int described, JavaObject& out) {
    std::array<int, kAncestorsMax + 2> lineage{};
    size_t count = 0;
    for (int at = described; at >= 0; at = handles_[static_cast<size_t>(at)].type->parent) {
      if (count == lineage.size()) return malformed();
      lineage[count++] = at;
    }
    while (count > 0) {
      const std::vector<std::string_view> names = handles_[static_cast<size_t>(lineage[--count])].type->fields;
      for (const std::string_view name : names) {
        COFFER_ASSIGN(const ByteView value, read_value());
        out.fields.emplace_back(name, value);
      }
    }
    return reader_.ok() ? Status::ok() : malformed();
  }

  BigEndianReader& reader_;
  std::vector<Handle> handles_;
};

}  // namespace

Result<JavaObject> read_java_object(BigEndianReader& reader) { return StreamParser(reader).parse(); }

}  // namespace coffer::keystore
