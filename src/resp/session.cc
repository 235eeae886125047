#include "resp/session.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "resp/answers.h"
#include "resp/info.h"
#include "resp/text.h"

namespace quipu {
namespace {

constexpr std::size_t kPreparedBytesMax = std::size_t{1} << 20;
/// When nobody can say how long it takes.
constexpr std::int64_t kRetryMs = 1'000;

}  // namespace

RespSession::RespSession(RespContext& context)
    : context_(context), parser_(context.limits), planner_(context), alive_(std::make_shared<bool>(true)) {
  output_bytes_max = context.limits.output_bytes_max;
}

RespSession::~RespSession() { *alive_ = false; }

std::size_t RespSession::receive(std::string_view bytes) {
  if (busy()) return 0;
  inside_ = true;
  if (!turn_) turn_ = context_.turns.take(sparing);
  std::size_t used = 0;
  while (!busy() && !closing_ && output_.size() <= output_bytes_max) {
    const bool more = take(bytes, used);
    if (more && may_gather()) continue;
    submit();
    if (!more) break;
  }
  inside_ = false;
  give_turn_back();
  return closing_ ? bytes.size() : used;
}

/// Takes one command. False when there is no more to take now.
bool RespSession::take(std::string_view bytes, std::size_t& used) {
  parser_.set_before_login(!planner_.authenticated());
  const auto step = parser_.parse(bytes.substr(used));
  used += step.used;
  switch (step.status) {
    case RespParser::Status::kNeedMore:
      return false;
    case RespParser::Status::kSkipped:
      return true;
    case RespParser::Status::kCommand:
      planner_.plan(parser_.arguments(), *turn_, errand_);
      closing_ = planner_.closing();
      return true;
    case RespParser::Status::kRefused: {
      RespPending pending;
      pending.begin = turn_->prepared.size();
      RespWriter(turn_->prepared, false).error("ERR", parser_.error());
      pending.end = turn_->prepared.size();
      turn_->pending.push_back(pending);
      ++turn_->requests;
      closing_ = true;
      return false;
    }
  }
  return false;
}

/// Whether another command may join the turn.
bool RespSession::may_gather() const {
  return !closing_ && !sparing && errand_.kind == RespErrand::Kind::kNone &&
         turn_->pending.size() < context_.limits.pipeline_requests_max &&
         turn_->batch.operations.size() < context_.limits.pipeline_requests_max &&
         turn_->prepared.size() < std::min(kPreparedBytesMax, output_bytes_max);
}

/// Hands what was gathered to the engine, and runs the errand that stands behind it.
void RespSession::submit() {
  if (turn_->batch.operations.empty()) {
    finish_turn();
  } else {
    parked_ = true;
    context_.service.submit(turn_->batch, *this);
  }
}

void RespSession::batch_done(Batch& batch) {
  QUIPU_CHECK(&batch == &turn_->batch);
  parked_ = false;
  if (inside_) return finish_turn();
  inside_ = true;
  finish_turn();
  inside_ = false;
  give_turn_back();
  if (!busy() && on_ready) on_ready();
}

/// Keeps no turn but while the engine has its batch, or an errand is under way.
void RespSession::give_turn_back() {
  if (!busy()) context_.turns.give(std::move(turn_));
}

void RespSession::finish_turn() {
  if (!turn_->empty()) {
    append_resp_answers(output_.buffer(), *turn_);
    output_.hold(turn_->batch.durable_at, turn_->requests - (errand_.kind == RespErrand::Kind::kNone ? 0 : 1));
  }
  turn_->clear();
  parser_.forget_arguments();
  if (errand_.kind != RespErrand::Kind::kNone && !errand_runs_) run_errand();
}

/// The namespaces that keys can name.
std::vector<NamespaceId> RespSession::spaces() const {
  std::vector<NamespaceId> found;
  auto& registry = context_.service.namespaces();
  if (const auto space = registry.find("default")) found.push_back(*space);
  for (const auto& name : context_.namespaces) {
    const auto space = registry.find(name);
    if (space && std::ranges::find(found, *space) == found.end()) found.push_back(*space);
  }
  return found;
}

void RespSession::run_errand() {
  errand_runs_ = true;
  if (context_.service.state() != EngineState::kServing && errand_.kind != RespErrand::Kind::kInfo) {
    answer_error(Code::kBusy, "the service does not serve now: it is starting or stopping", kRetryMs);
    return finish_errand(kNoOffset);
  }
  RespWriter writer(output_.buffer(), errand_.resp3);
  switch (errand_.kind) {
    case RespErrand::Kind::kScan:
      return run_scan();
    case RespErrand::Kind::kFlush:
      return run_flush();
    case RespErrand::Kind::kCount:
      writer.integer(static_cast<std::int64_t>(context_.service.count(spaces())));
      return finish_errand(context_.service.newest());
    case RespErrand::Kind::kInfo:
      writer.text(resp_info(context_, errand_.sections, context_.service.count(spaces())));
      return finish_errand(context_.service.newest());
    case RespErrand::Kind::kNone:
      break;
  }
}

void RespSession::run_scan() {
  context_.service.scan(spaces(), errand_.cursor, errand_.limit, [this, alive = alive_](Result<ScanPage> page) {
    if (!*alive || errand_.kind != RespErrand::Kind::kScan) return;
    if (!page) {
      answer_error(page.error().code, page.error().what, page.error().retry_after_ms);
      return finish_errand(kNoOffset);
    }
    write_page(*page);
    finish_errand(page->durable_at);
  });
}

void RespSession::write_page(const ScanPage& page) {
  std::vector<std::string> keys;
  const auto& registry = context_.service.namespaces();
  for (const NamedTotal& counter : page.counters) {
    const auto space = registry.name(counter.space);
    auto key = space == "default" ? counter.counter : std::string(space) + ":" + counter.counter;
    if (space == "default") {
      // A key of this name means a counter of another namespace: only HTTP can name this one.
      const auto colon = key.find(':');
      if (colon != std::string::npos &&
          std::ranges::find(context_.namespaces, key.substr(0, colon)) != context_.namespaces.end())
        continue;
    }
    if (errand_.nothing || (!errand_.pattern.empty() && !matches_glob(errand_.pattern, key))) continue;
    keys.push_back(std::move(key));
  }
  RespWriter writer(output_.buffer(), errand_.resp3);
  writer.array(2);
  writer.bulk(std::to_string(page.next));
  writer.array(keys.size());
  for (const auto& key : keys) writer.bulk(key);
}

void RespSession::run_flush() {
  context_.service.reset_all(spaces(), [this, alive = alive_](Result<Offset> done) {
    if (!*alive || errand_.kind != RespErrand::Kind::kFlush) return;
    if (!done) {
      answer_error(done.error().code, done.error().what, done.error().retry_after_ms);
      return finish_errand(kNoOffset);
    }
    RespWriter(output_.buffer(), errand_.resp3).simple("OK");
    finish_errand(*done);
  });
}

void RespSession::finish_errand(Offset hold_at) {
  output_.hold(hold_at, 1);
  errand_ = RespErrand{};
  errand_runs_ = false;
  if (inside_) return;
  give_turn_back();
  if (on_ready) on_ready();
}

void RespSession::answer_error(Code code, std::string_view text, std::int64_t retry_after_ms) {
  RespWriter writer(output_.buffer(), errand_.resp3);
  write_resp_error(writer, code, text, retry_after_ms);
}

void RespSession::fail_held(Offset durable) {
  auto replies = output_.drop_held(durable);
  for (std::uint32_t i = 0; i < replies; ++i) {
    answer_error(Code::kUnknown, "the log failed; perhaps counted: only a retry with the same id is safe");
  }
  if (errand_.kind != RespErrand::Kind::kNone) {
    answer_error(Code::kUnknown, "the log failed before this was done");
    errand_ = RespErrand{};
    errand_runs_ = false;
    ++replies;
  }
  output_.hold(kNoOffset, replies);
  closing_ = true;
}

void RespSession::timed_out() {
  if (busy() || closing_) return;
  answer_error(Code::kRefused, "Protocol error: the command did not come to its end within limits.request");
  output_.hold(kNoOffset, 1);
  closing_ = true;
}

void RespSession::too_crowded() {
  if (busy() || closing_) return;
  answer_error(Code::kBusy, "all clients together hold more than limits.clients_bytes", kRetryMs);
  output_.hold(kNoOffset, 1);
  closing_ = true;
}

void RespSession::turned_away() {
  // Clients look for Redis's words.
  answer_error(Code::kBusy, "max number of clients reached", kRetryMs);
  output_.hold(kNoOffset, 1);
  closing_ = true;
}

}  // namespace quipu
