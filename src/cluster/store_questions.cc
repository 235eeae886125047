#include "cluster/store_questions.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace quipu {
namespace {

constexpr std::int64_t kFullRetryMs = 100;

}  // namespace

StoreQuestions::StoreQuestions(SharedStore store, std::function<void()> wake)
    : store_(std::move(store)), wake_(std::move(wake)), thread_([this] { run(); }) {}

StoreQuestions::~StoreQuestions() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

void StoreQuestions::ask() {
  {
    const std::scoped_lock lock(mutex_);
    settings_asked_ = true;
  }
  asked_.notify_one();
}

std::optional<Result<SettingsReader::Settings>> StoreQuestions::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(settings_, std::nullopt);
}

void StoreQuestions::ask(const Hash128& source, std::uint64_t token) {
  {
    const std::scoped_lock lock(mutex_);
    if (sources_asked_.size() < kWaitingMax) {
      sources_asked_.push_back({source, token});
    } else {
      answers_.push_back({token, busy("too many sources are being looked up", kFullRetryMs)});
    }
  }
  asked_.notify_one();
}

void StoreQuestions::take_answers(std::vector<Answer>& out) {
  const std::scoped_lock lock(mutex_);
  std::move(answers_.begin(), answers_.end(), std::back_inserter(out));
  answers_.clear();
}

void StoreQuestions::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return stopping_ || settings_asked_ || !sources_asked_.empty(); });
    if (stopping_) return;
    if (settings_asked_) {
      settings_asked_ = false;
      lock.unlock();
      // Nothing was given to this store: what it completes is news of its nodes, for those who count.
      std::vector<StoreCompletion> news;
      store_.store->take_completions(news);
      auto settings = store_.store->settings();
      lock.lock();
      settings_ = std::move(settings);
    } else {
      const auto asked = std::exchange(sources_asked_, {});
      lock.unlock();
      answer_sources(asked);
      lock.lock();
    }
    lock.unlock();
    wake_();
    lock.lock();
  }
}

void StoreQuestions::answer_sources(const std::vector<SourceQuestion>& asked) {
  const auto rows = store_.store->sources();
  std::map<Hash128, std::uint64_t> last;
  if (rows) {
    for (const SourceQuestion& question : asked) last[question.source] = 0;
    for (const SourceRow& row : *rows) {
      const auto wanted = last.find(row.source);
      if (wanted != last.end() && !row.forgotten) wanted->second = std::max(wanted->second, row.sequence);
    }
  }
  const std::scoped_lock lock(mutex_);
  for (const SourceQuestion& question : asked) {
    Answer& answer = answers_.emplace_back();
    answer.token = question.token;
    if (rows) {
      answer.last = last[question.source];
    } else {
      answer.last = std::unexpected(rows.error());
    }
  }
}

}  // namespace quipu
