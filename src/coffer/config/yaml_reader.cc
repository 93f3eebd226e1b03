#include "coffer/config/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>

#include <set>
#include <sstream>

#include "coffer/base/text.h"
#include "coffer/config/uri.h"

namespace coffer {

namespace {

// Where the last document began.
class DocumentPlace final : public YAML::EventHandler {
 public:
  int line() const { return line_; }

  void OnDocumentStart(const YAML::Mark& mark) override { line_ = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int line_ = 0;
};

}  // namespace

// YAML::Load() takes the first document and says nothing of what follows; YAML::LoadAll() does not come to an end of
// some texts that are no YAML.
Result<YAML::Node> YamlReader::load(std::string_view text) const {
  try {
    const std::string whole(text);
    const YAML::Node root = YAML::Load(whole);
    std::istringstream stream(whole);
    YAML::Parser parser(stream);
    DocumentPlace place;
    if (!parser.HandleNextDocument(place) || root.IsNull()) {
      return {Code::kInvalidArgument, file_ + ":1: it is empty; expected \"version: 1\" at least"};
    }
    if (parser.HandleNextDocument(place)) {
      return {Code::kInvalidArgument, file_ + ":" + std::to_string(place.line()) +
                                          ": something follows the end of the YAML document; there may be one only"};
    }
    return root;
  } catch (const YAML::Exception& e) {
    return {Code::kInvalidArgument, file_ + ":" + std::to_string(e.mark.line + 1) + ": not valid YAML: " + e.msg};
  }
}

Status YamlReader::each(const YAML::Node& map, const std::string& what,
                        const std::function<Status(const Entry&)>& take) const {
  if (!map.IsMap()) return error(map, what + "expected a mapping of names to values");
  std::set<std::string> seen;
  for (const auto& item : map) {
    COFFER_ASSIGN(const std::string key, text(item.first, what + "the name of an option"));
    if (!seen.insert(key).second) return error(item.first, what + key + " is there twice; keep one");
    COFFER_TRY(take({key, item.first, item.second}));
  }
  return Status::ok();
}

Result<std::string> YamlReader::text(const YAML::Node& value, const std::string& what) const {
  if (!value.IsScalar()) return error(value, what + ": expected one value");
  if (has_control(value.Scalar())) return error(value, what + ": holds a control character");
  return value.Scalar();
}

Result<std::string> YamlReader::text_or_list(const YAML::Node& value, const std::string& what) const {
  if (!value.IsSequence()) return text(value, what);
  std::string out;
  for (const auto& item : value) {
    COFFER_ASSIGN(const std::string one, text(item, what));
    out += (out.empty() ? "" : ",") + one;
  }
  return out;
}

Result<std::string> YamlReader::absolute_path(const YAML::Node& value, const std::string& what) const {
  auto path = text(value, what);
  if (!path.is_ok()) return path;
  if (!path->starts_with('/')) return error(value, what + ": expected an absolute path");
  while (path->size() > 1 && path->back() == '/') path->pop_back();
  return path;
}

std::string YamlReader::place(const YAML::Node& node) const {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? file_ : file_ + ":" + std::to_string(mark.line + 1);
}

Status YamlReader::error(const YAML::Node& node, const std::string& text) const {
  return {Code::kInvalidArgument, place(node) + ": " + text};
}

}  // namespace coffer
