// How keys are set and checked; config_keys.cc says which there are.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/cluster_keys.h"
#include "cli/config_keys.h"
#include "cli/config_value.h"
#include "ingest/names.h"

namespace quipu {
namespace {

constexpr std::size_t kSegmentStep = 4096;  // Segments are written by pages.

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string as_written(const KeyValue& value) {
  struct Text {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(const std::string& text) const { return in_quotes(text); }
    std::string operator()(const std::vector<std::string>& texts) const {
      return fmt::format("[{}]", fmt::join(texts, ", "));
    }
  };
  return std::visit(Text{}, value);
}

Result<std::int64_t> to_number(const KeySpec& spec, const KeyValue& written) {
  if (const auto* number = std::get_if<std::int64_t>(&written)) {
    if (spec.kind == KeyKind::kDuration && *number != 0)
      return failure(Code::kRefused, "has no unit: ms, s, m, h or d");
    return *number;
  }
  const auto* text = std::get_if<std::string>(&written);
  if (text == nullptr) return failure(Code::kRefused, "is not a number");
  if (spec.kind == KeyKind::kBytes) return parse_bytes(*text);
  if (spec.kind == KeyKind::kDuration) return parse_duration_ms(*text);
  return parse_integer(*text);
}

Result<KeyValue> to_list(const KeyValue& written) {
  if (const auto* texts = std::get_if<std::vector<std::string>>(&written)) return KeyValue(*texts);
  const auto* text = std::get_if<std::string>(&written);
  if (text == nullptr) return failure(Code::kRefused, "is not a list of texts");
  std::vector<std::string> texts;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    texts.emplace_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return KeyValue(texts);
}

/// The written value as the key keeps it, or what is wrong with it.
Result<KeyValue> convert(const KeySpec& spec, const KeyValue& written) {
  const auto* text = std::get_if<std::string>(&written);
  switch (spec.kind) {
    case KeyKind::kBool: {
      if (const auto* flag = std::get_if<bool>(&written)) return KeyValue(*flag);
      if (text == nullptr) return failure(Code::kRefused, "is neither true nor false");
      auto parsed = parse_bool(*text);
      if (!parsed) return std::unexpected(parsed.error());
      return KeyValue(*parsed);
    }
    case KeyKind::kInteger:
    case KeyKind::kBytes:
    case KeyKind::kDuration: {
      auto number = to_number(spec, written);
      if (!number) return std::unexpected(number.error());
      if (*number < spec.low || *number > spec.high) return failure(Code::kRefused, "is out of range");
      return KeyValue(*number);
    }
    case KeyKind::kList:
      return to_list(written);
    case KeyKind::kAddress: {
      if (text == nullptr) return failure(Code::kRefused, "is not HOST:PORT");
      if (text->empty()) return KeyValue(*text);
      if (auto parsed = parse_address(*text); !parsed) return std::unexpected(parsed.error());
      return KeyValue(*text);
    }
    case KeyKind::kChoice:
      if (text == nullptr || std::ranges::find(spec.choices, *text) == spec.choices.end())
        return failure(Code::kRefused, "is not one of the choices");
      return KeyValue(*text);
    case KeyKind::kText:
      break;
  }
  if (text == nullptr) return failure(Code::kRefused, "is not a text");
  const auto size = static_cast<std::int64_t>(text->size());
  if (size < spec.low || size > spec.high) return failure(Code::kRefused, "is too short or too long");
  return KeyValue(*text);
}

template <class Owner>
Result<void> set_in(Owner& owner, const KeyOf<Owner>& key, std::string_view full_name, const KeyValue& written) {
  const auto value = convert(key.spec, written);
  if (!value) {
    return failure(Code::kRefused, fmt::format("{} = {}: {}; allowed: {}", full_name, as_written(written),
                                               value.error().what, format_allowed(key.spec)));
  }
  key.set(owner, *value);
  return {};
}

Result<void> unknown_key(std::string_view name, const std::vector<std::string_view>& names) {
  const auto near = nearest(name, names);
  if (near.empty()) {
    return failure(Code::kNotFound, fmt::format("{}: unknown key; `quipu config print` lists them all", name));
  }
  return failure(Code::kNotFound, fmt::format("{}: unknown key; did you mean {}?", name, near));
}

Result<void> set_policy_key(Config& config, std::string_view name, const KeyValue& written) {
  const auto rest = name.substr(kNamespacesPrefix.size());
  const auto dot = rest.rfind('.');
  const auto space = rest.substr(0, dot);
  const auto field = rest.substr(dot + 1);
  if (auto valid = validate_namespace(space); !valid) {
    return failure(Code::kRefused, fmt::format("{}: {}", name, valid.error().what));
  }
  std::vector<std::string> full_names;
  for (const auto& key : policy_keys()) {
    if (key.spec.name == field) {
      NamespacePolicy policy;
      if (const auto known = config.namespaces.find(std::string(space)); known != config.namespaces.end()) {
        policy = known->second;
      }
      auto done = set_in(policy, key, name, written);
      if (done) config.namespaces[std::string(space)] = policy;
      return done;
    }
    full_names.push_back(fmt::format("{}{}.{}", kNamespacesPrefix, space, key.spec.name));
  }
  return unknown_key(name, {full_names.begin(), full_names.end()});
}

}  // namespace

Result<void> set_key(Config& config, std::string_view name, const KeyValue& written) {
  std::vector<std::string_view> names;
  for (const auto& key : config_keys()) {
    if (key.spec.name == name) return set_in(config, key, name, written);
    names.push_back(key.spec.name);
  }
  const bool of_policy =
      name.starts_with(kNamespacesPrefix) && name.find('.', kNamespacesPrefix.size()) != std::string_view::npos;
  if (of_policy) return set_policy_key(config, name, written);
  return unknown_key(name, names);
}

Result<void> validate(const Config& config) {
  if (config.http_listen.empty() && config.resp_listen.empty()) {
    return failure(Code::kRefused, "http.listen and resp.listen are both empty: nobody could reach the service");
  }
  const auto request = config.limits.header_bytes_max + config.limits.body_bytes_max;
  if (config.limits.input_bytes_max < request) {
    return failure(Code::kRefused,
                   fmt::format("limits.input_bytes = {}: must hold limits.header_bytes + limits.body_bytes = {}",
                               config.limits.input_bytes_max, request));
  }
  const auto connection = config.limits.input_bytes_max + config.limits.output_bytes_max;
  if (config.limits.clients_bytes_max < connection) {
    return failure(Code::kRefused,
                   fmt::format("limits.clients_bytes = {}: must hold limits.input_bytes + limits.output_bytes = {}",
                               config.limits.clients_bytes_max, connection));
  }
  if (config.log_segment_bytes % kSegmentStep != 0) {
    return failure(Code::kRefused,
                   fmt::format("log.segment_bytes = {}: is no multiple of {}", config.log_segment_bytes, kSegmentStep));
  }
  if (config.flush_dirty_bytes > config.memory_table_bytes) {
    return failure(Code::kRefused, fmt::format("flush.dirty_bytes = {}: must not pass memory.table_bytes = {}",
                                               config.flush_dirty_bytes, config.memory_table_bytes));
  }
  for (const auto& space : config.resp_namespaces) {
    if (auto valid = validate_namespace(space); !valid) {
      return failure(Code::kRefused, fmt::format("resp.namespaces: {}", valid.error().what));
    }
  }
  for (const auto& [space, policy] : config.namespaces) {
    if (policy.ack == AckMode::kMemory && !policy.memory_allowed) {
      return failure(Code::kRefused,
                     fmt::format("namespaces.{}: ack = \"memory\" contradicts memory_allowed = false", space));
    }
  }
  return validate_cluster(config.cluster);
}

std::string format_value(const KeySpec& spec, const KeyValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (spec.kind == KeyKind::kBytes) return in_quotes(format_bytes(*number));
    if (spec.kind == KeyKind::kDuration) return in_quotes(format_duration_ms(*number));
  }
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    std::vector<std::string> parts;
    for (const auto& text : *texts) parts.push_back(in_quotes(text));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  return as_written(value);
}

std::string format_allowed(const KeySpec& spec) {
  switch (spec.kind) {
    case KeyKind::kBool:
      return "true or false";
    case KeyKind::kInteger:
      return fmt::format("{} to {}", spec.low, spec.high);
    case KeyKind::kBytes:
      return fmt::format("{} to {}", format_bytes(spec.low), format_bytes(spec.high));
    case KeyKind::kDuration:
      return fmt::format("{} to {}", format_duration_ms(spec.low), format_duration_ms(spec.high));
    case KeyKind::kChoice:
      return fmt::format("{}", fmt::join(spec.choices, ", "));
    case KeyKind::kAddress:
      return "HOST:PORT, or empty for off";
    case KeyKind::kList:
      return "a list of texts";
    case KeyKind::kText:
      break;
  }
  return fmt::format("{}a text of at most {} bytes", spec.low == 0 ? "empty, or " : "", spec.high);
}

std::string environment_name(std::string_view key) {
  std::string name = "QUIPU_";
  for (const char c : key) {
    name.push_back(c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c));
  }
  return name;
}

}  // namespace quipu
