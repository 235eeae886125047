#include "cli/failure_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace quipu {

int report_failure(const Surroundings& surroundings, bool json, const CommandFailure& failure) {
  say(surroundings, failure.what);
  if (!failure.remedy.empty()) surroundings.err << "       " << failure.remedy << "\n";
  if (json) {
    nlohmann::ordered_json error = {
        {"outcome", failure.outcome}, {"exit_code", failure.exit_code}, {"message", failure.what}};
    if (!failure.remedy.empty()) error["remedy"] = failure.remedy;
    const nlohmann::ordered_json object = {{"error", std::move(error)}};
    surroundings.out << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  }
  return failure.exit_code;
}

void say(const Surroundings& surroundings, std::string_view text) { surroundings.err << "quipu: " << text << "\n"; }

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // Bytes of UTF-8 are let through; the controls of Latin-1 have a lead byte, which no terminal acts on.
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace quipu
