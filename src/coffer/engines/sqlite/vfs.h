// The VFS "coffer": what SQLite opens through it is encrypted, or not opened. docs/sqlite.md.
#pragma once

namespace coffer::sqlite {

// Over the VFS that is the default when this is first called. Returns SQLite's code.
int register_vfs();

}  // namespace coffer::sqlite
