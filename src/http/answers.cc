#include "http/answers.h"

#include <algorithm>
#include <vector>

#include "http/architecture_answer.h"
#include "http/date.h"
#include "http/json_object.h"
#include "http/url.h"
#include "net/limits.h"
#include "query/position.h"

namespace quipu {
namespace {

/// Above this a double, which is what JavaScript has, no longer holds every integer.
constexpr std::int64_t kDoubleExactMax = std::int64_t{1} << 53;

void number_and_text(JsonObject& json, std::string_view name, std::string_view text_name, std::int64_t value) {
  json.number(name, value);
  if (value <= kDoubleExactMax && value >= -kDoubleExactMax) return;
  std::string digits;
  append_json_number(digits, value);
  json.text(text_name, digits);
}

/// A name as it is, or percent-encoded under another field where it is not UTF-8.
void name_or_encoded(JsonObject& json, std::string_view field, std::string_view encoded_field, std::string_view name) {
  if (is_utf8(name)) {
    json.text(field, name);
    return;
  }
  std::string encoded;
  append_percent_encoded(encoded, name);
  json.text(encoded_field, encoded);
}

void append_freshness(JsonObject& json, TimeMs now, std::uint32_t lag_ms, bool exact) {
  auto& out = json.begin("as_of");
  out += '"';
  append_rfc3339(out, now - lag_ms);
  out += '"';
  json.number("lag_ms", lag_ms).boolean("exact", exact);
}

/// Weak: the time that a value was read at differs from answer to answer.
std::string entity_tag(const Outcome& outcome) {
  std::string tag = "W/\"";
  append_json_number(tag, outcome.epoch.value);
  tag += '.';
  append_json_number(tag, outcome.value);
  tag += outcome.exists ? ".1" : ".0";
  if (outcome.saturated) tag += ".s";
  return tag += '"';
}

void append_shards(std::string& out, const std::vector<ShardView>& shards) {
  out += '[';
  for (const ShardView& shard : shards) {
    if (out.back() != '[') out += ',';
    JsonObject json(out);
    json.count("generation", shard.generation.value).count("partition", shard.partition.value);
    json.number("total", shard.total).count("events", shard.events).count("epoch", shard.epoch.value);
    json.count("applied", shard.applied.value).boolean("counts", shard.counts).end();
  }
  out += ']';
}

}  // namespace

bool names_entity_tag(std::string_view field, std::string_view tag, bool exists) {
  if (field == "*") return exists;
  const auto opaque = tag.starts_with("W/") ? tag.substr(2) : tag;
  while (!field.empty()) {
    const auto end = std::min(field.find(','), field.size());
    auto item = field.substr(0, end);
    field.remove_prefix(std::min(end + 1, field.size()));
    while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
    while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == opaque) return true;
  }
  return false;
}

const char* state_name(EngineState state) {
  switch (state) {
    case EngineState::kRecovering:
      return "recovering";
    case EngineState::kServing:
      return "serving";
    case EngineState::kDraining:
      return "draining";
    case EngineState::kStopped:
      return "stopped";
    case EngineState::kFailed:
      return "failed";
  }
  return "";
}

const char* not_serving_text(EngineState state) {
  if (state == EngineState::kRecovering) return "the service is starting: it reads its log";
  return state == EngineState::kFailed ? "the service is stopping: its log failed" : "the service is stopping";
}

void append_namespace(std::string& out, std::string_view name, const NamespacePolicy& policy,
                      std::optional<std::uint64_t> counters) {
  JsonObject json(out);
  json.text("namespace", name).text("ack", policy.ack == AckMode::kDurable ? "durable" : "memory");
  json.boolean("memory_allowed", policy.memory_allowed).number("viewer_window_ms", policy.viewer_window_ms);
  json.number("id_promise_ms", policy.id_promise_ms);
  if (counters) json.count("counters", *counters);
  json.end();
}

