#include "kafka/deliveries.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace quipu {
namespace {

int freed = 0;

void free_and_count(void* bytes) {
  ++freed;
  std::free(bytes);
}

class DeliveriesTest : public testing::Test {
 protected:
  void add(std::uint16_t partition, std::uint64_t token, std::size_t size = 10) {
    deliveries_.add(PartitionId(partition), token, std::malloc(size), size);
  }
  /// Sends what may be sent, and frees it as a client would.
  std::vector<Deliveries::Key> send(std::int64_t now = 1) {
    std::vector<Deliveries::Key> keys;
    while (const auto frame = deliveries_.next_to_send(now)) {
      std::free(frame->bytes);
      keys.push_back(frame->key);
    }
    return keys;
  }
  /// The client's first frame of a partition was acknowledged, at offset 1.
  void prove(std::uint16_t partition) {
    add(partition, 1'000);
    deliveries_.seal();
    deliveries_.resolve(send().at(0), Offset(1));
    take();
  }
  std::vector<LogCompletion> take() {
    std::vector<LogCompletion> out;
    deliveries_.take(out);
    return out;
  }
  std::vector<std::uint64_t> tokens() {
    std::vector<std::uint64_t> all;
    for (const auto& done : take()) all.push_back(done.token);
    return all;
  }
  using Tokens = std::vector<std::uint64_t>;

  Deliveries deliveries_{free_and_count};
};

TEST_F(DeliveriesTest, SendsOnlyWhatIsSealed) {
  prove(0);
  add(0, 1);
  EXPECT_FALSE(deliveries_.committing());
  EXPECT_TRUE(send().empty());
  deliveries_.seal();
  add(0, 2);
  EXPECT_TRUE(deliveries_.committing());
  EXPECT_EQ(send().size(), 1u);
  deliveries_.seal();
  EXPECT_EQ(send().size(), 1u);
}

TEST_F(DeliveriesTest, KeepsTheOrderWithinAPartitionAndNotBetweenThem) {
  prove(0);
  add(0, 1);
  add(0, 2);
  add(1, 3);
  deliveries_.seal();
  const auto keys = send();
  deliveries_.resolve(keys[1], Offset(8));
  EXPECT_EQ(tokens(), Tokens{}) << "the one before it is not answered";
  deliveries_.resolve(keys[2], Offset(5));
  EXPECT_EQ(tokens(), Tokens{3});
  deliveries_.resolve(keys[0], Offset(7));
  const auto done = take();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].token, 1u);
  EXPECT_EQ(*done[0].offset, Offset(7));
  EXPECT_EQ(done[1].token, 2u);
  EXPECT_EQ(*done[1].offset, Offset(8));
  EXPECT_FALSE(deliveries_.committing());
}

TEST_F(DeliveriesTest, CountsTheBytesUntilTheyAreTaken) {
  add(0, 1, 100);
  add(1, 2, 30);
  EXPECT_EQ(deliveries_.pending_bytes(), 130u);
  deliveries_.seal();
  const auto keys = send();
  deliveries_.resolve(keys[0], Offset(1));
  EXPECT_EQ(deliveries_.pending_bytes(), 130u);
  EXPECT_EQ(tokens(), Tokens{1});
  EXPECT_EQ(deliveries_.pending_bytes(), 30u);
}

TEST_F(DeliveriesTest, AnAnswerCountsOnceAndALateOneNotAtAll) {
  add(0, 1);
  deliveries_.seal();
  const auto keys = send();
  deliveries_.resolve(keys[0], Offset(4));
  deliveries_.resolve(keys[0], failure(Code::kUnknown, "again"));
  const auto done = take();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(*done[0].offset, Offset(4));
  deliveries_.resolve(keys[0], Offset(9));
  deliveries_.resolve({PartitionId(7), 3}, Offset(9));
  EXPECT_TRUE(take().empty());
  EXPECT_EQ(deliveries_.unanswered(), 0u);
}

