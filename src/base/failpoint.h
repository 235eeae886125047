#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

/// Places at which a test has the real program killed, stand still or fail: between two steps where nothing from
/// outside could strike. Only the build with planted bugs has them; everywhere else the macros are constants that cost
/// nothing.
///
/// QUIPU_FAIL=name:action:when[,...] arms them: action is kill, sleep=MS or error, when is N (the N-th pass alone) or
/// N+ (from the N-th on). Each that strikes says so on standard error before it does: "failpoint NAME: ACTION at pass
/// N".
#ifdef QUIPU_PLANTED_BUGS
#define QUIPU_FAILPOINT(name) (::quipu::pass_failpoint(name))
#define QUIPU_FAILS_AT(name) (::quipu::fails_at(name))
#else
#define QUIPU_FAILPOINT(name) (void(0))
#define QUIPU_FAILS_AT(name) false
#endif

namespace quipu {

/// Where the program finds what to arm.
inline constexpr std::string_view kFailpointVariable = "QUIPU_FAIL";

/// A place. Only one with `fails` takes the action error.
struct Failpoint {
  std::string_view name;
  bool fails = false;
  std::string_view what;
};

/// All that there are; none but in the build that has them.
std::span<const Failpoint> failpoints();

/// Arms what `spec` says, nothing where it is empty. kRefused names what is wrong with it; in a build without
/// failpoints that is anything at all. Call once, before any thread is started.
Result<void> arm_failpoints(std::string_view spec);

/// What the macros call, from any thread. `fails_at` says whether to fail.
void pass_failpoint(std::string_view name);
bool fails_at(std::string_view name);

}  // namespace quipu
