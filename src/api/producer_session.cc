#include "api/producer_session.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/planted.h"
#include "event/frame.h"

namespace quipu {
namespace {

constexpr std::int64_t kRateMs = 1'000;
constexpr std::int64_t kRetryMsMin = 10;

}  // namespace

ProducerSession::ProducerSession(const ProducerOptions& options, EventLog& log) : options_(options), log_(log) {
  QUIPU_CHECK(options.frames_in_flight_max >= 1);
  QUIPU_CHECK(options.boots >= 1);
  QUIPU_CHECK(options.boots - 1 <= std::numeric_limits<std::uint32_t>::max() - options.writer.boot);
  grow(log.partitions());
}

void ProducerSession::grow(std::uint16_t partitions) {
  while (lanes_.size() < partitions) {
    Lane& lane = lanes_.emplace_back();
    lane.writer = options_.writer;
    if (QUIPU_PLANTED("node-boot-reused")) lane.writer.boot = 0;
    lane.wait_ms = options_.resend_ms;
  }
}

void ProducerSession::offer(PartitionId partition, Bytes frame, std::uint64_t tag, TimeMs now, bool in_order) {
  QUIPU_CHECK(partition.value < lanes_.size());
  QUIPU_CHECK(!failure_);
  bytes_ += frame.size();
  lanes_[partition.value].frames.push_back(
      {.frame = std::move(frame), .tag = tag, .offered_at = now, .in_order = in_order});
}

void ProducerSession::step(TimeMs now, std::vector<FrameOutcome>& out) {
  if (now - second_ >= kRateMs || now < second_) {
    rate_ = now - second_ < 2 * kRateMs ? second_bytes_ : 0;
    second_bytes_ = 0;
    second_ = now;
  }
  completions_.clear();
  log_.take_completions(completions_);
  for (const LogCompletion& completion : completions_) {
    if (!failure_) take(completion, now, out);
  }
  for (std::size_t p = 0; p < lanes_.size() && !failure_; ++p) {
    Lane& lane = lanes_[p];
    const PartitionId partition{static_cast<std::uint16_t>(p)};
    if (lane.frames.empty()) continue;
    if (now - lane.frames.front().offered_at >= options_.give_up_ms) give_up(lane, partition, now, out);
    if (!failure_) send(lane, partition, now, out);
  }
  log_.commit();
}

void ProducerSession::take(const LogCompletion& completion, TimeMs now, std::vector<FrameOutcome>& out) {
  const auto known = tokens_.find(completion.token);
  if (known == tokens_.end()) return;  // Of a frame that was given up.
  const auto partition = known->second;
  tokens_.erase(known);
  Lane& lane = lanes_[partition.value];
  const auto frame = std::ranges::find(lane.frames, completion.token, &Pending::token);
  QUIPU_CHECK(frame != lane.frames.end());
  frame->token = 0;
  --lane.with_log;
  if (completion.offset) {
    second_bytes_ += frame->frame.size();
    ++stats_.frames_delivered;
    lane.wait_ms = options_.resend_ms;
    return end(lane, partition, frame, *completion.offset, out);
  }
  const Error& error = completion.offset.error();
  if (error.code != Code::kUnknown && error.code != Code::kBusy) return fail(error, out);
  frame->doubtful |= error.code == Code::kUnknown;
  fail_lane(lane, now);
}

void ProducerSession::fail_lane(Lane& lane, TimeMs now) {
  if (lane.failed) return;
  lane.failed = true;
  lane.resend_at = now + lane.wait_ms;
  lane.wait_ms = std::min(lane.wait_ms * 2, options_.resend_ms_max);
}

bool ProducerSession::can_send(PartitionId partition) const {
  const Lane& lane = lanes_[partition.value];
  return !lane.failed && lane.frames.size() < options_.frames_in_flight_max;
}

void ProducerSession::send(Lane& lane, PartitionId partition, TimeMs now, std::vector<FrameOutcome>& out) {
  if (lane.failed) {
    // The clock may have jumped back.
    const bool waits = now < lane.resend_at && lane.resend_at - now <= options_.resend_ms_max;
    if (lane.with_log > 0 || waits) return;
    lane.failed = false;
  }
  const auto window = std::min(options_.frames_in_flight_max, lane.frames.size());
  std::size_t backwards = 0;
  while (QUIPU_PLANTED("resent-out-of-order") && backwards < window && lane.frames[backwards].number != 0) ++backwards;
  for (std::size_t i = 0; i < window; ++i) {
    Pending& next = lane.frames[i < backwards ? backwards - 1 - i : i];
    if (next.token != 0) continue;
    const bool first = next.number == 0 || QUIPU_PLANTED("resent-under-new-number");
    if (first) {
      const bool silent = lane.number > 0 && now - lane.active_at >= options_.silence_ms;
      // Only where nothing of the old chain is unresolved.
      if (silent && i == 0) {
        QUIPU_MARK("node: a new boot after silence");
        begin_boot(lane);
      }
      if (lane.writer.boot - options_.writer.boot >= options_.boots && !QUIPU_PLANTED("node-boot-reused")) {
        return fail({Code::kRefused, "this start of the node has used up its boots: start it anew"}, out);
      }
      stamp_chain(std::span(next.frame), lane.writer, lane.number + 1);
    }
    const auto token = next_token_++;
    if (const auto submitted = log_.submit(partition, next.frame, token); !submitted) {
      const Error& error = submitted.error();
      if (error.code == Code::kBusy) return fail_lane(lane, now);
      if (error.code == Code::kTooLarge && first) {
        const bool in_order = next.in_order;
        end(lane, partition, lane.frames.begin() + static_cast<std::ptrdiff_t>(i), std::unexpected(error), out);
        if (in_order) give_up_behind(lane, partition, i, out);
        return send(lane, partition, now, out);
      }
      return fail(error, out);
    }
    if (first) {
      next.number = ++lane.number;
      ++stats_.frames_sent;
      stats_.bytes_sent += next.frame.size();
    } else {
      QUIPU_MARK("node: a frame is sent again");
      next.resent = true;
      ++stats_.frames_resent;
    }
    lane.active_at = now;
    next.token = token;
    ++lane.with_log;
    tokens_.emplace(token, partition);
  }
}

/// Ends everything that was sent and has no outcome, and what has waited for too long to be sent at all.
void ProducerSession::give_up(Lane& lane, PartitionId partition, TimeMs now, std::vector<FrameOutcome>& out) {
  bool sent = false;
  const auto before = lane.frames.size();
  while (!lane.frames.empty()) {
    const auto frame = lane.frames.begin();
    if (frame->number == 0 && now - frame->offered_at < options_.give_up_ms) break;
    const bool doubtful = (frame->doubtful || frame->token != 0) && !QUIPU_PLANTED("unknown-told-as-busy");
    QUIPU_MARK("node: a frame is given up");
    sent |= frame->number != 0;
    if (frame->token != 0) tokens_.erase(frame->token);
    ++stats_.frames_given_up;
    if (doubtful) {
      end(lane, partition, frame, quipu::failure(Code::kUnknown, "the log did not answer in time"), out);
    } else {
      end(lane, partition, frame, busy("the log took no frames for too long", lane.wait_ms), out);
    }
  }
  if (lane.frames.size() != before) give_up_behind(lane, partition, 0, out);
  if (!sent) return;
  lane.with_log = 0;
  begin_boot(lane);
}

/// Of what was never sent, from a place on, that which may not overtake what was given up.
void ProducerSession::give_up_behind(Lane& lane, PartitionId partition, std::size_t from,
                                     std::vector<FrameOutcome>& out) {
  for (auto frame = lane.frames.begin() + static_cast<std::ptrdiff_t>(from); frame != lane.frames.end();) {
    if (!frame->in_order || QUIPU_PLANTED("source-overtaken")) {
      ++frame;
      continue;
    }
    const auto place = frame - lane.frames.begin();
    ++stats_.frames_given_up;
    QUIPU_MARK("node: a source's frame goes with the one before");
    end(lane, partition, frame, busy("what stood before it was given up", lane.wait_ms), out);
    frame = lane.frames.begin() + place;
  }
}

void ProducerSession::begin_boot(Lane& lane) {
  ++lane.writer.boot;
  lane.number = 0;
  ++stats_.boots_begun;
}

void ProducerSession::fail(const Error& error, std::vector<FrameOutcome>& out) {
  failure_ = error;
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    Lane& lane = lanes_[p];
    const PartitionId partition{static_cast<std::uint16_t>(p)};
    while (!lane.frames.empty()) {
      const auto frame = lane.frames.begin();
      const bool doubtful = frame->doubtful || frame->token != 0;
      end(lane, partition, frame,
          std::unexpected(Error{doubtful ? Code::kUnknown : Code::kBusy, error.what, options_.resend_ms_max}), out);
    }
    lane.with_log = 0;
  }
  tokens_.clear();
}

