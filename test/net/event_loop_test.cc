#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace quipu {
namespace {

using namespace std::chrono_literals;

/// Two sockets that are connected.
struct Pair {
  int ends[2] = {-1, -1};
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0); }
  ~Pair() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  void send() const { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  void hang_up() { ::close(std::exchange(ends[1], -1)); }
};

struct Counting final : Watcher {
  int readable = 0;
  int writable = 0;
  std::function<void()> then = [] {};
  void ready(bool can_read, bool can_write) override {
    readable += can_read ? 1 : 0;
    writable += can_write ? 1 : 0;
    then();
  }
};

std::unique_ptr<EventLoop> make_loop() {
  auto loop = EventLoop::make();
  EXPECT_TRUE(loop.has_value());
  return std::move(*loop);
}

TEST(EventLoop, TellsWhoWatchesAndNobodyElse) {
  const auto loop = make_loop();
  Pair a;
  Pair b;
  Counting at_a;
  Counting at_b;
  ASSERT_TRUE(loop->watch(a.ends[0], at_a, true, false).has_value());
  ASSERT_TRUE(loop->watch(b.ends[0], at_b, true, false).has_value());
  a.send();
  loop->turn(0us);
  EXPECT_EQ(at_a.readable, 1);
  EXPECT_EQ(at_a.writable, 0);
  EXPECT_EQ(at_b.readable, 0);
}

TEST(EventLoop, TellsAgainWhileThereIsMoreToRead) {
  const auto loop = make_loop();
  Pair pair;
  Counting watcher;
  ASSERT_TRUE(loop->watch(pair.ends[0], watcher, true, false).has_value());
  pair.send();
  loop->turn(0us);
  loop->turn(0us);
  EXPECT_EQ(watcher.readable, 2);
}

TEST(EventLoop, ChangesWhatIsWatchedFor) {
  const auto loop = make_loop();
  Pair pair;
  Counting watcher;
  ASSERT_TRUE(loop->watch(pair.ends[0], watcher, true, false).has_value());
  ASSERT_TRUE(loop->watch(pair.ends[0], watcher, false, true).has_value());
  pair.send();
  loop->turn(0us);
  EXPECT_EQ(watcher.readable, 0);
  EXPECT_EQ(watcher.writable, 1);
}

TEST(EventLoop, TellsOfTheEndEvenWhereNothingIsWatchedFor) {
  const auto loop = make_loop();
  Pair pair;
  Counting watcher;
  ASSERT_TRUE(loop->watch(pair.ends[0], watcher, false, false).has_value());
  loop->turn(0us);
  EXPECT_EQ(watcher.readable, 0);
  pair.hang_up();
  loop->turn(0us);
  EXPECT_EQ(watcher.readable, 1);
}

TEST(EventLoop, DoesNotCallWhoWasForgottenInTheSameTurn) {
  const auto loop = make_loop();
  Pair a;
  Pair b;
  Counting at_a;
  Counting at_b;
  ASSERT_TRUE(loop->watch(a.ends[0], at_a, true, false).has_value());
  ASSERT_TRUE(loop->watch(b.ends[0], at_b, true, false).has_value());
  // Whichever is called first forgets the other.
  at_a.then = [&] { loop->forget(b.ends[0], at_b); };
  at_b.then = [&] { loop->forget(a.ends[0], at_a); };
  a.send();
  b.send();
  loop->turn(0us);
  EXPECT_EQ(at_a.readable + at_b.readable, 1);
}

TEST(EventLoop, IsWokenFromAnotherThread) {
  const auto loop = make_loop();
  std::thread other([&] { loop->wake(); });
  loop->turn(60s);
  other.join();
  // Many wakes are one turn, and none is left over.
  loop->wake();
  loop->wake();
  loop->turn(60s);
  loop->turn(0us);
  loop->wake();
  loop->turn(60s);
}

TEST(EventLoop, RefusesAFileThatCanNotBeWatched) {
  const auto loop = make_loop();
  Counting watcher;
  const auto watched = loop->watch(-1, watcher, true, false);
  ASSERT_FALSE(watched.has_value());
  EXPECT_NE(watched.error().what.find("epoll"), std::string::npos) << watched.error().what;
}

TEST(EventLoop, PassesOnEachSignalToStop) {
  const auto loop = make_loop();
  int stops = 0;
  loop->on_stop_signal([&] { ++stops; });
  std::raise(SIGTERM);
  loop->turn(60s);
  EXPECT_EQ(stops, 1);
  std::raise(SIGINT);
  std::raise(SIGTERM);
  loop->turn(60s);
  EXPECT_EQ(stops, 3);
}

}  // namespace
}  // namespace quipu
