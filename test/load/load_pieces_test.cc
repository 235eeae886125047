#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "load/key_distribution.h"
#include "load/latency_histogram.h"
#include "load/load_requests.h"
#include "load/reply_counter.h"

namespace quipu {
namespace {

TEST(KeyDistribution, ZipfDrawsKeysInProportionToTheirRank) {
  constexpr std::uint64_t kKeys = 1'000;
  constexpr int kDraws = 400'000;
  KeyDistribution keys(Spread::kZipf, kKeys, 7);
  std::vector<int> seen(kKeys + 1);
  for (int i = 0; i < kDraws; ++i) {
    const auto key = keys.next();
    ASSERT_GE(key, 1u);
    ASSERT_LE(key, kKeys);
    ++seen[key];
  }
  double harmonic = 0;
  for (std::uint64_t k = 1; k <= kKeys; ++k) harmonic += 1.0 / static_cast<double>(k);
  for (const std::uint64_t k : {1, 2, 3, 10, 50}) {
    const double expected = kDraws / (static_cast<double>(k) * harmonic);
    EXPECT_NEAR(seen[k], expected, expected * 0.1 + 5) << k;
  }
}

TEST(KeyDistribution, UniformReachesEveryKey) {
  KeyDistribution keys(Spread::kUniform, 10, 1);
  std::map<std::uint64_t, int> seen;
  for (int i = 0; i < 10'000; ++i) ++seen[keys.next()];
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(seen.begin()->first, 1u);
  for (const auto& [key, times] : seen) EXPECT_NEAR(times, 1'000, 200) << key;
}

TEST(KeyDistribution, OneKeyIsAlwaysTheFirst) {
  KeyDistribution keys(Spread::kOne, 10, 1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(keys.next(), 1u);
}

TEST(KeyDistribution, EachKeyComesOnceInOrderAndThenAgain) {
  KeyDistribution keys(Spread::kEach, 3, 1);
  for (const std::uint64_t expected : {1, 2, 3, 1, 2, 3, 1}) EXPECT_EQ(keys.next(), expected);
}

TEST(KeyDistribution, OfASingleKeyThereIsNoChoice) {
  for (const auto spread : {Spread::kZipf, Spread::kUniform}) {
    KeyDistribution keys(spread, 1, 3);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(keys.next(), 1u);
  }
}

TEST(KeyDistribution, TheSameSeedDrawsTheSameKeys) {
  KeyDistribution a(Spread::kZipf, 1'000'000, 5);
  KeyDistribution b(Spread::kZipf, 1'000'000, 5);
  KeyDistribution c(Spread::kZipf, 1'000'000, 6);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto key = a.next();
    EXPECT_EQ(key, b.next());
    differs |= key != c.next();
  }
  EXPECT_TRUE(differs);
}

TEST(LatencyHistogram, AnEmptyOneHasNoLatency) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.quantile_ns(0.5), 0u);
  EXPECT_EQ(histogram.max_ns(), 0u);
}

TEST(LatencyHistogram, QuantilesAreWithinThreeInAHundred) {
  LatencyHistogram histogram;
  for (std::uint64_t us = 1; us <= 10'000; ++us) histogram.add(us * 1'000);
  EXPECT_EQ(histogram.count(), 10'000u);
  EXPECT_EQ(histogram.max_ns(), 10'000'000u);
  for (const double share : {0.001, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = share * 1e7;
    EXPECT_NEAR(static_cast<double>(histogram.quantile_ns(share)), exact, exact * 0.0325) << share;
  }
  EXPECT_EQ(histogram.quantile_ns(1), 10'000'000u);
}

TEST(LatencyHistogram, AQuantileIsNeverBelowWhatItCovers) {
  for (std::uint64_t ns = 1; ns < (std::uint64_t{1} << 45); ns = ns * 5 / 3 + 1) {
    LatencyHistogram histogram;
    histogram.add(ns);
    EXPECT_EQ(histogram.quantile_ns(0.5), ns);
    histogram.add(UINT64_MAX);
    if (ns < (std::uint64_t{1} << 40)) {
      EXPECT_GE(histogram.quantile_ns(0.5), ns);
      EXPECT_LE(static_cast<double>(histogram.quantile_ns(0.5)), static_cast<double>(ns) * 1.0325);
    }
  }
}

TEST(LatencyHistogram, ARepeatedDurationCountsSoOften) {
  LatencyHistogram histogram;
  histogram.add(1'000, 99);
  histogram.add(1'000'000, 1);
  histogram.add(5'000'000, 0);
  EXPECT_EQ(histogram.count(), 100u);
  EXPECT_LT(histogram.quantile_ns(0.99), 1'100u);
  EXPECT_EQ(histogram.max_ns(), 1'000'000u);
}

TEST(RequestRing, RespRequestsAreWhatRedisExpects) {
  KeyDistribution keys(Spread::kOne, 1, 1);
  const RequestRing views({LoadProtocol::kResp, "views", "h:1"}, keys, 2);
  EXPECT_EQ(views.size(), 2u);
  EXPECT_EQ(views.range(0, 1), "*2\r\n$4\r\nINCR\r\n$18\r\nviews:key-00000001\r\n");
  EXPECT_EQ(views.range(0, 2).size(), 2 * views.range(1, 2).size());
  EXPECT_EQ(views.range(1, 1), "");
  const RequestRing plain({LoadProtocol::kResp, "default", "h:1"}, keys, 1);
  EXPECT_EQ(plain.range(0, 1), "*2\r\n$4\r\nINCR\r\n$12\r\nkey-00000001\r\n");
}

TEST(RequestRing, HttpRequestsSayTheLengthOfTheirBody) {
  KeyDistribution keys(Spread::kOne, 1, 1);
  const RequestRing views({LoadProtocol::kHttp, "views", "h:1"}, keys, 1);
  EXPECT_EQ(views.range(0, 1),
            "POST /view HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n"
            R"({"video_id":"key-00000001"})");
  const RequestRing likes({LoadProtocol::kHttp, "likes", "h:1"}, keys, 1);
  EXPECT_THAT(std::string(likes.range(0, 1)), testing::StartsWith("POST /v1/counters/likes/key-00000001 HTTP/1.1\r\n"));
}

TEST(RequestRing, EachEventGetsAnIdOfItsOwnEachTimeItIsSent) {
  KeyDistribution keys(Spread::kEach, 9, 1);
  const RequestRing ring({LoadProtocol::kHttp, "views", "h:1", kKeyNameBytes, 2, true}, keys, 3);
  std::uint64_t next = 254;
  const auto sent = ring.stamped(1, 3, 0xabc, next);
  EXPECT_EQ(next, 258u);
  EXPECT_EQ(sent.size(), ring.range(1, 3).size());
  EXPECT_THAT(sent,
              testing::EndsWith(
                  "{\"namespace\":\"views\",\"counter\":\"key-00000005\",\"id\":\"00000abc0000000000000100\"}\n"
                  "{\"namespace\":\"views\",\"counter\":\"key-00000006\",\"id\":\"00000abc0000000000000101\"}\n"));
  EXPECT_THAT(sent, testing::HasSubstr("\"key-00000003\",\"id\":\"00000abc00000000000000fe\"}"));
  EXPECT_NE(ring.stamped(1, 3, 0xabc, next), sent);
  for (const auto* space : {"views", "likes"}) {
    const RequestRing one({LoadProtocol::kHttp, space, "h:1", kKeyNameBytes, 1, true}, keys, 1);
    EXPECT_THAT(one.stamped(0, 1, 7, next), testing::ContainsRegex("id\":\"00000007[0-9a-f]{16}\"}"));
  }
}

TEST(RequestRing, ABatchHasALineForEachEvent) {
  KeyDistribution keys(Spread::kEach, 9, 1);
  const RequestRing ring({LoadProtocol::kHttp, "views", "here:1", kKeyNameBytes, 2}, keys, 2);
  EXPECT_EQ(
      ring.range(1, 2),
      "POST /v1/events HTTP/1.1\r\nHost: here:1\r\nContent-Type: application/x-ndjson\r\nContent-Length: 94\r\n\r\n"
      "{\"namespace\":\"views\",\"counter\":\"key-00000003\"}\n{\"namespace\":\"views\",\"counter\":\"key-00000004\"}"
      "\n");
}

TEST(RequestRing, NamesAreAsLongAsAsked) {
  KeyDistribution keys(Spread::kEach, 2, 1);
  const RequestRing ring({LoadProtocol::kResp, "default", "h:1", 20}, keys, 2);
  EXPECT_EQ(ring.range(1, 2), "*2\r\n$4\r\nINCR\r\n$20\r\nkey-0000000000000002\r\n");
  EXPECT_EQ(key_name(7), "key-00000007");
}

constexpr std::string_view kResp =
    ":1\r\n:2\r\n-BUSY the disk is behind\r\n-UNKNOWN perhaps\r\n-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kHttp =
    "HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{\"accepted\":1}"
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nX: y\r\n\r\n"
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

TEST(ReplyCounter, TellsTheOutcomesApart) {
  ReplyTally tally;
  EXPECT_EQ(ReplyCounter(LoadProtocol::kResp).feed(kResp, tally).value(), 5u);
  EXPECT_EQ(tally.accepted, 2u);
  EXPECT_EQ(tally.busy, 1u);
  EXPECT_EQ(tally.unknown, 1u);
  EXPECT_EQ(tally.refused, 1u);
  EXPECT_EQ(tally.first_error, "BUSY the disk is behind");

  ReplyTally http;
  EXPECT_EQ(ReplyCounter(LoadProtocol::kHttp).feed(kHttp, http).value(), 6u);
  EXPECT_EQ(http.accepted, 2u);
  EXPECT_EQ(http.busy, 2u);
  EXPECT_EQ(http.unknown, 1u);
  EXPECT_EQ(http.refused, 1u);
}

TEST(ReplyCounter, HoweverTheBytesAreCutTheCountIsTheSame) {
  for (const auto protocol : {LoadProtocol::kResp, LoadProtocol::kHttp}) {
    const auto bytes = protocol == LoadProtocol::kResp ? kResp : kHttp;
    ReplyTally whole;
    ASSERT_TRUE(ReplyCounter(protocol).feed(bytes, whole));
    for (std::size_t piece = 1; piece < bytes.size(); ++piece) {
      ReplyCounter counter(protocol);
      ReplyTally tally;
      std::uint64_t replies = 0;
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const auto fed = counter.feed(bytes.substr(at, piece), tally);
        ASSERT_TRUE(fed);
        replies += *fed;
      }
      EXPECT_EQ(replies, whole.replies()) << piece;
      EXPECT_EQ(tally.accepted, whole.accepted) << piece;
      EXPECT_EQ(tally.busy, whole.busy) << piece;
    }
  }
}

TEST(ReplyCounter, WhatIsNoReplyIsRefused) {
  ReplyTally tally;
  for (const auto* bad : {"$3\r\nabc\r\n", "hello\r\n", ":1\n", "\n"}) {
    EXPECT_FALSE(ReplyCounter(LoadProtocol::kResp).feed(bad, tally)) << bad;
  }
  for (const auto* bad : {"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", ":1\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n"}) {
    EXPECT_FALSE(ReplyCounter(LoadProtocol::kHttp).feed(bad, tally)) << bad;
  }
  EXPECT_EQ(tally.replies(), 0u);
}

TEST(ReplyCounter, AReplyWithoutAnEndIsNotKeptForEver) {
  ReplyCounter counter(LoadProtocol::kResp);
  ReplyTally tally;
  const std::string piece(400 << 10, 'x');
  EXPECT_TRUE(counter.feed(":" + piece, tally));
  EXPECT_TRUE(counter.feed(piece, tally));
  EXPECT_FALSE(counter.feed(piece, tally));
}

}  // namespace
}  // namespace quipu
