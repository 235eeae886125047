#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/operation.h"
#include "http/answers.h"
#include "http/context.h"
#include "http/parser.h"
#include "http/planner.h"
#include "http/turn.h"
#include "net/session.h"

namespace quipu {

/// HTTP/1.1 on one connection, without the socket.
///
///   receive ─► parser ─► planner ─► one batch of all that arrived ─► engine ─► answers ─► held output
///                            └─► an errand: a request that takes more than a batch, alone and in its place
///
/// Promise: replies leave in the order of their requests, each when what it shows is durable; after a request that can
/// not be framed nothing more is run. While the session is `busy`, the bytes given last must stay, and so must it.
/// Thread: the engine's. The context must outlive it. No allocation per request on the way of a write, once its buffers
/// have grown.
class HttpSession final : public Session, private BatchClient {
 public:
  explicit HttpSession(const HttpContext& context);
  ~HttpSession() override;

  std::size_t receive(std::string_view bytes) override;
  bool busy() const override { return parked_ || errand_.kind != HttpErrand::Kind::kNone; }
  bool closing() const override { return closing_ && !busy(); }
  void fail_held(Offset durable) override;
  HeldOutput& output() override { return output_; }
  std::size_t kept_bytes() const override {
    return parser_.kept_bytes() + answers_.kept_bytes() + (turn_ ? turn_->kept_bytes() : 0);
  }
  void tick(TimeMs now) override;
  bool mid_request() const override { return parser_.mid_request(); }
  void timed_out() override;
  void too_crowded() override;
  void turned_away() override;

 private:
  void batch_done(Batch& batch) override;
  bool take(std::string_view bytes, std::size_t& used);
  void submit();
  void give_turn_back();
  void finish_turn();
  void run_errand();
  void run_top();
  void run_put_namespace();
  void try_wait(bool time_over);
  void finish_errand(Offset hold_at);
  bool may_gather() const;
  void say_continue();
  void answer_problem(const Problem& problem);

  const HttpContext& context_;
  HttpParser parser_;
  HttpPlanner planner_;
  HttpAnswers answers_;
  HeldOutput output_;
  std::unique_ptr<HttpTurn> turn_;    // There while bytes are taken and while `busy`.
  HttpErrand errand_;                 // Under way, or waiting for the batch before it.
  std::optional<TimeMs> wait_until_;  // kWait: when it gives up, by the clock of `tick`; known from the first one on.
  bool errand_runs_ = false;
  bool parked_ = false;        // The engine has the turn's batch.
  bool inside_ = false;        // On the way of a call from outside, which says itself when it is done.
  bool continue_due_ = false;  // `100 Continue` goes out behind the batch.
  bool closing_ = false;
  std::shared_ptr<bool> alive_;  // What the engine calls late finds out here whether the session is still there.
};

}  // namespace quipu
