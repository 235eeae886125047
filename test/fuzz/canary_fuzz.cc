#include "fuzz/fuzz.h"

/// A parser with a bug, which the runner must find: behind four bytes that no seed has, and a length that is believed.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  if (input.text(4) != "QFRM") return 0;
  const auto declared = input.number<std::uint8_t>();
  quipu::fuzz::require(input.rest().size() >= declared || declared < 200, "the canary");
  return 0;
}
