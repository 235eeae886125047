//! The drivers of Kafka and Cassandra in one static library. Kafka's C interface is librdkafka's own; Cassandra's is
//! `include/quipu_cassandra.h`.

// Named so that its objects are in the library; C++ calls them.
use rdkafka_sys as _;
use scylla as _;

use std::ffi::{c_char, CStr};

/// The version of the driver, for `quipu version` and for tests that it is linked.
#[no_mangle]
pub extern "C" fn quipu_cassandra_driver() -> *const c_char {
    const DRIVER: &CStr = c"scylla 1.9.0";
    DRIVER.as_ptr()
}