TEST_F(DeliveriesTest, GivingUpKeepsAnswersAndLetsNothingOvertakeWhatIsUnknown) {
  freed = 0;
  prove(0);
  add(0, 1);
  add(0, 2);
  add(1, 3);
  deliveries_.seal();
  const auto keys = send();
  add(0, 4);  // By a caller who does not know yet.
  deliveries_.seal();
  add(2, 5);
  deliveries_.resolve(keys[0], Offset(2));
  deliveries_.give_up("the broker is gone", 250);
  EXPECT_EQ(freed, 2) << "what was never sent";
  const auto done = take();
  ASSERT_EQ(done.size(), 5u);
  EXPECT_EQ(done[0].token, 1u);
  EXPECT_TRUE(done[0].offset);
  EXPECT_EQ(done[1].token, 2u);
  EXPECT_EQ(done[1].offset.error().code, Code::kUnknown);
  EXPECT_EQ(done[2].token, 4u);
  EXPECT_EQ(done[2].offset.error().code, Code::kBusy);
  EXPECT_EQ(done[2].offset.error().retry_after_ms, 250);
  EXPECT_EQ(done[3].offset.error().code, Code::kUnknown);
  EXPECT_EQ(done[4].offset.error().code, Code::kBusy);
  EXPECT_EQ(deliveries_.pending_bytes(), 0u);
  EXPECT_FALSE(deliveries_.committing());
  deliveries_.resolve(keys[1], Offset(3));
  EXPECT_TRUE(take().empty()) << "the client that was left behind has no say any more";
}

TEST_F(DeliveriesTest, AClientsFirstFrameOfAPartitionGoesAloneUntilItIsAcknowledged) {
  for (std::uint64_t token = 1; token <= 3; ++token) add(0, token);
  add(1, 4);
  deliveries_.seal();
  const auto first = send();
  ASSERT_EQ(first.size(), 2u) << "one of each partition";
  add(0, 5);
  deliveries_.seal();
  EXPECT_TRUE(send().empty());
  EXPECT_EQ(deliveries_.unanswered(), 2u);
  deliveries_.resolve(first[0], Offset(1));
  EXPECT_EQ(tokens(), Tokens{1});
  EXPECT_TRUE(deliveries_.committing());
  const auto rest = send();
  ASSERT_EQ(rest.size(), 3u) << "what was held, in its order";
  for (std::uint64_t i = 0; i < 3; ++i) deliveries_.resolve(rest[i], Offset(i + 2));
  EXPECT_EQ(tokens(), (Tokens{2, 3, 5}));
}

TEST_F(DeliveriesTest, WhatWasHeldComesOutAsBusyAndTheNextClientBeginsAnew) {
  freed = 0;
  prove(0);
  for (std::uint64_t token = 1; token <= 2; ++token) add(1, token);
  deliveries_.seal();
  EXPECT_EQ(send().size(), 1u);
  deliveries_.give_up("the broker is gone", 250);
  EXPECT_EQ(freed, 1);
  const auto done = take();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].offset.error().code, Code::kUnknown);
  EXPECT_EQ(done[1].token, 2u);
  EXPECT_EQ(done[1].offset.error().code, Code::kBusy);
  EXPECT_FALSE(deliveries_.committing());
  for (std::uint64_t token = 3; token <= 4; ++token) add(0, token);
  deliveries_.seal();
  EXPECT_EQ(send().size(), 1u) << "the one before was proven, this one is not";
}

TEST_F(DeliveriesTest, AnOffsetThatDoesNotRiseTellsOfALossAndIsNotAcknowledged) {
  prove(0);
  for (std::uint64_t token = 1; token <= 5; ++token) add(token == 5 ? 1 : 0, token);
  deliveries_.seal();
  const auto keys = send();
  deliveries_.resolve(keys[1], Offset(8));  // Out of turn: the order of submission counts.
  deliveries_.resolve(keys[0], Offset(7));
  deliveries_.resolve(keys[4], Offset(1));  // Another partition.
  EXPECT_EQ(take().size(), 3u);
  EXPECT_FALSE(deliveries_.lost());
  deliveries_.resolve(keys[2], Offset(8));
  deliveries_.resolve(keys[3], Offset(9));
  const auto done = take();
  ASSERT_EQ(done.size(), 2u);
  ASSERT_FALSE(done[0].offset);
  EXPECT_EQ(done[0].offset.error().code, Code::kUnknown);
  EXPECT_TRUE(done[1].offset);
  ASSERT_TRUE(deliveries_.lost());
  EXPECT_EQ(deliveries_.lost()->partition, PartitionId(0));
  EXPECT_EQ(deliveries_.lost()->before, Offset(8));
  EXPECT_EQ(deliveries_.lost()->offset, Offset(8));
}

TEST_F(DeliveriesTest, KnowsTheOldestThatIsNotAnswered) {
  add(0, 1);
  deliveries_.seal();
  const auto first = send(10);
  add(1, 2);
  deliveries_.seal();
  send(20);
  EXPECT_EQ(deliveries_.oldest_sent(), 10);
  deliveries_.resolve(first[0], Offset(1));
  EXPECT_EQ(deliveries_.oldest_sent(), 20);
  EXPECT_EQ(deliveries_.unanswered(), 1u);
}

}  // namespace
}  // namespace quipu
