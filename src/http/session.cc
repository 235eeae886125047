#include "http/session.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace quipu {

HttpSession::HttpSession(const HttpContext& context)
    : context_(context),
      parser_(context.limits),
      planner_(context),
      answers_(context, planner_.writer()),
      alive_(std::make_shared<bool>(true)) {
  output_bytes_max = context.limits.output_bytes_max;
}

HttpSession::~HttpSession() { *alive_ = false; }

std::size_t HttpSession::receive(std::string_view bytes) {
  if (busy()) return 0;
  inside_ = true;
  if (!turn_) turn_ = context_.turns.take(sparing);
  planner_.set_time(context_.service.now());
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

/// Whether another request may join the turn.
bool HttpSession::may_gather() const {
  return !closing_ && !sparing && errand_.kind == HttpErrand::Kind::kNone && !parser_.request().chunked &&
         turn_->pending.size() < context_.limits.pipeline_requests_max && turn_->prepared.size() < output_bytes_max;
}

/// Takes one request. False when there is no more to take now.
bool HttpSession::take(std::string_view bytes, std::size_t& used) {
  const auto step = parser_.parse(bytes.substr(used));
  used += step.used;
  switch (step.status) {
    case HttpParser::Status::kNeedMore:
      continue_due_ = parser_.take_continue();
      return false;
    case HttpParser::Status::kRefused: {
      Problem problem;
      problem.status = parser_.verdict().status;
      problem.detail = parser_.verdict().detail;
      planner_.plan_refusal(*turn_, problem);
      closing_ = true;
      return false;
    }
    case HttpParser::Status::kRequest:
      planner_.plan(parser_.request(), *turn_, errand_);
      closing_ = !parser_.request().keep_alive || planner_.closing();
      return true;
  }
  return false;
}

/// Hands what was gathered to the engine, and runs the errand that stands behind it.
void HttpSession::submit() {
  if (turn_->batch.operations.empty()) {
    finish_turn();
  } else {
    parked_ = true;
    context_.service.submit(turn_->batch, *this);
  }
}

void HttpSession::batch_done(Batch& batch) {
  QUIPU_CHECK(&batch == &turn_->batch);
  parked_ = false;
  if (inside_) return finish_turn();
  inside_ = true;
  planner_.set_time(context_.service.now());
  finish_turn();
  inside_ = false;
  give_turn_back();
  if (!busy() && on_ready) on_ready();
}

/// Keeps no turn but while the engine has its batch, or an errand is under way.
void HttpSession::give_turn_back() {
  if (!busy()) context_.turns.give(std::move(turn_));
}

void HttpSession::finish_turn() {
  if (!turn_->empty()) {
    answers_.append(output_.buffer(), *turn_);
    output_.hold(std::max(turn_->batch.durable_at, turn_->hold_at), static_cast<std::uint32_t>(turn_->pending.size()));
  }
  turn_->clear();
  // A read that waits is planned once more, from the request as it came.
  if (errand_.kind != HttpErrand::Kind::kWait) parser_.forget_body();
  if (continue_due_) say_continue();
  if (errand_.kind != HttpErrand::Kind::kNone && !errand_runs_) run_errand();
}

void HttpSession::say_continue() {
  continue_due_ = false;
  output_.buffer() += "HTTP/1.1 100 Continue\r\n\r\n";
  output_.hold(kNoOffset, 0);
}

void HttpSession::run_errand() {
  errand_runs_ = true;
  switch (errand_.kind) {
    case HttpErrand::Kind::kTop:
      return run_top();
    case HttpErrand::Kind::kPutNamespace:
      return run_put_namespace();
    case HttpErrand::Kind::kWait:
      wait_until_.reset();
      return try_wait(errand_.timeout_ms <= 0);
    case HttpErrand::Kind::kNone:
      break;
  }
}

void HttpSession::run_top() {
  context_.service.top(errand_.space, errand_.limit, [this, alive = alive_](Result<ScanPage> page) {
    if (!*alive || errand_.kind != HttpErrand::Kind::kTop) return;
    planner_.set_time(context_.service.now());
    if (!page) {
      planner_.writer().problem(output_.buffer(), errand_.shape,
                                problem_of(page.error().code, page.error().what, page.error().retry_after_ms));
      return finish_errand(kNoOffset);
    }
    answers_.append_top(output_.buffer(), errand_, *page);
    finish_errand(page->durable_at);
  });
}

void HttpSession::run_put_namespace() {
  const bool existed = context_.service.namespaces().find(errand_.name).has_value();
  context_.service.put_namespace(errand_.name, errand_.policy, [this, existed, alive = alive_](Result<void> done) {
    if (!*alive || errand_.kind != HttpErrand::Kind::kPutNamespace) return;
    planner_.set_time(context_.service.now());
    if (!done) {
      auto problem = problem_of(done.error().code, done.error().what, done.error().retry_after_ms);
      if (done.error().code == Code::kTooLarge) problem.status = 400;  // There are too many namespaces.
      planner_.writer().problem(output_.buffer(), errand_.shape, problem);
      return finish_errand(kNoOffset);
    }
    std::string body;
    append_namespace(body, errand_.name, errand_.policy, std::nullopt);
    planner_.writer().reply(output_.buffer(), errand_.shape, existed ? 200 : 201, HttpReplyWriter::kJson, "", body);
    finish_errand(kNoOffset);
  });
}

void HttpSession::finish_errand(Offset hold_at) {
  output_.hold(hold_at, 1);
  errand_ = HttpErrand{};
  errand_runs_ = false;
  if (inside_) return;
  give_turn_back();
  if (on_ready) on_ready();
}

/// A read that waits: once more, when the position is reached, when the time is over, or when nothing comes any more.
void HttpSession::try_wait(bool time_over) {
  const auto reach = context_.service.reach(errand_.after);
  const bool reached = !reach || reach->reached;  // What is wrong is answered when it is planned again.
  const bool over = time_over || context_.service.state() != EngineState::kServing;
  if (!reached && !over) return;
  errand_ = HttpErrand{};
  errand_runs_ = false;
  planner_.set_time(context_.service.now());
  planner_.plan(parser_.request(), *turn_, errand_, true);
  submit();
}

void HttpSession::tick(TimeMs now) {
  if (errand_.kind != HttpErrand::Kind::kWait || !errand_runs_) return;
  if (!wait_until_) wait_until_ = now + errand_.timeout_ms;
  inside_ = true;
  try_wait(now >= *wait_until_);
  inside_ = false;
  give_turn_back();
  if (!busy() && on_ready) on_ready();
}

void HttpSession::answer_problem(const Problem& problem) {
  HttpReplyShape shape;
  shape.close = true;
  planner_.set_time(context_.service.now());
  planner_.writer().problem(output_.buffer(), shape, problem);
}

void HttpSession::fail_held(Offset durable) {
  auto replies = output_.drop_held(durable);
  for (std::uint32_t i = 0; i < replies; ++i) {
    answer_problem(problem_of(Code::kUnknown,
                              "the log failed before this was known to be durable: ask again after a "
                              "restart, or send it again with the same id"));
  }
  if (errand_.kind != HttpErrand::Kind::kNone) {
    answer_problem(problem_of(Code::kBusy, "the service is stopping: its log failed"));
    errand_ = HttpErrand{};
    errand_runs_ = false;
    ++replies;
  }
  output_.hold(kNoOffset, replies);
  closing_ = true;
}

void HttpSession::timed_out() {
  if (busy() || closing_) return;
  answer_problem(problem_of(Code::kTimeout, "the request did not come to its end within limits.request"));
  output_.hold(kNoOffset, 1);
  closing_ = true;
}

void HttpSession::too_crowded() {
  if (busy() || closing_) return;
  answer_problem(problem_of(Code::kBusy, "all clients together hold more than limits.clients_bytes"));
  output_.hold(kNoOffset, 1);
  closing_ = true;
}

void HttpSession::turned_away() {
  answer_problem(problem_of(Code::kBusy, "there are more connections than limits.connections"));
  output_.hold(kNoOffset, 1);
  closing_ = true;
}

}  // namespace quipu