void HttpAnswers::append(std::string& out, HttpTurn& turn) {
  for (const HttpPending& pending : turn.pending) append_one(out, turn, pending);
  forget_body();
}

/// Keeps no large body: an idle connection holds no more than its share.
void HttpAnswers::forget_body() {
  if (body_.capacity() > kClientShareBytes) std::string().swap(body_);
}

void HttpAnswers::append_one(std::string& out, HttpTurn& turn, const HttpPending& pending) {
  if (pending.kind == HttpReplyKind::kPrepared) {
    out.append(turn.prepared, pending.begin, pending.end - pending.begin);
    return;
  }
  if (failed(out, turn, pending)) return;
  body_.clear();
  switch (pending.kind) {
    case HttpReplyKind::kAdded:
      return added(out, turn, pending);
    case HttpReplyKind::kEvents:
      return events(out, turn, pending);
    case HttpReplyKind::kValue:
      return value(out, turn, pending);
    case HttpReplyKind::kValues:
      return values(out, turn, pending);
    case HttpReplyKind::kReset:
      return reset(out, turn, pending);
    case HttpReplyKind::kSource:
      return source(out, turn, pending);
    case HttpReplyKind::kNamespace:
      return space(out, turn, pending);
    case HttpReplyKind::kStats:
      return stats(out, turn, pending);
    case HttpReplyKind::kPrepared:
      return;
  }
}

/// Answers for a request of which an operation was refused.
bool HttpAnswers::failed(std::string& out, const HttpTurn& turn, const HttpPending& pending) {
  for (std::size_t i = pending.begin; i < pending.end; ++i) {
    const Outcome& outcome = turn.batch.outcomes[i];
    if (!outcome.error) continue;
    auto problem = problem_of(*outcome.error, outcome.error_text, outcome.retry_after_ms);
    const bool about_one = *outcome.error != Code::kBusy && *outcome.error != Code::kTooLarge;
    if (pending.kind == HttpReplyKind::kEvents && about_one) {
      problem.place_name = pending.place_name;
      problem.place = turn.places[i];
    }
    writer_.problem(out, pending.shape, problem);
    return true;
  }
  return false;
}

void HttpAnswers::append_position_of(std::string& out, const Outcome& outcome) const {
  append_position(out, {context_.service.identity().generation, outcome.partition, outcome.offset});
}

void HttpAnswers::added(std::string& out, const HttpTurn& turn, const HttpPending& pending) {
  const Outcome& outcome = turn.batch.outcomes[pending.begin];
  const bool memory = turn.batch.operations[pending.begin].memory_ack;
  body_ += R"({"accepted":1,"position":")";
  append_position_of(body_, outcome);
  body_ += '"';
  if (outcome.duplicate) body_ += R"(,"duplicate":true)";
  if (memory && !outcome.duplicate) {
    body_ += R"(,"durable":false)";  // And no value: a crash could take it back.
  } else {
    body_ += R"(,"value":)";
    append_json_number(body_, outcome.value);
    if (outcome.value > kDoubleExactMax || outcome.value < -kDoubleExactMax) {
      body_ += R"(,"value_string":")";
      append_json_number(body_, outcome.value);
      body_ += '"';
    }
  }
  body_ += '}';
  writer_.reply(out, pending.shape, 202, HttpReplyWriter::kJson, "", body_);
}

void HttpAnswers::events(std::string& out, const HttpTurn& turn, const HttpPending& pending) {
  std::vector<Position> positions;
  std::uint64_t duplicates = 0;
  bool memory = false;
  for (std::size_t i = pending.begin; i < pending.end; ++i) {
    const Outcome& outcome = turn.batch.outcomes[i];
    duplicates += outcome.duplicate ? 1 : 0;
    memory |= turn.batch.operations[i].memory_ack;
    const auto known = std::ranges::find(positions, outcome.partition, &Position::partition);
    if (known == positions.end()) {
      positions.push_back({context_.service.identity().generation, outcome.partition, outcome.offset});
    } else {
      known->offset = std::max(known->offset, outcome.offset);
    }
  }
  std::ranges::sort(positions);
  JsonObject json(body_);
  json.count("accepted", pending.end - pending.begin).text("position", positions_text(positions));
  json.count("duplicates", duplicates);
  if (memory) json.boolean("durable", false);
  json.end();
  writer_.reply(out, pending.shape, 202, HttpReplyWriter::kJson, "", body_);
}

