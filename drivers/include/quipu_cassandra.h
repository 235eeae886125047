#pragma once

/// Cassandra's driver (the Rust crate `scylla`) as C++ sees it.

#ifdef __cplusplus
extern "C" {
#endif

/// Which driver this is, and its version. Static text.
const char* quipu_cassandra_driver(void);

#ifdef __cplusplus
}  // extern "C"
#endif
