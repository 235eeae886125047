#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace quipu {

/// For how long a client has had no answer from its brokers, and when that has to be acted upon. Pure: a time is a
/// number of milliseconds that rises.
///
/// librdkafka 2.12 can forget all its brokers, and then it asks nobody, for ever, and says nothing. A broker that comes
/// back after a pause answers for a moment that the cluster has none, since the controller has fenced it; so the client
/// removes the last that it knows. It would begin again at `bootstrap.servers` then, but the very answer that made it
/// remove them also cancels that, if it is handled late enough: of 20 clients 7 were lost in two pauses. To be given
/// its first brokers again is what brings such a client back, and does no harm to another.
///
///   question ─ no answer ─► unanswered ─ kSearchMs ─► search: the first brokers are given again (kafka_client.h)
///            └ any answer ─► answered      └ kTellMs ─► tell: it is said, once
///
/// Promise: a client without an answer is to be given its brokers after kSearchMs, and again every kSearchMs, or every
/// hundredth of the whole silence where that is longer. So what that costs librdkafka (it keeps each list that it is
/// given) is bounded by the logarithm of the time: about 600 lists in a day of silence.
class Hearing {
 public:
  static constexpr std::int64_t kSearchMs = 3'000;
  static constexpr std::int64_t kTellMs = 10'000;

  /// What is to be done now.
  struct Step {
    bool search = false;
    bool tell = false;
  };

  /// An answer came, whatever it says. For how long there was none, if that was told.
  std::optional<std::int64_t> answered(std::int64_t now) {
    const auto silent = now - since_.value_or(now);
    const bool told = told_;
    since_.reset();
    searched_at_.reset();
    told_ = false;
    return told ? std::optional(silent) : std::nullopt;
  }

  /// No answer came yet to a question of `asked_at`.
  Step unanswered(std::int64_t asked_at, std::int64_t now) {
    if (!since_) since_ = asked_at;
    const auto silent = now - *since_;
    Step step;
    step.search = silent >= kSearchMs && (!searched_at_ || now - *searched_at_ >= std::max(kSearchMs, silent / 100));
    if (step.search) searched_at_ = now;
    step.tell = !told_ && silent >= kTellMs;
    told_ |= step.tell;
    return step;
  }

 private:
  std::optional<std::int64_t> since_;  ///< When the first question was asked that has no answer.
  std::optional<std::int64_t> searched_at_;
  bool told_ = false;
};

}  // namespace quipu
