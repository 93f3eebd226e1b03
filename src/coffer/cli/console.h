// Where the tool speaks: the answer to standard output, everything else to standard error with the prefix "coffer: ".
#pragma once

#include "coffer/base/status.h"
#include "coffer/ops/json.h"

namespace coffer::cli {

class Console {
 public:
  explicit Console(bool json) : json_(json) {}

  bool json() const { return json_; }
  // The answer, in the form asked for. Once a run.
  void answer(const Json& object, std::string_view text);
  // JSON to standard error, for a command whose payload has standard output to itself.
  void print_json_aside(const Json& object);
  // Raw bytes of a payload; kIo or kNoSpace when they do not go out.
  Status write(std::string_view bytes);
  // For the reader beside the answer; not in JSON mode, where the answer holds it.
  void note(std::string_view text);
  // An error: message, then what to do next; {"error":{…}} in JSON mode.
  void report(const Status& status);
  // Everything printed has reached the operating system. Call once, last.
  Status finish();

  static bool is_terminal(int descriptor);

 private:
  bool json_;
};

}  // namespace coffer::cli