void HttpAnswers::value(std::string& out, const HttpTurn& turn, const HttpPending& pending) {
  const Outcome& outcome = turn.batch.outcomes[pending.begin];
  const auto counter = turn.batch.operations[pending.begin].counter;
  const auto tag = entity_tag(outcome);
  fields_.assign("ETag: ").append(tag).append("\r\nCache-Control: no-cache\r\n");
  if (!pending.if_none_match.empty() && names_entity_tag(pending.if_none_match, tag, outcome.exists)) {
    writer_.reply(out, pending.shape, 304, "", fields_, "");
    return;
  }
  JsonObject json(body_);
  json.text("namespace", context_.service.namespaces().name(pending.space));
  name_or_encoded(json, "counter", "counter_encoded", counter);
  number_and_text(json, "value", "value_string", outcome.value);
  append_freshness(json, context_.service.now(), outcome.lag_ms, outcome.exact);
  json.boolean("exists", outcome.exists);
  if (outcome.saturated) json.boolean("saturated", true);
  if (pending.shards) append_shards(json.begin("shards"), context_.service.shards(pending.space, counter));
  json.end();
  writer_.reply(out, pending.shape, 200, HttpReplyWriter::kJson, fields_, body_);
}

void HttpAnswers::values(std::string& out, const HttpTurn& turn, const HttpPending& pending) {
  JsonObject json(body_);
  json.text("namespace", context_.service.namespaces().name(pending.space));
  auto& list = json.begin("counters");
  list += '[';
  std::uint32_t lag_ms = 0;
  bool exact = true;
  for (std::size_t i = pending.begin; i < pending.end; ++i) {
    if (i > pending.begin) list += ',';
    const Outcome& outcome = turn.batch.outcomes[i];
    lag_ms = std::max(lag_ms, outcome.lag_ms);
    exact &= outcome.exact;
    JsonObject item(list);
    name_or_encoded(item, "counter", "counter_encoded", turn.batch.operations[i].counter);
    number_and_text(item, "value", "value_string", outcome.value);
    item.boolean("exists", outcome.exists);
    if (outcome.saturated) item.boolean("saturated", true);
    item.end();
  }
  list += ']';
  append_freshness(json, context_.service.now(), lag_ms, exact);
  json.end();
  writer_.reply(out, pending.shape, 200, HttpReplyWriter::kJson, "Cache-Control: no-cache\r\n", body_);
}

void HttpAnswers::reset(std::string& out, const HttpTurn& turn, const HttpPending& pending) {
  const Outcome& outcome = turn.batch.outcomes[pending.begin];
  JsonObject json(body_);
  json.count("epoch", outcome.epoch.value);
  auto& position = json.begin("position");
  position += '"';
  append_position_of(position, outcome);
  position += '"';
  json.boolean("existed", outcome.existed).end();
  writer_.reply(out, pending.shape, 200, HttpReplyWriter::kJson, "", body_);
}

void HttpAnswers::source(std::string& out, HttpTurn& turn, const HttpPending& pending) {
  // The sequence may be of a frame that is not durable yet.
  turn.hold_at = std::max(turn.hold_at, context_.service.newest());
  JsonObject json(body_);
  json.text("namespace", context_.service.namespaces().name(pending.space));
  name_or_encoded(json, "source", "source_encoded", pending.name);
  json.count("last_sequence", context_.service.last_sequence(pending.source)).end();
  writer_.reply(out, pending.shape, 200, HttpReplyWriter::kJson, "Cache-Control: no-cache\r\n", body_);
}

