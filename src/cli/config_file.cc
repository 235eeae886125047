#include "cli/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace quipu {
namespace {

/// Flattens tables into entries, remembering where each stood.
class Flattener {
 public:
  explicit Flattener(std::string_view file) : file_(file) {}

  Result<void> table(const std::string& prefix, const toml::table& table) {
    if (table.empty() && !prefix.empty()) {
      entries_.push_back({prefix, std::string(), table.source().begin.line, true});
    }
    for (const auto& [key, node] : table) {
      const auto name = prefix.empty() ? std::string(key.str()) : fmt::format("{}.{}", prefix, key.str());
      if (const auto* inner = node.as_table()) {
        if (auto done = this->table(name, *inner); !done) return done;
      } else if (auto done = value(name, node); !done) {
        return done;
      }
    }
    return {};
  }

  std::vector<FileEntry> in_file_order() && {
    std::ranges::stable_sort(entries_, {}, &FileEntry::line);
    return std::move(entries_);
  }

 private:
  Result<void> value(const std::string& name, const toml::node& node) {
    const auto line = node.source().begin.line;
    if (const auto* text = node.as_string()) {
      entries_.push_back({name, text->get(), line});
    } else if (const auto* number = node.as_integer()) {
      entries_.push_back({name, number->get(), line});
    } else if (const auto* flag = node.as_boolean()) {
      entries_.push_back({name, flag->get(), line});
    } else if (const auto* array = node.as_array()) {
      return list(name, *array, line);
    } else {
      return wrong_kind(name, line, "a fraction, date or time; no key takes one");
    }
    return {};
  }

  Result<void> list(const std::string& name, const toml::array& array, std::uint32_t line) {
    std::vector<std::string> texts;
    for (const auto& item : array) {
      const auto* text = item.as_string();
      if (text == nullptr) return wrong_kind(name, line, "a list that does not hold texts alone");
      texts.push_back(text->get());
    }
    entries_.push_back({name, std::move(texts), line});
    return {};
  }

  Result<void> wrong_kind(const std::string& name, std::uint32_t line, std::string_view what) const {
    return failure(Code::kRefused, fmt::format("{}:{}: {}: {}", file_, line, name, what));
  }

  std::string_view file_;
  std::vector<FileEntry> entries_;
};

}  // namespace

Result<std::vector<FileEntry>> parse_config_text(std::string_view text, std::string_view file) {
  try {
    const auto root = toml::parse(text, file);
    Flattener flattener(file);
    if (auto done = flattener.table("", root); !done) return std::unexpected(done.error());
    return std::move(flattener).in_file_order();
  } catch (const toml::parse_error& error) {
    return failure(Code::kRefused, fmt::format("{}:{}: {}", file, error.source().begin.line, error.description()));
  }
}

Result<std::vector<FileEntry>> read_config_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return failure(Code::kNotFound, fmt::format("{}: is a directory", path));
  }
  std::ifstream in(path, std::ios::binary);
  std::string text;
  // Piece by piece, for what is no file (a pipe, a device) has no size that could be asked.
  for (std::array<char, std::size_t{64} << 10> piece; in.read(piece.data(), piece.size()) || in.gcount() > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kConfigFileBytesMax) {
      return failure(Code::kRefused, fmt::format("{}: has more than 8 MiB", path));
    }
  }
  if (!in.is_open() || in.bad()) {
    return failure(Code::kNotFound, fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  }
  return parse_config_text(text, path);
}

}  // namespace quipu
