#pragma once

#include <span>
#include <string_view>

namespace quipu {

/// A file of the page, as it was when the program was built.
struct PageFile {
  std::string_view name;  ///< `index.html`; the others are asked for as `/page/<name>`.
  std::string_view content_type;
  std::string_view text;
};

/// All of them.
std::span<const PageFile> page_files();

/// The file of this name; null where there is none.
const PageFile* find_page_file(std::string_view name);

/// The media type for a name's end: `.js` and so on.
std::string_view page_content_type(std::string_view extension);

}  // namespace quipu
