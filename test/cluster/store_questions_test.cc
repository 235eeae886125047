#include "cluster/store_questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <semaphore>
#include <vector>

#include "store/memory_store.h"

namespace quipu {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

/// A store in memory whose sources may be asked for only when the test lets them.
class HeldStore final : public CounterStore {
 public:
  std::counting_semaphore<>* gate = nullptr;
  std::counting_semaphore<> entered{0};  // Released as each look begins, before the gate.
  std::vector<SourceRow> rows;
  int looks = 0;

  Result<std::vector<Watermark>> watermarks() override { return memory_.watermarks(); }
  Result<std::vector<SourceRow>> sources() override {
    entered.release();
    if (gate != nullptr) gate->acquire();
    ++looks;
    return rows;
  }
  Result<std::vector<std::pair<std::string, std::string>>> settings() override { return {{{"name", "value"}}}; }
  Result<std::optional<Base>> newest_base(Offset offset) override { return memory_.newest_base(offset); }
  void write(StoreWrite write) override { memory_.write(std::move(write)); }
  void load(StoreLoad load) override { memory_.load(std::move(load)); }
  void scan(StoreScan scan) override { memory_.scan(scan); }
  void write_base(Base base, std::uint64_t token) override { memory_.write_base(std::move(base), token); }
  void take_completions(std::vector<StoreCompletion>& out) override { memory_.take_completions(out); }
  std::size_t pending() const override { return memory_.pending(); }
  Offset durable_watermark(PartitionId partition) const override { return memory_.durable_watermark(partition); }
  Offset oldest_base() const override { return memory_.oldest_base(); }

 private:
  MemoryStore memory_;
};

class StoreQuestionsTest : public testing::Test {
 protected:
  StoreQuestionsTest() {
    SharedStore shared;
    auto store = std::make_unique<HeldStore>();
    store_ = store.get();
    store_->gate = &gate_;
    store_->rows = {{PartitionId{0}, {1, 1}, 5, Offset{9}, false},
                    {PartitionId{3}, {1, 1}, 8, Offset{2}, false},
                    {PartitionId{0}, {2, 2}, 7, Offset{9}, true}};
    shared.store = std::move(store);
    questions_ = std::make_unique<StoreQuestions>(std::move(shared), [this] { woken_.release(); });
  }
  ~StoreQuestionsTest() override {
    gate_.release(1'000);
    questions_.reset();
  }
  /// Answers, until there are `count`: token and what is known.
  std::vector<SourceReader::Answer> answers(std::size_t count) {
    std::vector<SourceReader::Answer> all;
    while (all.size() < count) {
      woken_.acquire();
      questions_->take_answers(all);
    }
    return all;
  }

  std::counting_semaphore<> gate_{0};
  std::counting_semaphore<> woken_{0};
  HeldStore* store_ = nullptr;
  std::unique_ptr<StoreQuestions> questions_;
};

TEST_F(StoreQuestionsTest, AnswersWithTheSettingsOnce) {
  questions_->ask();
  woken_.acquire();
  const auto answer = questions_->take();
  ASSERT_TRUE(answer && *answer);
  EXPECT_THAT(**answer, UnorderedElementsAre(Pair("name", "value")));
  EXPECT_FALSE(questions_->take());
}

TEST_F(StoreQuestionsTest, AnswersWithTheNewestSequenceOverAllPartitionsAndZeroWhereItIsForgotten) {
  gate_.release(10);
  questions_->ask({1, 1}, 100);
  EXPECT_EQ(answers(1)[0].last.value(), 8u);
  questions_->ask({2, 2}, 101);
  EXPECT_EQ(answers(1)[0].last.value(), 0u);
  questions_->ask({9, 9}, 102);
  const auto unknown = answers(1);
  EXPECT_EQ(unknown[0].token, 102u);
  EXPECT_EQ(unknown[0].last.value(), 0u);
}

TEST_F(StoreQuestionsTest, AnswersManySourcesFromOneLookAndTurnsAwayWhatIsBeyondTheBound) {
  questions_->ask({1, 1}, 0);
  store_->entered.acquire();  // The thread is with the first, and gets no further than the gate.
  for (std::size_t at = 1; at <= StoreQuestions::kWaitingMax + 1; ++at) questions_->ask({1, 1}, at);
  std::vector<SourceReader::Answer> early;
  questions_->take_answers(early);
  ASSERT_EQ(early.size(), 1u);
  EXPECT_EQ(early[0].token, StoreQuestions::kWaitingMax + 1);
  ASSERT_FALSE(early[0].last);
  EXPECT_EQ(early[0].last.error().code, Code::kBusy);
  gate_.release(10);
  const auto rest = answers(StoreQuestions::kWaitingMax + 1);
  for (const auto& answer : rest) EXPECT_EQ(answer.last.value(), 8u);
  EXPECT_EQ(store_->looks, 2);
}

}  // namespace
}  // namespace quipu
