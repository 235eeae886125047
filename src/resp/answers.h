#pragma once

#include <string>

#include "resp/reply.h"
#include "resp/turn.h"

namespace quipu {

/// Writes the replies of a turn whose batch is done behind what `out` holds, in the order of its commands.
void append_resp_answers(std::string& out, const RespTurn& turn);

/// Writes an error as the protocol says it: its first word tells refused, busy and unknown apart.
void write_resp_error(RespWriter& writer, Code code, std::string_view text, std::int64_t retry_after_ms);

}  // namespace quipu
