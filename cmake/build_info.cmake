# Writes build_info.cc at every build, and touches it only when something in it has changed.
# cmake -DSOURCE=... -DOUTPUT=... -DVERSION=... -DCOMPILER=... -DKIND=... -P build_info.cmake
execute_process(COMMAND git -c safe.directory=* -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
#include "base/build_info.h"

namespace quipu {

const BuildInfo& build_info() {
  static constexpr BuildInfo kInfo{"@VERSION@", "@commit@", "@COMPILER@", "@KIND@"};
  return kInfo;
}

}  // namespace quipu
]] @ONLY)
