#include "net/tcp_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quipu {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// What the sessions of a test share with it.
struct Shared {
  std::uint64_t durable = 0;
  std::uint64_t lines = 0;
  bool park = false;  ///< A line makes its session busy.
  std::vector<class LineSession*> parked;
};

/// Answers each line with the same line, held until the log is as far as there were lines.
class LineSession final : public Session {
 public:
  explicit LineSession(Shared& shared) : shared_(shared) {}

  std::size_t receive(std::string_view bytes) override {
    std::size_t used = 0;
    while (!busy_ && !closing_ && output_.size() <= output_bytes_max) {
      const auto end = bytes.find('\n', used);
      if (end == std::string_view::npos) break;
      const auto line = bytes.substr(used, end + 1 - used);
      used = end + 1;
      if (line == "quit\n") closing_ = true;
      if (std::exchange(shared_.park, false)) {
        busy_ = true;
        waiting_ = line;
        shared_.parked.push_back(this);
        break;
      }
      answer(line);
    }
    return used;
  }
  void unpark() {
    busy_ = false;
    answer(waiting_);
    if (on_ready) on_ready();
  }
  bool busy() const override { return busy_; }
  bool closing() const override { return closing_ && !busy_; }
  void fail_held(Offset durable) override {
    for (auto left = output_.drop_held(durable); left > 0; --left) say("unknown\n");
    closing_ = true;
  }
  HeldOutput& output() override { return output_; }
  void timed_out() override {
    say("too slow\n");
    closing_ = true;
  }
  void too_crowded() override {
    say("too crowded\n");
    closing_ = true;
  }
  void turned_away() override {
    say("too many\n");
    closing_ = true;
  }

 private:
  void answer(std::string_view line) {
    output_.buffer() += line;
    output_.hold(Offset{++shared_.lines}, 1);
  }
  void say(std::string_view text) {
    output_.buffer() += text;
    output_.hold(kNoOffset, 1);
  }

  Shared& shared_;
  HeldOutput output_;
  std::string waiting_;
  bool busy_ = false;
  bool closing_ = false;
};

