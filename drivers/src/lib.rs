//! The drivers of Kafka and Cassandra in one static library. Kafka's C interface is librdkafka's own; Cassandra's is
//! `include/quipu_cassandra.h`, which says what each function here promises.

// Named so that its objects are in the library; C++ calls them.
use rdkafka_sys as _;

mod border;
mod codes;
mod completions;
mod connect;
mod requests;
mod values;
