// Streams of files through standard input and output, past what buffers text.
#pragma once

#include <memory>

#include "coffer/ops/receive.h"

namespace coffer::cli {

// Into a pipe go pages of files as they are, without a copy.
std::unique_ptr<StreamSink> to_output();
StreamSource from_input();

}  // namespace coffer::cli
