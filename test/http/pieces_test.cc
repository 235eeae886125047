#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "http/arena.h"
#include "http/bodies.h"
#include "http/date.h"
#include "http/problem.h"
#include "http/routes.h"
#include "http/url.h"
#include "net/outcome_table.h"

namespace quipu {
namespace {

TEST(Arena, KeepsTextsWhereTheyAre) {
  Arena arena;
  std::vector<std::string_view> kept;
  for (int i = 0; i < 2'000; ++i) kept.push_back(arena.keep(std::to_string(i) + std::string(i % 97, 'x')));
  kept.push_back(arena.keep(std::string(100'000, 'y')));
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_EQ(kept[static_cast<std::size_t>(i)], std::to_string(i) + std::string(i % 97, 'x'));
  }
  EXPECT_EQ(kept.back().size(), 100'000U);
  arena.clear();
  EXPECT_EQ(arena.keep("a"), "a");
  EXPECT_EQ(arena.keep(""), "");
}

TEST(PercentDecoding, LeavesWhatIsPlainInPlace) {
  Arena arena;
  const std::string_view text = "a+b-._~";
  EXPECT_EQ(percent_decode(text, PlusSign::kIsPlus, arena)->data(), text.data());
  EXPECT_EQ(percent_decode(text, PlusSign::kIsSpace, arena), "a b-._~");
  EXPECT_EQ(percent_decode("", PlusSign::kIsPlus, arena), "");
}

TEST(PercentDecoding, GivesEveryByteBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  std::string encoded;
  append_percent_encoded(encoded, all);
  Arena arena;
  EXPECT_EQ(percent_decode(encoded, PlusSign::kIsPlus, arena), all);
  EXPECT_EQ(percent_decode(encoded, PlusSign::kIsSpace, arena), all);
  for (const char* bad : {"%", "%4", "a%", "a%4", "%4g", "%g4", "% 4", "%%"}) {
    EXPECT_EQ(percent_decode(bad, PlusSign::kIsPlus, arena), std::nullopt) << bad;
  }
}

TEST(FormPairs, ReadsPairsInOrder) {
  Arena arena;
  FormPairs pairs("a=1&&b=x%3D%26y&c&=d&e==", arena);
  std::vector<std::string> all;
  while (true) {
    const auto pair = pairs.next();
    ASSERT_TRUE(pair.has_value());
    if (!*pair) break;
    all.push_back(std::string((*pair)->name) + "|" + std::string((*pair)->value));
  }
  EXPECT_THAT(all, testing::ElementsAre("a|1", "b|x=&y", "c|", "|d", "e|="));
}

TEST(HttpDate, WritesBothForms) {
  const auto both = [](TimeMs time) {
    std::string out;
    append_http_date(out, time);
    out += " / ";
    append_rfc3339(out, time);
    return out;
  };
  EXPECT_EQ(both(0), "Thu, 01 Jan 1970 00:00:00 GMT / 1970-01-01T00:00:00.000Z");
  EXPECT_EQ(both(784'111'777'042), "Sun, 06 Nov 1994 08:49:37 GMT / 1994-11-06T08:49:37.042Z");
  EXPECT_EQ(both(1'709'251'199'999), "Thu, 29 Feb 2024 23:59:59 GMT / 2024-02-29T23:59:59.999Z");
}

TEST(HttpRoutes, FindEachRouteByItsPath) {
  for (const HttpRouteRow& row : http_routes()) {
    std::string target = row.path;
    for (const std::string name : {"{namespace}", "{counter}", "{source}", "{file}"}) {
      if (const auto at = target.find(name); at != std::string::npos) target.replace(at, name.size(), "x%2Fy");
    }
    const auto with_query = target + "?q=/a";
    const auto match = match_route(with_query);
    EXPECT_EQ(match.route, row.route) << target;
    EXPECT_EQ(match.query, "q=/a");
    EXPECT_EQ(match.first, target.find("x%2Fy") == std::string::npos ? "" : "x%2Fy") << target;
  }
}

TEST(OutcomeTable, SaysOfEveryCodeWhatItMeans) {
  for (const Code code : {Code::kRefused, Code::kNotFound, Code::kConflict, Code::kTooLarge}) {
    EXPECT_STREQ(outcome_words(code).outcome, "refused");
    EXPECT_STREQ(outcome_words(code).resp_prefix, "ERR");
    EXPECT_EQ(outcome_words(code).http_status / 100, 4);
  }
  for (const Code code : {Code::kTimeout, Code::kBusy}) EXPECT_STREQ(outcome_words(code).outcome, "busy");
  for (const Code code : {Code::kUnknown, Code::kDamaged}) {
    EXPECT_STREQ(outcome_words(code).outcome, "unknown");
    EXPECT_STREQ(outcome_words(code).resp_prefix, "UNKNOWN");
    EXPECT_EQ(problem_of(code, "").retry_after_ms, 0) << "to try again is not safe";
  }
}

TEST(Problem, RoundsTheWaitUp) {
  EXPECT_EQ(retry_after_seconds(1), 1);
  EXPECT_EQ(retry_after_seconds(1'000), 1);
  EXPECT_EQ(retry_after_seconds(1'001), 2);
  EXPECT_EQ(problem_of(Code::kBusy, "x").retry_after_ms, 1'000);
  EXPECT_EQ(problem_of(Code::kBusy, "x", 40).retry_after_ms, 40);
}

TEST(MediaType, LooksPastParametersAndCase) {
  EXPECT_TRUE(is_media_type("application/json", "application/json"));
  EXPECT_TRUE(is_media_type("Application/JSON ; charset=utf-8", "application/json"));
  EXPECT_FALSE(is_media_type("application/jsonx", "application/json"));
  EXPECT_FALSE(is_media_type("", "application/json"));
}

}  // namespace
}  // namespace quipu
