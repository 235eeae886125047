#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/operation.h"
#include "net/session.h"
#include "resp/context.h"
#include "resp/parser.h"
#include "resp/planner.h"
#include "resp/turn.h"

namespace quipu {

/// The Redis protocol on one connection, without the socket.
///
///   receive ─► parser ─► planner ─► one batch of all that arrived ─► engine ─► answers ─► held output
///                            └─► an errand: a command that takes more than a batch, alone and in its place
///
/// Promise: replies leave in the order of their commands, each when what it shows is durable; after bytes that are no
/// command nothing more is run. While the session is `busy`, the bytes given last must stay, and so must it. Thread:
/// the engine's. The context must outlive it. No allocation per command on the way of a write, once its buffers have
/// grown.
class RespSession final : public Session, private BatchClient {
 public:
  explicit RespSession(RespContext& context);
  ~RespSession() override;

  std::size_t receive(std::string_view bytes) override;
  bool busy() const override { return parked_ || errand_.kind != RespErrand::Kind::kNone; }
  bool closing() const override { return closing_ && !busy(); }
  void fail_held(Offset durable) override;
  HeldOutput& output() override { return output_; }
  std::size_t kept_bytes() const override {
    return parser_.kept_bytes() + planner_.kept_bytes() + (turn_ ? turn_->kept_bytes() : 0);
  }
  void timed_out() override;
  void too_crowded() override;
  void turned_away() override;

 private:
  void batch_done(Batch& batch) override;
  bool take(std::string_view bytes, std::size_t& used);
  bool may_gather() const;
  void submit();
  void give_turn_back();
  void finish_turn();
  void run_errand();
  void run_scan();
  void run_flush();
  void finish_errand(Offset hold_at);
  void answer_error(Code code, std::string_view text, std::int64_t retry_after_ms = 0);
  std::vector<NamespaceId> spaces() const;
  void write_page(const ScanPage& page);

  RespContext& context_;
  RespParser parser_;
  RespPlanner planner_;
  HeldOutput output_;
  std::unique_ptr<RespTurn> turn_;  // There while bytes are taken and while `busy`.
  RespErrand errand_;               // Under way, or waiting for the batch before it.
  bool errand_runs_ = false;
  bool parked_ = false;  // The engine has the turn's batch.
  bool inside_ = false;  // On the way of a call from outside, which says itself when it is done.
  bool closing_ = false;
  std::shared_ptr<bool> alive_;  // What the engine calls late finds out here whether the session is still there.
};

}  // namespace quipu
