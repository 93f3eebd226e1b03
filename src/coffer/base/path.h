// Parts of paths, and whole ones. Purely by their text but for the current directory; symbolic links are not followed.
#pragma once

#include <string>
#include <string_view>

namespace coffer {

// "a/b" → "a", "/a" → "/", "a" → ".": the directory a path stands in.
std::string_view parent_of(std::string_view path);
// Whether a path is a directory's own or leads into it.
bool is_within(std::string_view path, std::string_view directory);
// What stands behind the last slash.
std::string_view base_name(std::string_view path);
// From the root on and without a slash or "./" too many. Not normalised further: "a/../b" is not "b" if a is a symbolic
// link. Without a current directory a relative path stays as it is; what opens it then says so.
std::string absolute_path(std::string_view path);

}  // namespace coffer
