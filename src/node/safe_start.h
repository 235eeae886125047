#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/api_keys.h"
#include "node/config.h"

namespace quipu {

/// Whether only this machine reaches the address `HOST:PORT`: 127.0.0.0/8, ::1, or `localhost`. Any other name is
/// taken for one that others reach.
bool is_loopback(std::string_view address);

/// Reads the keys of auth.keys_file and of QUIPU_AUTH_KEYS; none where neither is set. kRefused, with file and line,
/// where they are not what ApiKeys takes, and where users beside owner and group may read the file, or others than the
/// owner may write it; kNotFound where it can not be read.
Result<ApiKeys> load_api_keys(const Config& config);

/// kRefused where an address is served that others reach, without a key and without auth.insecure.
Result<void> check_exposure(const Config& config, bool has_keys);

/// What an operator should know who serves such an address all the same.
std::vector<std::string> exposure_warnings(const Config& config, bool has_keys);

}  // namespace quipu