/// A client that never waits.
class Client {
 public:
  explicit Client(int port) : file_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(static_cast<std::uint16_t>(port));
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(file_, reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
  }
  Client(Client&& other) noexcept : ended(other.ended), file_(std::exchange(other.file_, -1)) {}
  ~Client() { close(); }
  void close() {
    if (file_ >= 0) ::close(std::exchange(file_, -1));
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(file_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void end_writes() const { ::shutdown(file_, SHUT_WR); }
  void little_room() const {
    const int bytes = 4096;
    ::setsockopt(file_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  /// How much of it the system took.
  std::size_t send(std::string_view bytes) const {
    const auto size = ::send(file_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }
  /// What is there; `ended` once the server has closed.
  std::string take() {
    std::string out;
    char buffer[65536];
    while (true) {
      const auto size = ::recv(file_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (size == 0) ended = true;
      if (size < 0 && errno != EAGAIN) ended = true;
      if (size <= 0) return out;
      out.append(buffer, static_cast<std::size_t>(size));
    }
  }
  /// How much came of what is there, at most so much.
  std::size_t take_some(std::size_t size) const {
    std::string room(size, '\0');
    const auto got = ::recv(file_, room.data(), room.size(), MSG_DONTWAIT);
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  bool ended = false;

 private:
  int file_;
};

class TcpServerTest : public testing::Test {
 public:
  NetLimits limits;
  Shared shared;
  ClientsMemory clients{256 << 20};
  TimeMs now = 1'000'000;

  void serve() {
    auto made = EventLoop::make();
    ASSERT_TRUE(made.has_value());
    loop_ = std::move(*made);
    auto listening = TcpServer::listen(
        *loop_, {"test.listen", "127.0.0.1:0", limits, [this] { return std::make_unique<LineSession>(shared); },
                 [this] { return Offset{shared.durable}; }, [this] { return now; }, &clients});
    ASSERT_TRUE(listening.has_value()) << listening.error().what;
    server_ = std::move(*listening);
    const auto address = server_->address();
    port_ = std::stoi(address.substr(address.rfind(':') + 1));
  }
  TcpServer& server() { return *server_; }
  Client connect() const { return Client(port_); }

  void turns(int count = 20) {
    for (int i = 0; i < count; ++i) {
      loop_->turn(0us);
      server_->after_step();
    }
  }
  /// As `turns`, with everything durable.
  void commit() {
    turns();
    shared.durable = shared.lines;
    turns();
  }
  void later(TimeMs ms) {
    now += ms;
    turns();
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<TcpServer> server_;
  int port_ = 0;
};

TEST_F(TcpServerTest, HoldsRepliesUntilTheyAreDurable) {
  serve();
  auto client = connect();
  client.send("one\ntwo\n");
  turns();
  EXPECT_EQ(client.take(), "");
  shared.durable = 1;
  turns();
  EXPECT_EQ(client.take(), "one\n");
  shared.durable = 2;
  turns();
  EXPECT_EQ(client.take(), "two\n");
}

TEST_F(TcpServerTest, JoinsWhatComesInPieces) {
  serve();
  auto client = connect();
  for (const char c : std::string("a line in pieces\nand")) {
    client.send({&c, 1});
    turns(2);
  }
  client.send(" another\n");
  commit();
  EXPECT_EQ(client.take(), "a line in pieces\nand another\n");
}

TEST_F(TcpServerTest, TakesALineLargerThanABlock) {
  serve();
  auto client = connect();
  const auto line = std::string(300'000, 'x') + "\n";
  for (std::size_t sent = 0; sent < line.size(); turns(2)) sent += client.send(std::string_view(line).substr(sent));
  std::string got;
  for (int i = 0; i < 100 && got.size() < line.size(); ++i) {
    commit();
    got += client.take();
  }
  EXPECT_EQ(got, line);
}

TEST_F(TcpServerTest, GivesABusySessionNoBytesAndGoesOnWhenItIsDone) {
  serve();
  auto client = connect();
  shared.park = true;
  client.send("one\ntwo\n");
  turns();
  client.send("three\n");
  turns();
  ASSERT_EQ(shared.parked.size(), 1u);
  EXPECT_EQ(shared.lines, 0u);
  shared.parked[0]->unpark();
  commit();
  EXPECT_EQ(client.take(), "one\ntwo\nthree\n");
}

TEST_F(TcpServerTest, KeepsABusySessionWhoseClientIsGone) {
  serve();
  auto client = connect();
  shared.park = true;
  client.send("one\n");
  turns();
  ASSERT_EQ(shared.parked.size(), 1u);
  client.reset();
  turns();
  EXPECT_EQ(server().connections(), 0u);
  shared.parked[0]->unpark();
  turns();
}

TEST_F(TcpServerTest, TellsThoseBeyondTheLimitAndServesTheOthers) {
  limits.connections_max = 2;
  serve();
  auto a = connect();
  auto b = connect();
  turns();
  auto c = connect();
  turns();
  EXPECT_EQ(c.take(), "too many\n");
  EXPECT_TRUE(c.ended);
  a.send("one\n");
  commit();
  EXPECT_EQ(a.take(), "one\n");
  b.close();
  c.close();
  turns();
  auto d = connect();
  d.send("two\n");
  commit();
  EXPECT_EQ(d.take(), "two\n");
}

TEST_F(TcpServerTest, ClosesAnIdleConnectionAndNoOther) {
  limits.idle_ms = 5'000;
  serve();
  auto idle = connect();
  auto waiting = connect();
  waiting.send("one\n");
  turns();
  later(4'999);
  idle.take();
  EXPECT_FALSE(idle.ended);
  later(1'000);
  idle.take();
  EXPECT_TRUE(idle.ended);
  EXPECT_EQ(waiting.take(), "");
  EXPECT_FALSE(waiting.ended);  // It is owed a reply.
}

TEST_F(TcpServerTest, EndsARequestThatTakesTooLong) {
  limits.request_ms = 3'000;
  serve();
  auto client = connect();
  client.send("half a li");
  turns();
  later(2'000);
  client.send("n");  // Another byte is no excuse.
  turns();
  later(2'000);
  EXPECT_EQ(client.take(), "too slow\n");
  EXPECT_TRUE(client.ended);
}

TEST_F(TcpServerTest, StopsReadingWhileRepliesAreNotReadAndClosesWhoNeverReads) {
  limits.output_bytes_max = 100'000;
  limits.write_ms = 5'000;
  serve();
  auto client = connect();
  client.little_room();
  const auto line = std::string(999, 'x') + "\n";
  std::size_t taken = 0;
  // More than all buffers on the way hold, if the server did not stop to read.
  for (int i = 0; i < 40'000; ++i) {
    const auto sent = client.send(line);
    taken += sent;
    if (sent < line.size()) {
      turns(3);
      shared.durable = shared.lines;
      turns(3);
      if (client.send("") == 0 && i > 20'000) break;
    }
  }
  shared.durable = shared.lines;
  turns();
  EXPECT_LT(shared.lines * line.size(), taken);
  later(6'000);
  EXPECT_EQ(server().connections(), 0u);
}

TEST_F(TcpServerTest, ClosesWhoSendsOnButNeverReads) {
  limits.write_ms = 5'000;
  serve();
  auto client = connect();
  // More than the system's buffers hold, and less than limits.output_bytes: the server still reads.
  const std::string lines = std::string(64, 'x') + "\n";
  std::string bytes;
  while (bytes.size() < 12'000'000) bytes += lines;
  for (std::string_view rest = bytes; !rest.empty();) {
    rest.remove_prefix(client.send(rest));
    turns(3);
    shared.durable = shared.lines;
  }
  turns();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(server().connections(), 1u);
    client.send("x\n");
    later(1'000);
  }
  EXPECT_EQ(server().connections(), 0u);
}

TEST_F(TcpServerTest, HoldsNoMoreForAllTogetherAndServesThoseWhoHoldLittle) {
  clients = ClientsMemory(1 << 20);
  serve();
  std::vector<Client> greedy;
  for (int i = 0; i < 40; ++i) greedy.push_back(connect());
  // Whole lines whose replies are held, as nothing is durable: more than twice what all may hold.
  const auto line = std::string(999, 'x') + "\n";
  for (int round = 0; round < 64; ++round) {
    for (auto& client : greedy) client.send(line);
    turns(2);
  }
  turns();
  EXPECT_TRUE(clients.crowded());
  EXPECT_FALSE(clients.overrun());
  EXPECT_EQ(server().connections(), greedy.size());
  const auto lines_then = shared.lines;
  EXPECT_LT(lines_then, 40u * 64u);
  auto modest = connect();
  modest.send("one\n");
  turns();
  EXPECT_EQ(shared.lines, lines_then + 1);
  // What is read makes room, and everything that was sent is answered.
  std::size_t got = 0;
  for (int i = 0; i < 200; ++i) {
    commit();
    for (auto& client : greedy) got += client.take().size();
  }
  EXPECT_EQ(got, 40u * 64u * line.size());
  EXPECT_EQ(modest.take(), "one\n");
  EXPECT_FALSE(clients.crowded());
  greedy.clear();
  modest.close();
  turns();
  EXPECT_EQ(clients.held(), 0u);
}

TEST_F(TcpServerTest, EndsWhoHoldsMemoryWithHalfARequest) {
  clients = ClientsMemory(1 << 20);
  limits.request_ms = 5'000;
  serve();
  std::vector<Client> greedy;
  for (int i = 0; i < 40; ++i) greedy.push_back(connect());
  const std::string half(60'000, 'x');
  for (auto& client : greedy) client.send(half);
  turns(60);
  EXPECT_TRUE(clients.crowded());
  EXPECT_FALSE(clients.overrun());
  auto modest = connect();
  modest.send("one\n");
  commit();
  EXPECT_EQ(modest.take(), "one\n");
  for (int i = 0; i < 40; ++i) later(1'000);
  std::size_t slow = 0;
  std::size_t crowded = 0;
  for (auto& client : greedy) {
    const auto said = client.take();
    slow += said == "too slow\n" ? 1 : 0;
    crowded += said == "too crowded\n" ? 1 : 0;  // Who was not read is not to blame.
    EXPECT_TRUE(client.ended);
  }
  EXPECT_EQ(slow + crowded, greedy.size());
  EXPECT_GT(crowded, 0u);
  EXPECT_EQ(server().ended().count(EndedBy::kSlowRequest), slow);
  EXPECT_EQ(server().ended().count(EndedBy::kMemory), crowded);
  EXPECT_EQ(clients.held(), 0u);
}

TEST_F(TcpServerTest, EndsWhoReadsALittleNowAndThenOnlyWhereMemoryIsShort) {
  limits.output_bytes_max = 64 << 20;
  limits.write_ms = 5'000;
  serve();
  auto slow = connect();
  // More than the system's buffers hold and than it will read here.
  const auto line = std::string(9'999, 'x') + "\n";
  std::string bytes;
  while (bytes.size() < 32'000'000) bytes += line;
  for (std::string_view rest = bytes; !rest.empty();) {
    rest.remove_prefix(slow.send(rest));
    turns(3);
    shared.durable = shared.lines;
  }
  auto waiting = connect();  // Its replies are not durable: that they have not left is not its doing.
  for (int i = 0; i < 4; ++i) waiting.send(line);
  turns();
  for (int second = 0; second < 10; ++second) {
    std::size_t got = 0;
    for (int i = 0; i < 1'000 && got < (512 << 10); ++i) {
      got += slow.take_some(64 << 10);
      turns(1);
    }
    EXPECT_GE(got, 512u << 10);
    later(1'000);
    ASSERT_EQ(server().connections(), 2u) << "there is room";
  }
  clients.change(0, kClientShareBytes + (256 << 20));  // As another server of the process does.
  EXPECT_TRUE(clients.crowded());
  EXPECT_FALSE(clients.overrun());
  later(1'000);
  EXPECT_EQ(server().connections(), 1u);
  EXPECT_EQ(server().ended().count(EndedBy::kUnreadReplies), 1u);
  later(10'000);
  EXPECT_EQ(server().connections(), 1u);
}

TEST_F(TcpServerTest, ClosesWhoHoldsMuchWhereAllTogetherHoldTwiceTheBound) {
  clients = ClientsMemory(1 << 20);
  serve();
  auto modest = connect();
  auto owed = connect();
  owed.send(std::string(40'000, 'x') + "\n");
  turns();
  clients.change(0, 3 << 20);  // As another server of the process does.
  auto greedy = connect();
  greedy.send(std::string(40'000, 'x') + "\n");
  owed.send("one\n");
  turns();
  EXPECT_EQ(greedy.take(), "too crowded\n");
  EXPECT_TRUE(greedy.ended);
  EXPECT_EQ(owed.take(), "") << "a word would wait behind its replies";
  EXPECT_TRUE(owed.ended);
  EXPECT_EQ(server().ended().count(EndedBy::kMemory), 2u);
  modest.send("one\n");
  commit();
  EXPECT_EQ(modest.take(), "one\n");
}

TEST_F(TcpServerTest, AnswersWhatCameBeforeTheClientsEnd) {
  serve();
  auto client = connect();
  client.send("one\nhalf");
  client.end_writes();
  turns();
  EXPECT_EQ(client.take(), "");
  commit();
  EXPECT_EQ(client.take(), "one\n");
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(server().connections(), 0u);
}

TEST_F(TcpServerTest, ClosesBehindTheLastReply) {
  serve();
  auto client = connect();
  client.send("one\nquit\nnever seen\n");
  commit();
  EXPECT_EQ(client.take(), "one\nquit\n");
  EXPECT_TRUE(client.ended);
}

TEST_F(TcpServerTest, AnswersUnknownWhenTheLogFailed) {
  serve();
  auto client = connect();
  client.send("one\n");
  commit();
  client.send("two\nthree\n");
  turns();
  server().fail();
  turns();
  EXPECT_EQ(client.take(), "one\nunknown\nunknown\n");
  EXPECT_TRUE(client.ended);
}

TEST_F(TcpServerTest, StopsGracefully) {
  serve();
  auto idle = connect();
  auto waiting = connect();
  waiting.send("one\n");
  turns();
  server().stop_accepting();
  server().close_idle();
  turns();
  idle.take();
  EXPECT_TRUE(idle.ended);
  commit();
  EXPECT_EQ(waiting.take(), "one\n");
  server().close_idle();
  turns();
  waiting.take();
  EXPECT_TRUE(waiting.ended);
}

TEST_F(TcpServerTest, SaysWhyItCanNotListen) {
  const auto loop = EventLoop::make();
  for (const auto& [address, why] :
       {std::pair{"nowhere", "HOST:PORT"}, std::pair{"127.0.0.1:99999", "0 to 65535"}, std::pair{"127.0.0.1:x", "port"},
        std::pair{"no.such.host.invalid:1", "not known"}, std::pair{"192.0.2.1:1", "annot assign"}}) {
    const auto refused = TcpServer::listen(**loop, {"test.listen", address, limits, {}, {}, {}});
    ASSERT_FALSE(refused.has_value()) << address;
    EXPECT_THAT(refused.error().what, HasSubstr(std::string("test.listen ") + address));
    EXPECT_THAT(refused.error().what, HasSubstr(why));
  }
}

}  // namespace
}  // namespace quipu