void ProducerSession::end(Lane& lane, PartitionId partition, const std::deque<Pending>::iterator& frame,
                          Result<Offset> offset, std::vector<FrameOutcome>& out) {
  bytes_ -= frame->frame.size();
  out.push_back({frame->tag, partition, std::move(offset), frame->resent});
  lane.frames.erase(frame);
}

TimeMs ProducerSession::due() const {
  auto due = std::numeric_limits<TimeMs>::max();
  for (const Lane& lane : lanes_) {
    if (lane.frames.empty()) continue;
    due = std::min(due, lane.frames.front().offered_at + options_.give_up_ms);
    if (lane.failed && lane.with_log == 0) due = std::min(due, lane.resend_at);
  }
  return due;
}

std::int64_t ProducerSession::retry_after_ms(TimeMs now) const {
  const auto rate = std::max(rate_, second_bytes_);
  if (rate > 0) {
    const auto wait = static_cast<std::int64_t>(bytes_ * kRateMs / rate);
    return std::clamp(wait, kRetryMsMin, options_.give_up_ms);
  }
  auto oldest = now;
  for (const Lane& lane : lanes_) {
    if (!lane.frames.empty()) oldest = std::min(oldest, lane.frames.front().offered_at);
  }
  return std::clamp(now - oldest, options_.resend_ms, std::max(options_.resend_ms, options_.give_up_ms));
}

}  // namespace quipu
