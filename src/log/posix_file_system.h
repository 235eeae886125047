#pragma once

#include "log/file_system.h"

namespace quipu {

/// The system's own file calls. May be used by any thread.
FileSystem& posix_file_system();

}  // namespace quipu
