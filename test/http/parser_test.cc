#include "http/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "http/feed.h"
#include "http/plain_reading.h"

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Events = std::vector<std::string>;

const std::string kHost = "Host: a\r\n";

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\n" + kHost + "\r\n"; }

std::string post(const std::string& fields, const std::string& rest) {
  return "POST /view HTTP/1.1\r\n" + kHost + fields + "\r\n" + rest;
}

TEST(HttpParser, ReadsAPipelineOfRequests) {
  const auto bytes = get("/readyz") + post("Content-Length: 5\r\n", "hello") + get("/v1/stats?x=1");
  EXPECT_THAT(http_events(bytes), ElementsAre("GET /readyz ", "POST /view hello", "GET /v1/stats?x=1 "));
}

TEST(HttpParser, KeepsTheFieldsThatMatter) {
  const auto bytes = post(
      "content-TYPE:  application/json ; charset=utf-8 \t\r\nIdempotency-Key: \"k\"\r\nQuipu-Source: s\r\n"
      "Quipu-Sequence: 7\r\nIf-None-Match: W/\"1\"\r\nOrigin: http://o\r\nContent-Encoding: gzip\r\n"
      "Content-Length: 0\r\nX-Other: ignored\r\n",
      "");
  HttpParser parser(NetLimits{});
  ASSERT_EQ(parser.parse(bytes).status, HttpParser::Status::kRequest);
  const auto& request = parser.request();
  EXPECT_EQ(request.content_type, "application/json ; charset=utf-8");
  EXPECT_EQ(request.idempotency_key, "\"k\"");
  EXPECT_EQ(request.source, "s");
  EXPECT_EQ(request.sequence, "7");
  EXPECT_EQ(request.if_none_match, "W/\"1\"");
  EXPECT_EQ(request.origin, "http://o");
  EXPECT_EQ(request.content_encoding, "gzip");
  EXPECT_EQ(request.host, "a");
}

