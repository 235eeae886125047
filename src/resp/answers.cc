#include "resp/answers.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/check.h"
#include "net/outcome_table.h"

namespace quipu {
namespace {

using Outcomes = std::span<const Outcome>;

std::int64_t decimal_bytes(std::int64_t value) { return static_cast<std::int64_t>(std::to_string(value).size()); }

void write_error(RespWriter& writer, const Outcome& outcome) {
  write_resp_error(writer, *outcome.error, outcome.error_text, outcome.retry_after_ms);
}

/// Whether a transaction was refused as a whole, before any of it was applied. Where a part of it has another end, each
/// command tells its own: who hears that nothing was counted sends all of it again.
bool refused_whole(Outcomes outcomes) {
  if (outcomes.empty() || !outcomes[0].error) return false;
  const auto code = *outcomes[0].error;
  if (code == Code::kRefused || code == Code::kConflict) return false;
  return std::ranges::all_of(outcomes, [&](const Outcome& outcome) { return outcome.error == code; });
}

void write_value(RespWriter& writer, bool exists, std::int64_t value) {
  if (exists) {
    writer.bulk_integer(value);
  } else {
    writer.null();
  }
}

void write_idempotent(RespWriter& writer, const Outcome& outcome) {
  writer.array(2);
  writer.integer(outcome.value);
  writer.integer(outcome.applied ? 1 : 0);
}

void write_counted(RespWriter& writer, const RespPending& pending, Outcomes outcomes) {
  const auto first = outcomes.empty() ? Outcome{} : outcomes[0];
  switch (pending.kind) {
    case RespReplyKind::kInteger:
      return writer.integer(first.value);
    case RespReplyKind::kValue:
      return write_value(writer, first.exists, first.value);
    case RespReplyKind::kValues:
      writer.array(outcomes.size());
      for (const Outcome& outcome : outcomes) write_value(writer, outcome.exists, outcome.value);
      return;
    case RespReplyKind::kBefore:
      return write_value(writer, first.existed, first.before);
    case RespReplyKind::kSet:
      if (first.applied) return writer.simple("OK");
      return writer.null();
    case RespReplyKind::kRemoved:
      return writer.integer(std::ranges::count_if(outcomes, [](const auto& o) { return o.applied && o.existed; }));
    case RespReplyKind::kExisting:
      return writer.integer(std::ranges::count_if(outcomes, [](const auto& o) { return o.exists; }));
    case RespReplyKind::kType:
      return writer.simple(first.exists ? "string" : "none");
    case RespReplyKind::kLength:
      return writer.integer(first.exists ? decimal_bytes(first.value) : 0);
    case RespReplyKind::kIdempotent:
      return write_idempotent(writer, first);
    case RespReplyKind::kPrepared:
    case RespReplyKind::kTransaction:
      QUIPU_CHECK(false);
  }
}

}  // namespace

void write_resp_error(RespWriter& writer, Code code, std::string_view text, std::int64_t retry_after_ms) {
  const auto prefix = outcome_words(code).resp_prefix;
  if (retry_after_ms <= 0) return writer.error(prefix, text);
  writer.error(prefix, std::string(text) + "; nothing was counted, retry in " + std::to_string(retry_after_ms) + " ms");
}

void append_resp_answers(std::string& out, const RespTurn& turn) {
  for (std::size_t i = 0; i < turn.pending.size(); ++i) {
    const RespPending& pending = turn.pending[i];
    if (pending.kind == RespReplyKind::kPrepared) {
      out.append(turn.prepared, pending.begin, pending.end - pending.begin);
      continue;
    }
    RespWriter writer(out, pending.resp3);
    const auto outcomes = Outcomes(turn.batch.outcomes).subspan(pending.begin, pending.end - pending.begin);
    if (pending.kind == RespReplyKind::kTransaction) {
      if (refused_whole(outcomes)) {
        write_error(writer, outcomes[0]);
        i += pending.inside;
      } else {
        writer.array(pending.inside);
      }
      continue;
    }
    const auto failed =
        std::ranges::find_if(outcomes, [](const Outcome& outcome) { return outcome.error.has_value(); });
    if (failed != outcomes.end()) {
      write_error(writer, *failed);
    } else {
      write_counted(writer, pending, outcomes);
    }
  }
}

}  // namespace quipu
