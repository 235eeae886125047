#include "net/outcome_table.h"

#include <array>
#include <cstddef>

#include "base/check.h"

namespace quipu {
namespace {

constexpr std::array<OutcomeWords, 8> kTable{{
    {Code::kRefused, 400, "refused", "ERR"},
    {Code::kNotFound, 404, "refused", "ERR"},
    {Code::kConflict, 409, "refused", "ERR"},
    {Code::kTooLarge, 413, "refused", "ERR"},
    {Code::kTimeout, 408, "busy", "BUSY"},
    {Code::kBusy, 503, "busy", "BUSY"},
    {Code::kUnknown, 503, "unknown", "UNKNOWN"},
    // What damage did to the request can not be told from here.
    {Code::kDamaged, 503, "unknown", "UNKNOWN"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].code) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by the code");

}  // namespace

const OutcomeWords& outcome_words(Code code) {
  const auto at = static_cast<std::size_t>(code);
  QUIPU_CHECK(at < kTable.size());
  return kTable[at];
}

}  // namespace quipu
