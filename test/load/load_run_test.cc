#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "load/load.h"

namespace quipu {
namespace {

/// A server for one connection at a time on a port that the system picks: answers each request line with a text, and
/// hangs up after `replies_max` answers.
class LineServer {
 public:
  /// `mark`: the letter that each request has once.
  LineServer(std::string reply, std::uint64_t replies_max, char mark = '*')
      : reply_(std::move(reply)), replies_max_(replies_max), mark_(mark) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~LineServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void serve() {
    for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0; fd = ::accept(listener_, nullptr, nullptr)) {
      answer(fd);
      ::close(fd);
    }
  }

  void answer(int fd) const {
    std::vector<char> buffer(64 << 10);
    std::uint64_t replies = 0;
    while (true) {
      const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      const auto requests = static_cast<std::uint64_t>(std::count(buffer.begin(), buffer.begin() + got, mark_));
      const auto answers = std::min(requests, replies_max_ - replies);
      std::string out;
      for (std::uint64_t i = 0; i < answers; ++i) out += reply_;
      if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) return;
      replies += answers;
      if (replies == replies_max_) return;
    }
  }

  std::string reply_;
  std::uint64_t replies_max_;
  char mark_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

LoadOptions options_for(const LineServer& server) {
  LoadOptions options;
  options.port = server.port();
  options.connections = 1;
  options.pipeline = 7;
  options.keys = 10;
  options.events = 1'000;
  return options;
}

const auto kNeverInterrupted = [] { return false; };
const auto kNoProgress = [](std::uint64_t, double) {};

TEST(LoadRun, SendsExactlySoManyEventsAndCountsEveryReply) {
  const LineServer server(":1\r\n", UINT64_MAX);
  const auto report = run_load(options_for(server), kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->sent, 1'000u);
  EXPECT_EQ(report->replies.accepted, 1'000u);
  EXPECT_EQ(report->latency.count(), 1'000u);
  EXPECT_EQ(report->lost, 0u);
  EXPECT_GT(report->seconds, 0);
}

TEST(LoadRun, AReplyToABatchIsThatOfEachOfItsEvents) {
  const LineServer server("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", UINT64_MAX, 'O');  // Of "POST".
  auto options = options_for(server);
  options.protocol = LoadProtocol::kHttp;
  options.batch = 50;
  const auto report = run_load(options, kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->sent, 1'000u);
  EXPECT_EQ(report->replies.accepted, 1'000u);
  EXPECT_EQ(report->latency.count(), 20u);
  EXPECT_EQ(report->lost, 0u);
}

TEST(LoadRun, RepliesThatAreErrorsAreNotTakenForSuccess) {
  const LineServer server("-ERR no\r\n", UINT64_MAX);
  const auto report = run_load(options_for(server), kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->replies.accepted, 0u);
  EXPECT_EQ(report->replies.refused, 1'000u);
  EXPECT_EQ(report->replies.first_error, "ERR no");
}

TEST(LoadRun, WhatWasSentOnAConnectionThatEndsIsLostNotCounted) {
  const LineServer server(":1\r\n", 10);
  const auto report = run_load(options_for(server), kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->replies.accepted, 10u);
  EXPECT_EQ(report->sent, 14u);
  EXPECT_EQ(report->lost, 4u);
  EXPECT_EQ(report->connections_lost, 1u);
  EXPECT_NE(report->trouble, "");
}

TEST(LoadRun, AnInterruptedRunWaitsForWhatIsUnderWay) {
  const LineServer server(":1\r\n", UINT64_MAX);
  auto options = options_for(server);
  options.events = 0;
  options.seconds = 3'600;
  const auto report = run_load(options, [] { return true; }, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->interrupted);
  EXPECT_EQ(report->replies.accepted, report->sent);
}

TEST(LoadRun, AnOpenLoopSendsWhetherRepliesComeOrNot) {
  // It answers nothing and hangs up at the 500th request; a closed loop would wait for ever behind its first 7.
  const LineServer silent("", 500);
  auto options = options_for(silent);
  options.rate = 50'000;
  options.events = 100'000;
  const auto report = run_load(options, kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_GE(report->sent, 500u);
  EXPECT_EQ(report->lost, report->sent);
  EXPECT_EQ(report->connections_lost, 1u);
}

TEST(LoadRun, AnOpenLoopEndsWithEveryReply) {
  const LineServer server(":1\r\n", UINT64_MAX);
  auto options = options_for(server);
  options.rate = 100'000;
  const auto report = run_load(options, kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->sent, 1'000u);
  EXPECT_EQ(report->replies.accepted, 1'000u);
  EXPECT_EQ(report->latency.count(), 1'000u);
  // 1,000 requests at this rate, in batches of 7, begin over at least 9.9 ms, however fast the server is.
  EXPECT_GE(report->seconds, 0.0099);
}

TEST(LoadRun, IdleConnectionsStayOpenBesideTheOthers) {
  // The server has one connection at a time: the idle one waits in its queue, and stays open.
  const LineServer server(":1\r\n", UINT64_MAX);
  auto options = options_for(server);
  options.idle_connections = 3;
  auto report = run_load(options, kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->idle_lost, 0u);
  EXPECT_EQ(report->replies.accepted, 1'000u);
}

TEST(LoadRun, EachKeyIsSentOnceOverAllConnections) {
  const LineServer server(":1\r\n", UINT64_MAX);
  auto options = options_for(server);
  options.spread = Spread::kEach;
  options.keys = options.events = 100;
  const auto report = run_load(options, kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->replies.accepted, 100u);
}

TEST(LoadRun, TheReportSaysWhatHappened) {
  const LineServer server(":1\r\n", UINT64_MAX);
  const auto options = options_for(server);
  const auto report = run_load(options, kNeverInterrupted, kNoProgress);
  ASSERT_TRUE(report);
  EXPECT_NE(load_report_text(options, *report).find("1000 events accepted"), std::string::npos);
  EXPECT_NE(load_report_json(options, *report).find("\"accepted\": 1000"), std::string::npos);
}

}  // namespace
}  // namespace quipu
