#include "worker/worker_calls.h"

namespace quipu {
namespace {

/// Calls who waits for `token` with `answer`, if somebody does.
template <class Waiting, class Answer>
void hand_out(Waiting& waiting, std::uint64_t token, Answer& answer) {
  const auto asked = waiting.find(token);
  if (asked == waiting.end()) return;
  const auto done = std::move(asked->second.done);
  waiting.erase(asked);
  done(answer);
}

}  // namespace

void WorkerCalls::write(Owner owner, StoreWrite request, StoreDone done) {
  request.token = next_token_++;
  stores_.emplace(request.token, Asked<StoreDone>{owner, std::move(done)});
  store_.write(std::move(request));
}

void WorkerCalls::load(Owner owner, StoreLoad request, StoreDone done) {
  request.token = next_token_++;
  stores_.emplace(request.token, Asked<StoreDone>{owner, std::move(done)});
  store_.load(std::move(request));
}

void WorkerCalls::restore(Owner owner, PartitionId partition, RestoreDone done) {
  restores_.emplace(next_token_, Asked<RestoreDone>{owner, std::move(done)});
  partitions_.restore(partition, next_token_++);
}

void WorkerCalls::write_base(Owner owner, PartitionId partition, Base base, std::shared_ptr<const HeldBytes> held,
                             RestoreDone done) {
  held_.emplace(next_token_, std::move(held));
  restores_.emplace(next_token_, Asked<RestoreDone>{owner, std::move(done)});
  partitions_.write_base(partition, std::move(base), next_token_++);
}

void WorkerCalls::append(Owner owner, PartitionId partition, std::span<const Entry> entries, AppendDone done) {
  appends_.emplace(next_token_, Asked<AppendDone>{owner, std::move(done)});
  appender_.append(partition, entries, next_token_++);
}

void WorkerCalls::drop(Owner owner) {
  const auto of_owner = [owner](const auto& asked) { return asked.second.owner == owner; };
  std::erase_if(stores_, of_owner);
  std::erase_if(restores_, of_owner);
  std::erase_if(appends_, of_owner);
}

void WorkerCalls::take(TimeMs steady, TimeMs wall, const std::function<void()>& forgot) {
  completions_.clear();
  store_.take_completions(completions_);
  for (StoreCompletion& completion : completions_) {
    if (completion.kind == StoreCompletion::Kind::kForgot) {
      forgot();
    } else if (completion.kind == StoreCompletion::Kind::kBase) {
      Result<PartitionRestored> answer;
      if (!completion.result) answer = std::unexpected(completion.result.error());
      held_.erase(completion.token);
      hand_out(restores_, completion.token, answer);
    } else {
      hand_out(stores_, completion.token, completion);
    }
  }
  answers_.clear();
  partitions_.take_answers(answers_);
  for (PartitionStore::Answer& answer : answers_) {
    held_.erase(answer.token);
    hand_out(restores_, answer.token, answer.restored);
  }
  appended_.clear();
  appender_.step(steady, wall, appended_);
  for (EntryAppender::Appended& appended : appended_) hand_out(appends_, appended.token, appended.offset);
}

}  // namespace quipu
