// Streams of files through standard input and output, past what buffers text.
#pragma once

#include "coffer/ops/receive.h"

namespace coffer::cli {

StreamSink to_output();
StreamSource from_input();

}  // namespace coffer::cli