TEST(HttpParser, KnowsWhoWantsToStay) {
  EXPECT_THAT(http_events("GET / HTTP/1.0\r\n\r\n"), ElementsAre("GET /  close"));
  EXPECT_THAT(http_events("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), ElementsAre("GET / "));
  EXPECT_THAT(http_events("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade , Close\r\n\r\n"),
              ElementsAre("GET /  close"));
  EXPECT_THAT(http_events("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n"),
              ElementsAre("GET /  close"));
}

TEST(HttpParser, DecodesChunks) {
  EXPECT_THAT(
      http_events(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n1\r\n,\r\n0006;a=b\r\n world\r\n0\r\n\r\n") +
                  get("/next")),
      ElementsAre("POST /view hello, world", "GET /next "));
  EXPECT_THAT(http_events(post("Transfer-Encoding: Chunked \r\n", "A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n")),
              ElementsAre("POST /view 0123456789"));
}

TEST(HttpParser, AllowsOneEmptyLineBeforeARequest) {
  EXPECT_THAT(http_events("\r\n" + get("/a") + "\r\n" + get("/b")), ElementsAre("GET /a ", "GET /b "));
  EXPECT_THAT(http_events("\r\n\r\n" + get("/a")), ElementsAre("!400"));
}

TEST(HttpParser, TakesTargetsInTheirForms) {
  EXPECT_THAT(http_events("GET http://a/x?y HTTP/1.1\r\nHost: A\r\n\r\n"), ElementsAre("GET /x?y "));
  EXPECT_THAT(http_events("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"), ElementsAre("GET / "));
  EXPECT_THAT(http_events("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), ElementsAre("OPTIONS * "));
}

struct Refused {
  const char* why;
  std::string bytes;
  int status;
};

std::vector<Refused> refused_requests() {
  const auto line = [](const std::string& text) { return text + "\r\n" + kHost + "\r\n"; };
  const auto field = [](const std::string& text) { return "POST /view HTTP/1.1\r\n" + kHost + text + "\r\n\r\n"; };
  const auto chunks = [](const std::string& text) { return post("Transfer-Encoding: chunked\r\n", text); };
  return {
      // The request line.
      {"two spaces", line("GET  / HTTP/1.1"), 400},
      {"two spaces before the version", line("GET /  HTTP/1.1"), 400},
      {"a tab", line("GET\t/\tHTTP/1.1"), 400},
      {"no target", line("GET HTTP/1.1"), 400},
      {"no method", line(" / HTTP/1.1"), 400},
      {"HTTP/0.9", "GET /\r\n\r\n", 400},
      {"version 1.2", line("GET / HTTP/1.2"), 505},
      {"version 9.9", line("GET / HTTP/9.9"), 505},
      {"version 2.0", line("GET / HTTP/2.0"), 505},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"a version in small letters", line("GET / http/1.1"), 400},
      {"a space behind the version", line("GET / HTTP/1.1 "), 400},
      {"a long version", line("GET / HTTP/1.10"), 400},
      {"a method in small letters", line("get / HTTP/1.1"), 501},
      {"an unknown method", line("BREW / HTTP/1.1"), 501},
      {"CONNECT", line("CONNECT a:80 HTTP/1.1"), 501},
      {"an endless method", std::string(64, 'A'), 400},
      {"a method with a control byte", line("G\x01T / HTTP/1.1"), 400},
      {"NUL in the target", line(std::string("GET /\0 HTTP/1.1", 15)), 400},
      {"a control byte in the target", line("GET /\x7f HTTP/1.1"), 400},
      {"raw UTF-8 in the target", line("GET /\xc3\xa9 HTTP/1.1"), 400},
      {"a backslash", line("GET /a\\b HTTP/1.1"), 400},
      {"a fragment", line("GET /a#b HTTP/1.1"), 400},
      {"a target without a slash", line("GET a HTTP/1.1"), 400},
      {"* for another method", line("GET * HTTP/1.1"), 400},
      {"an absolute target of another host", line("GET http://b/ HTTP/1.1"), 400},
      {"an absolute target with a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"another scheme", line("GET ftp://a/ HTTP/1.1"), 400},
      {"a TLS hello", "\x16\x03\x01\x02", 400},
      {"a command of Redis", "*1\r\n$4\r\nPING\r\n", 400},
      {"an inline command of Redis", "PING\r\n", 400},
      // Line ends.
      {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"a bare line feed in the fields", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
      {"CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"a bare CR at the end", "GET / HTTP/1.1\r\nHost: a\r\n\r \r\n\r\n", 400},
      {"a bare CR that hides a field", field("X: a\rTransfer-Encoding: chunked"), 400},
      // Fields.
      {"a space before the colon", field("Content-Length : 5"), 400},
      {"a tab before the colon", field("Content-Length\t: 5"), 400},
      {"no colon", field("Content-Length 5"), 400},
      {"an empty name", field(": 5"), 400},
      {"a folded field", field("X: a\r\n b"), 400},
      {"a folded field with a tab", field("X: a\r\n\tb"), 400},
      {"a fold before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"NUL in a value", field(std::string("X: a\0b", 6)), 400},
      {"a control byte in a value", field("X: a\x01"), 400},
      {"a byte that no name may have", field("X(: a"), 400},
      {"non-ASCII in a name", field("X\xc3\xa9: a"), 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
      {"Host with a bad port", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400},
      {"two hosts in one Host", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
      {"Content-Type twice", field("Content-Type: a/b\r\nContent-Type: a/b"), 400},
      {"Idempotency-Key twice", field("Idempotency-Key: a\r\nIdempotency-Key: a"), 400},
      {"an unknown expectation", field("Expect: 200-ok"), 417},
      // Content-Length.
      {"an empty length", field("Content-Length:"), 400},
      {"a length with a plus", field("Content-Length: +5"), 400},
      {"a length below zero", field("Content-Length: -1"), 400},
      {"a length of minus zero", field("Content-Length: -0"), 400},
      {"a length in hex", field("Content-Length: 0x5"), 400},
      {"a length with a space", field("Content-Length: 5 5"), 400},
      {"a list of equal lengths", field("Content-Length: 5,5"), 400},
      {"a list of equal lengths with a space", field("Content-Length: 1, 1"), 400},
      {"a list of lengths", field("Content-Length: 5, 6"), 400},
      {"the length twice", field("Content-Length: 5\r\nContent-Length: 5"), 400},
      {"two lengths", field("Content-Length: 5\r\nContent-Length: 6"), 400},
      {"a length of 2^63", field("Content-Length: 9223372036854775808"), 413},
      {"a length of 2^64", field("Content-Length: 18446744073709551616"), 400},
      {"a length of 10^30", field("Content-Length: 1" + std::string(30, '0')), 400},
      {"a name with an underscore", field("Content_Length: 5"), 400},
      // Transfer-Encoding.
      {"both lengths", field("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
      {"both lengths the other way", field("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
      {"both lengths with an unknown coding", field("Transfer-Encoding: identity\r\nContent-Length: 5"), 501},
      {"chunked, chunked", field("Transfer-Encoding: chunked, chunked"), 501},
      {"gzip, chunked", field("Transfer-Encoding: gzip, chunked"), 501},
      {"chunked, gzip", field("Transfer-Encoding: chunked, gzip"), 501},
      {"identity", field("Transfer-Encoding: identity"), 501},
      {"xchunked", field("Transfer-Encoding: xchunked"), 501},
      {"an empty coding", field("Transfer-Encoding:"), 501},
      {"a comma behind chunked", field("Transfer-Encoding: chunked,"), 501},
      {"chunked with a parameter", field("Transfer-Encoding: chunked;q=1"), 501},
      {"quoted chunked", field("Transfer-Encoding: \"chunked\""), 501},
      {"a vertical tab before chunked", field("Transfer-Encoding: \vchunked"), 400},
      {"a form feed behind chunked", field("Transfer-Encoding: chunked\f"), 400},
      {"chunked twice", field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
      {"chunked, then identity", field("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), 400},
      {"chunked in HTTP/1.0", "POST /view HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunked, folded", field("Transfer-Encoding:\r\n chunked"), 400},
      {"a coding with an underscore", field("Transfer_Encoding: chunked"), 400},
      // Chunks.
      {"an empty chunk size", chunks("\r\nhello\r\n0\r\n\r\n"), 400},
      {"a size with 0x", chunks("0x5\r\nhello\r\n0\r\n\r\n"), 400},
      {"a size below zero", chunks("-5\r\nhello\r\n0\r\n\r\n"), 400},
      {"a size with a plus", chunks("+5\r\nhello\r\n0\r\n\r\n"), 400},
      {"a space before the size", chunks(" 5\r\nhello\r\n0\r\n\r\n"), 400},
      {"a space behind the size", chunks("5 \r\nhello\r\n0\r\n\r\n"), 400},
      {"a size of 17 digits", chunks("10000000000000000\r\nhello\r\n0\r\n\r\n"), 400},
      {"a size of 2^63", chunks("8000000000000000\r\nhello\r\n0\r\n\r\n"), 413},
      {"a bare line feed behind the size", chunks("5\nhello\r\n0\r\n\r\n"), 400},
      {"a line feed in the extension", chunks("5;a\nb\r\nhello\r\n0\r\n\r\n"), 400},
      {"a long extension", chunks("5;a=" + std::string(300, 'x') + "\r\nhello\r\n0\r\n\r\n"), 400},
      {"no line end behind the data", chunks("5\r\nhello0\r\n\r\n"), 400},
      {"data beyond the size", chunks("4\r\nhello\r\n0\r\n\r\n"), 400},
      {"a length among the trailers", chunks("0\r\nContent-Length: 5\r\n\r\n"), 400},
      {"Host among the trailers", chunks("0\r\nHost: b\r\n\r\n"), 400},
      {"a malformed trailer", chunks("0\r\nX : b\r\n\r\n"), 400},
      {"trailers without end", chunks("0\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), 431},
      // Bounds.
      {"a long target", line("GET /" + std::string(20'000, 'x') + " HTTP/1.1"), 414},
      {"a long value", field("X: " + std::string(20'000, 'x')), 431},
      {"a long name", field(std::string(20'000, 'x') + ": x"), 431},
      {"too large a body", field("Content-Length: 1048577"), 413},
      {"too large a chunk", chunks("100001\r\n"), 413},
  };
}

class HttpRefusals : public testing::Test {
 protected:
  // What an attacker hides behind a request whose framing is in doubt.
  const std::string hidden_ = post("Content-Length: 5\r\n", "count");
};

TEST_F(HttpRefusals, GiveTheStatusAndNothingAfterwards) {
  for (const Refused& refused : refused_requests()) {
    EXPECT_THAT(http_events(refused.bytes + hidden_), ElementsAre("!" + std::to_string(refused.status))) << refused.why;
  }
}

TEST_F(HttpRefusals, AreThoseOfAPlainReadingOfTheStandard) {
  const NetLimits limits;
  std::size_t whole = 0;
  for (const Refused& refused : refused_requests()) {
    const PlainReading plain(refused.bytes + hidden_, limits);
    EXPECT_NE(plain.kind(), PlainReading::Kind::kRequest) << refused.why;
    if (plain.kind() != PlainReading::Kind::kRefused) continue;  // Refused at its beginning, before it has an end.
    EXPECT_THAT(plain.faults(), testing::Contains(refused.status)) << refused.why;
    ++whole;
  }
  EXPECT_GT(whole, 80U);
}

TEST_F(HttpRefusals, AreTheSameByteByByte) {
  for (const Refused& refused : refused_requests()) {
    if (refused.bytes.size() > 2'000) continue;
    HttpFeed feed;
    for (const char byte : refused.bytes + hidden_) feed.arrive({&byte, 1});
    EXPECT_THAT(feed.events(), ElementsAre("!" + std::to_string(refused.status))) << refused.why;
  }
}

TEST_F(HttpRefusals, SayTheSameByteByByteWhereMoreThanOneThingIsWrong) {
  for (const auto& bytes : {std::string("\x01\rh\n"), "\x01" + std::string(20'000, 'x'),
                            std::string("G(T / HTTP/1.1\n"), std::string(40, 'x') + "\n", std::string("\r\n\x01\n")}) {
    HttpFeed whole;
    whole.arrive(bytes);
    HttpFeed pieces;
    for (const char byte : bytes) pieces.arrive({&byte, 1});
    EXPECT_EQ(pieces.events(), whole.events()) << bytes;
    EXPECT_STREQ(pieces.parser().verdict().detail, whole.parser().verdict().detail) << bytes;
    EXPECT_STREQ(whole.parser().verdict().detail, "this is not a request of HTTP") << bytes;
  }
}

TEST_F(HttpRefusals, LeaveWhatCameBeforeInPlace) {
  for (const Refused& refused : refused_requests()) {
    EXPECT_THAT(http_events(get("/before") + refused.bytes + hidden_),
                ElementsAre("GET /before ", "!" + std::to_string(refused.status)))
        << refused.why;
  }
}

TEST(HttpParser, DoesNotRunABodyAsARequest) {
  const auto inner = post("Content-Length: 0\r\n", "");
  EXPECT_THAT(http_events(post("Content-Length: " + std::to_string(inner.size()) + "\r\n", inner)),
              ElementsAre("POST /view " + inner));
  // A length smaller than what follows: the rest stands for itself, and is no request.
  EXPECT_THAT(http_events(post("Content-Length: 2\r\n", "{}{}" + inner)), ElementsAre("POST /view {}", "!400"));
  // No length: no body.
  EXPECT_THAT(http_events(post("", "{}" + inner)), ElementsAre("POST /view ", "!400"));
}

TEST(HttpParser, GivesTheSameRequestsHoweverTheBytesAreCut) {
  const auto bytes = get("/a") + "\r\n" + post("Content-Length: 5\r\nIdempotency-Key: k1\r\n", "hello") +
                     post("Idempotency-Key: k2\r\nTransfer-Encoding: chunked\r\n",
                          "5;x=y\r\nhello\r\n3\r\n\r\n\r\r\n0\r\nX: y\r\nZ: w\r\n\r\n") +
                     "GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + post("Content-Length: 0\r\n", "");
  const auto whole = http_events(bytes);
  ASSERT_EQ(whole.size(), 5U);
  EXPECT_EQ(whole[1], "POST /view hello key=k1");
  EXPECT_EQ(whole[2], "POST /view hello\r\n\r key=k2");
  HttpFeed by_byte;
  for (const char byte : bytes) by_byte.arrive({&byte, 1});
  EXPECT_EQ(by_byte.events(), whole);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    HttpFeed feed;
    feed.arrive(std::string_view(bytes).substr(0, cut));
    feed.arrive(std::string_view(bytes).substr(cut));
    EXPECT_EQ(feed.events(), whole) << "cut at " << cut;
  }
}

/// Requests with a few bytes or pieces out of place, the same for every run.
class Mutations {
 public:
  std::string next() {
    static const std::string kSamples[] = {
        get("/a?b=%20"), post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello"),
        post("Transfer-Encoding: chunked\r\n", "5;x=y\r\nhello\r\n3\r\n\r\n\r\r\n0\r\nX: y\r\n\r\n"),
        "\r\nGET http://a/ HTTP/1.0\r\nConnection: keep-alive, x\r\nHost: a\r\n\r\n"};
    static const std::string kPieces[] = {"\r",        "\n",    "\r\n", "\r\n\r\n",       " ",      "\t",   ":", ",",
                                          ";",         "0",     "5",    "\x80",           "\x7f",   "HTTP", "/", "x",
                                          "0\r\n\r\n", "\r\n ", "Host", "Content-Length", "chunked"};
    std::string text;
    for (auto requests = 1 + random_() % 3; requests > 0; --requests) text += kSamples[random_() % 4];
    for (auto changes = random_() % 4; changes > 0; --changes) {
      const auto at = random_() % text.size();
      switch (random_() % 3) {
        case 0:
          text.erase(at, 1 + random_() % 4);
          break;
        case 1:
          text.insert(at, kPieces[random_() % std::size(kPieces)]);
          break;
        default:
          text[at] = static_cast<char>(random_());
      }
      if (text.empty()) text = "x";
    }
    return text;
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  std::mt19937_64 random_{20261124};
};

TEST(HttpParser, GivesTheSameForBrokenRequestsHoweverTheyAreCut) {
  Mutations mutations;
  std::size_t refused = 0;
  std::size_t taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto bytes = mutations.next();
    const auto whole = http_events(bytes);
    HttpFeed feed;
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto size = 1 + mutations.below(std::min<std::size_t>(rest.size(), 40));
      feed.arrive(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(feed.events(), whole) << bytes;
    const bool broken = !whole.empty() && whole.back().starts_with('!');
    refused += broken ? 1 : 0;
    taken += whole.size() - (broken ? 1 : 0);
  }
  EXPECT_GT(refused, 3'000U);
  EXPECT_GT(taken, 10'000U);
}

TEST(HttpParser, RefusesAtOnceWhatCanNotBecomeARequest) {
  EXPECT_THAT(http_events("\x16"), ElementsAre("!400"));
  EXPECT_THAT(http_events("*1\r\n"), ElementsAre("!400"));
  EXPECT_THAT(http_events("GET / HTTP/9.9\r\n"), ElementsAre("!505"));
  EXPECT_THAT(http_events("GET / HTTP/1.1\r\nHost: a\n"), ElementsAre("!400"));
  EXPECT_THAT(http_events("GET / HT"), IsEmpty());
}

TEST(HttpParser, HoldsTheBoundsOfTheHeader) {
  NetLimits limits;
  limits.header_bytes_max = 200;
  limits.body_bytes_max = 10;
  const auto with_value = [](std::size_t size) {
    return "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(size, 'x') + "\r\n\r\n";
  };
  const auto fits = 200 - with_value(0).size();
  EXPECT_THAT(http_events(with_value(fits), limits), ElementsAre("GET / "));
  EXPECT_THAT(http_events(with_value(fits + 1), limits), ElementsAre("!431"));
  EXPECT_THAT(http_events("GET /" + std::string(200, 'x'), limits), ElementsAre("!414"));
  EXPECT_THAT(http_events(post("Content-Length: 10\r\n", "0123456789"), limits), ElementsAre("POST /view 0123456789"));
  EXPECT_THAT(http_events(post("Content-Length: 11\r\n", ""), limits), ElementsAre("!413"));
  EXPECT_THAT(http_events(post("Transfer-Encoding: chunked\r\n", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), limits),
              ElementsAre("POST /view 0123456789"));
  EXPECT_THAT(http_events(post("Transfer-Encoding: chunked\r\n", "5\r\n01234\r\n6\r\n"), limits), ElementsAre("!413"));
}

TEST(HttpParser, HoldsTheBoundOfFields) {
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "X: y\r\n";
  EXPECT_THAT(http_events("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"), ElementsAre("GET / "));
  EXPECT_THAT(http_events("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "X: y\r\n\r\n"), ElementsAre("!431"));
}

TEST(HttpParser, BoundsWhatItKeepsOfChunks) {
  HttpFeed feed;
  feed.arrive(post("Transfer-Encoding: chunked\r\n", ""));
  EXPECT_TRUE(feed.parser().mid_request());
  for (int i = 0; i < 1'000; ++i) feed.arrive("1\r\nx\r\n");
  EXPECT_LT(feed.waiting(), 8U);
  EXPECT_TRUE(feed.parser().mid_request());
  feed.arrive("0\r\n\r\n");
  EXPECT_FALSE(feed.parser().mid_request());
  EXPECT_THAT(feed.events(), ElementsAre("POST /view " + std::string(1'000, 'x')));
}

TEST(HttpParser, SaysOnceThatTheClientWaitsToSendItsBody) {
  HttpFeed feed;
  feed.arrive(post("Expect: 100-Continue\r\nContent-Length: 2\r\n", ""));
  EXPECT_TRUE(feed.parser().take_continue());
  EXPECT_FALSE(feed.parser().take_continue());
  feed.arrive("h");
  EXPECT_FALSE(feed.parser().take_continue());
  feed.arrive("i");
  EXPECT_THAT(feed.events(), ElementsAre("POST /view hi"));
  feed.arrive(post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", ""));
  EXPECT_TRUE(feed.parser().take_continue());
  feed.arrive("2\r\nhi\r\n0\r\n\r\n");
  EXPECT_EQ(feed.events().size(), 2U);
}

TEST(HttpParser, DoesNotInviteABodyThatIsThereOrThatItRefuses) {
  HttpFeed early;
  early.arrive(post("Expect: 100-continue\r\nContent-Length: 2\r\n", "h"));
  EXPECT_FALSE(early.parser().take_continue());
  HttpFeed large;
  large.arrive(post("Expect: 100-continue\r\nContent-Length: 20000000\r\n", ""));
  EXPECT_FALSE(large.parser().take_continue());
  EXPECT_THAT(large.events(), ElementsAre("!413"));
}

}  // namespace
}  // namespace quipu
