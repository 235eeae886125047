#include "ingest/policy_text.h"

#include <charconv>
#include <cstdint>

namespace quipu {
namespace {

constexpr std::string_view kPrefix = "namespace/";

bool parse_number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

bool parse_word(std::string_view word, NamespacePolicy& policy) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const auto name = word.substr(0, equals);
  const auto value = word.substr(equals + 1);
  if (name == "ack" && (value == "durable" || value == "memory")) {
    policy.ack = value == "durable" ? AckMode::kDurable : AckMode::kMemory;
    return true;
  }
  if (name == "memory" && (value == "0" || value == "1")) {
    policy.memory_allowed = value == "1";
    return true;
  }
  if (name == "viewer_window") return parse_number(value, policy.viewer_window_ms);
  if (name == "id_promise") return parse_number(value, policy.id_promise_ms);
  return false;
}

}  // namespace

std::string namespace_setting(std::string_view space) { return std::string(kPrefix).append(space); }

std::string_view namespace_of_setting(std::string_view setting) {
  return setting.starts_with(kPrefix) ? setting.substr(kPrefix.size()) : std::string_view{};
}

std::string policy_text(const NamespacePolicy& policy) {
  return std::string("ack=") + (policy.ack == AckMode::kDurable ? "durable" : "memory") +
         " memory=" + (policy.memory_allowed ? "1" : "0") +
         " viewer_window=" + std::to_string(policy.viewer_window_ms) +
         " id_promise=" + std::to_string(policy.id_promise_ms);
}

Result<NamespacePolicy> parse_policy(std::string_view text) {
  NamespacePolicy policy;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    if (!parse_word(text.substr(begin, end - begin), policy)) {
      return failure(Code::kDamaged, "a namespace's policy is not what was written: " + std::string(text));
    }
    begin = end + 1;
  }
  return policy;
}

}  // namespace quipu
