#pragma once

#include <istream>
#include <set>
#include <string>

namespace quipu {

/// The names that follow `mark` at the beginnings of lines: of a text of metrics, or of a page that lists them.
inline std::set<std::string> names_after(std::istream& text, const std::string& mark) {
  std::set<std::string> names;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with(mark)) continue;
    line.erase(0, mark.size());
    names.insert(line.substr(0, line.find_first_of(" {`")));
  }
  return names;
}

/// Whether a metric is of the distributed form alone.
inline bool is_distributed(const std::string& name) { return name.starts_with("api_") || name.starts_with("worker_"); }

}  // namespace quipu