void HttpAnswers::space(std::string& out, HttpTurn& turn, const HttpPending& pending) {
  turn.hold_at = std::max(turn.hold_at, context_.service.newest());
  const NamespaceRegistry& spaces = context_.service.namespaces();
  append_namespace(body_, spaces.name(pending.space), spaces.policy(pending.space),
                   context_.service.count({pending.space}));
  writer_.reply(out, pending.shape, 200, HttpReplyWriter::kJson, "Cache-Control: no-cache\r\n", body_);
}

void HttpAnswers::append_top(std::string& out, const HttpErrand& errand, const ScanPage& page) {
  body_.clear();
  JsonObject json(body_);
  json.text("namespace", context_.service.namespaces().name(errand.space));
  auto& list = json.begin("counters");
  list += '[';
  for (const NamedTotal& named : page.counters) {
    if (list.back() != '[') list += ',';
    JsonObject item(list);
    name_or_encoded(item, "counter", "counter_encoded", named.counter);
    number_and_text(item, "value", "value_string", named.value);
    item.end();
  }
  list += ']';
  append_freshness(json, context_.service.now(), page.lag_ms, page.exact);
  json.end();
  writer_.reply(out, errand.shape, 200, HttpReplyWriter::kJson, "Cache-Control: no-cache\r\n", body_);
  forget_body();
}

void HttpAnswers::stats(std::string& out, HttpTurn& turn, const HttpPending& pending) {
  const auto stats = context_.service.stats();
  if (context_.service.state() == EngineState::kServing) turn.hold_at = std::max(turn.hold_at, stats.newest);
  JsonObject json(body_);
  json.text("state", state_name(context_.service.state())).text("version", context_.version);
  auto& now = json.begin("as_of");
  now += '"';
  append_rfc3339(now, context_.service.now());
  now += '"';
  json.count("namespaces", context_.service.namespaces().size()).count("counters", stats.counters);
  json.count("events_accepted", stats.events_accepted).count("events_duplicate", stats.events_duplicate);
  json.count("operations_refused", stats.operations_refused).count("operations_busy", stats.operations_busy);
  json.count("operations", stats.operations).count("reads", stats.reads);
  json.count("counters_missed", stats.counters_missed).count("frames_delivered", stats.frames_delivered);
  json.count("frames_written", stats.frames_written).count("bytes_written", stats.bytes_written);
  json.count("commits", stats.commits).count("flushes", stats.flushes).count("rows_flushed", stats.rows_flushed);
  json.count("rows_loaded", stats.rows_loaded).count("rows_evicted", stats.rows_evicted);
  json.count("saturations", stats.saturations).count("table_rows", stats.table_rows);
  json.count("table_bytes", stats.table_bytes).count("dirty_rows", stats.dirty_rows);
  json.count("parked_batches", stats.parked_batches).count("replayed_frames", stats.replayed_frames);
  json.count("replay_frames_left", stats.replay_frames_left);
  json.count("durable", stats.durable.value).count("newest", stats.newest.value);
  auto& list = json.begin("partitions");
  list += '[';
  for (const PartitionStats& partition : stats.partitions) {
    if (list.back() != '[') list += ',';
    JsonObject item(list);
    item.count("partition", partition.partition.value).count("read", partition.read.value);
    item.count("flushed", partition.flushed.value).count("watermark", partition.watermark.value);
    item.count("ids", partition.ids).count("ids_max", partition.ids_max);
    item.number("oldest_id_time", partition.oldest_id_time).count("sources", partition.sources).end();
  }
  list += ']';
  if (context_.graph != nullptr) append_graph(json, *context_.graph);
  JsonObject server(json.begin("server"));
  if (context_.server_figures) {
    for (const auto& [name, figure] : context_.server_figures()) server.count(name, figure);
  }
  server.end();
  json.end();
  writer_.reply(out, pending.shape, 200, HttpReplyWriter::kJson, "Cache-Control: no-cache\r\n", body_);
}

}  // namespace quipu
