#include "store/postgres_values.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "store/postgres_connection.h"

namespace quipu {
namespace {

TEST(PostgresValues, IntegersOfEachSizeKeepTheirSign) {
  EXPECT_EQ(read_postgres_int(std::string("\xff", 1)), -1);
  EXPECT_EQ(read_postgres_int(std::string("\x80\x00", 2)), INT16_MIN);
  for (const std::int32_t value : {INT32_MIN, -1, 0, 258, INT32_MAX}) {
    EXPECT_EQ(read_postgres_int(postgres_int4(value)), value);
  }
  for (const std::int64_t value : {INT64_MIN, std::int64_t{-1}, std::int64_t{1} << 40, INT64_MAX}) {
    EXPECT_EQ(read_postgres_int(postgres_int8(value)), value);
  }
}

TEST(PostgresValues, AnIntegerOfAnotherSizeReadsAsZero) {
  for (const std::size_t size : {0, 3, 9}) EXPECT_EQ(read_postgres_int(std::string(size, '\x7f')), 0);
}

TEST(PostgresValues, AnArraySaysItsTypeAndLengthAndTheSizeOfEachElement) {
  PostgresArray flags(PostgresType::kBool);
  flags.add_int(1);
  flags.add_int(0);
  const std::string head("\0\0\0\1\0\0\0\0\0\0\0\x10\0\0\0\2\0\0\0\1", 20);
  EXPECT_EQ(flags.bytes(), head + std::string("\0\0\0\1\1\0\0\0\1\0", 10));
  PostgresArray small(PostgresType::kInt2);
  small.add_int(-2);
  EXPECT_EQ(small.bytes().substr(20), std::string("\0\0\0\2\xff\xfe", 6));
}

TEST(PostgresFailures, SayWhetherTheSameMaySucceedLater) {
  using Failure = PostgresFailure;
  const std::vector<std::pair<std::string_view, Failure>> all = {
      {"", Failure::kAgain},          {"08006", Failure::kAgain},     {"40P01", Failure::kAgain},
      {"57P03", Failure::kAgain},     {"25006", Failure::kAgain},     {"53100", Failure::kExhausted},
      {"54000", Failure::kExhausted}, {"58030", Failure::kExhausted}, {"42P01", Failure::kDamaged},
      {"XX001", Failure::kDamaged},   {"22003", Failure::kDamaged},   {"42501", Failure::kRefused},
      {"28P01", Failure::kRefused},
  };
  for (const auto& [state, failure] : all) EXPECT_EQ(postgres_failure(state), failure) << state;
}

}  // namespace
}  // namespace quipu
