#include "store/postgres_connection.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "services/postgres_place.h"
#include "services/shell.h"

/// What a connection answers when the server refuses, is silent, or must not be written to.
namespace quipu {
namespace {

using namespace testing_services;
using std::chrono::milliseconds;
using testing::HasSubstr;

PostgresDeadline in(milliseconds time) { return std::chrono::steady_clock::now() + time; }

/// A port of the loopback where connections are taken and nothing is ever said.
class SilentPort {
 public:
  SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, any, size), 0);
    EXPECT_EQ(::listen(socket_, 4), 0);
    EXPECT_EQ(::getsockname(socket_, any, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentPort() { ::close(socket_); }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;

  std::string url() const { return "postgresql://quipu:secret@127.0.0.1:" + std::to_string(port_) + "/postgres"; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

TEST(PostgresConnection, AServerThatSaysNothingIsBusyAtTheDeadline) {
  const SilentPort silent;
  const auto connection = PostgresConnection::connect(silent.url(), in(milliseconds(50)), -1);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Code::kBusy);
  EXPECT_THAT(connection.error().what, HasSubstr("did not let this process in in time"));
}

TEST(PostgresConnection, AStopEndsTheWaitForAServerThatSaysNothing) {
  const SilentPort silent;
  int stop[2];
  ASSERT_EQ(::pipe(stop), 0);
  ASSERT_EQ(::write(stop[1], "x", 1), 1);
  const auto connection = PostgresConnection::connect(silent.url(), in(std::chrono::minutes(1)), stop[0]);
  ::close(stop[0]);
  ::close(stop[1]);
  ASSERT_FALSE(connection);
  EXPECT_THAT(connection.error().what, HasSubstr("is being closed"));
}

TEST(PostgresConnection, WhatTheServerRefusesIsRefusedWithItsState) {
  const auto connection = PostgresConnection::connect(address("QUIPU_TEST_POSTGRES"), in(milliseconds(10'000)), -1);
  ASSERT_TRUE(connection) << connection.error().what;
  const auto refused = (*connection)->run("SELECT no_such_function()", in(milliseconds(10'000)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("SQLSTATE 42883"));
  const auto late = (*connection)->run("SET statement_timeout = 1; SELECT pg_sleep(10)", in(milliseconds(10'000)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kBusy) << "the same may succeed later";
}

TEST(PostgresConnection, AServerThatIsReadOnlyIsBusyUntilItIsNot) {
  const PostgresPlace place;
  PostgresStoreOptions options;
  options.url = place.url() + "%20-cdefault_transaction_read_only%3Don";
  const auto opened = PostgresStore::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kBusy);
  EXPECT_THAT(opened.error().what, HasSubstr("takes no writes"));
}

}  // namespace
}  // namespace quipu
