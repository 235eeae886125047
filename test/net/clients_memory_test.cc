#include "net/clients_memory.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

constexpr std::size_t kMax = std::size_t{1} << 20;

TEST(ClientsMemory, CountsNothingOfAConnectionUpToItsShare) {
  ClientsMemory clients(kMax);
  clients.change(0, kClientShareBytes);
  EXPECT_EQ(clients.held(), 0U);
  clients.change(kClientShareBytes, kClientShareBytes + 1);
  EXPECT_EQ(clients.held(), 1U);
  clients.change(kClientShareBytes + 1, 10);
  EXPECT_EQ(clients.held(), 0U);
}

TEST(ClientsMemory, IsCrowdedAtItsBoundAndRoomyAgainAnEighthBelow) {
  ClientsMemory clients(kMax);
  const auto full = kClientShareBytes + kMax;
  clients.change(0, full - 1);
  EXPECT_FALSE(clients.crowded());
  EXPECT_EQ(clients.room(), 1U);
  clients.change(full - 1, full);
  EXPECT_TRUE(clients.crowded());
  EXPECT_EQ(clients.room(), 0U);
  clients.change(full, full - kMax / 8);
  EXPECT_FALSE(clients.crowded());
  EXPECT_FALSE(clients.roomy());
  clients.change(full - kMax / 8, full - kMax / 8 - 1);
  EXPECT_TRUE(clients.roomy());
}

TEST(ClientsMemory, IsOverrunAtTwiceItsBound) {
  ClientsMemory clients(kMax);
  clients.change(0, kClientShareBytes + 2 * kMax - 1);
  EXPECT_FALSE(clients.overrun());
  clients.change(0, kClientShareBytes + 1);
  EXPECT_TRUE(clients.overrun());
  EXPECT_EQ(clients.room(), 0U);
}

}  // namespace
}  // namespace quipu
