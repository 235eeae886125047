#pragma once

#include <span>
#include <string>

#include "resp/context.h"

namespace quipu {

/// The text of INFO: the sections asked for, in lower case (none, `all`, `default` and `everything` stand for all).
/// `counters`: how many there are. Names are those of Redis where the meaning is the same.
std::string resp_info(const RespContext& context, std::span<const std::string> sections, std::uint64_t counters);

}  // namespace quipu
