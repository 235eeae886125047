#pragma once

namespace quipu {

/// Which program this is. Static texts.
struct BuildInfo {
  const char* version;  ///< `0.1.0`
  const char*
      commit;  ///< The commit that was built, with `-dirty` where files had been changed; `unknown` outside git.
  const char* compiler;  ///< `GCC 12.2.0`
  const char* kind;      ///< `release`, `debug`, `address,undefined`, ...
};

const BuildInfo& build_info();

}  // namespace quipu
