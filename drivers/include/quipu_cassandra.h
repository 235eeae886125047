#pragma once

#include <stddef.h>
#include <stdint.h>

/// Cassandra's driver (the Rust crate `scylla`) as C++ sees it: asynchronous by completion.
///
///   owner ─ submit(token, statement, values) ─► driver's threads ─► Cassandra
///         ◄─ wake, take(completions) ───────────┘
///
/// Promise: everything submitted is completed once, in any order, within `retry_ms` and one request's time limit. At most
/// `requests_in_flight` requests are under way; what was submitted beyond waits in the driver, so its owner bounds it. All
/// statements run at LOCAL_QUORUM (conditional ones at LOCAL_SERIAL) unless they are prepared otherwise, at a replica of
/// the partition that they name.
/// No panic crosses: a function that meets one answers QUIPU_CASSANDRA_REFUSED, a request UNKNOWN.
/// Threads: those of the driver. Every function may be called on any thread, close alone and last.

#ifdef __cplusplus
extern "C" {
#endif

/// What became of a request.
enum {
  QUIPU_CASSANDRA_OK = 0,
  QUIPU_CASSANDRA_REFUSED = 1,      ///< It is wrong, or not allowed: the same request fails again. Nothing was changed.
  QUIPU_CASSANDRA_UNKNOWN = 2,      ///< It timed out or the connection broke: perhaps carried out.
  QUIPU_CASSANDRA_UNAVAILABLE = 3,  ///< Too few replicas, or none could be reached. Nothing was changed.
  QUIPU_CASSANDRA_CONFIG = 4,       ///< The login, a certificate or an address is wrong: an operator must look.
};

typedef struct quipu_cassandra_session quipu_cassandra_session;

/// How to reach the cluster. Texts are UTF-8; NULL where there is none. Copied.
typedef struct quipu_cassandra_options {
  const char* contact_points;   ///< "host:port,host:port": the nodes to begin with.
  const char* datacenter;       ///< The local datacenter; NULL: all are alike.
  const char* keyspace;         ///< The one whose replicas are looked up; it need not exist yet.
  const char* user;
  const char* password;
  int tls;                      ///< Not 0: TLS, with certificates checked. The paths are of PEM files.
  const char* tls_ca;           ///< NULL: the system's.
  const char* tls_certificate;  ///< Of this client, with its key; NULL: none.
  const char* tls_key;
  uint32_t threads;             ///< From 1.
  uint32_t connections;         ///< To each node, from 1.
  uint32_t requests_in_flight;  ///< From 1.
  uint32_t connect_ms;          ///< Time limit of a connection.
  uint32_t request_ms;          ///< Time limit of one request. Cassandra has its own, in general shorter.
  uint32_t retry_ms;            ///< How long a request that may be repeated is repeated as it is.
  void (*wake)(void*);          ///< On a driver's thread when completions are there that were not; must not block.
  void* wake_argument;
} quipu_cassandra_options;

/// One submit is done. Pointers are valid until release.
typedef struct quipu_cassandra_completion {
  uint64_t token;
  int32_t code;
  uint32_t repeats;     ///< How many of its requests were sent again.
  const char* error;    ///< What the first failure was; "" where there is none.
  const uint8_t* rows;  ///< The rows of all its executions in order. Each value: int32 size, highest byte first, then its
                        ///< bytes; size -1 is null.
  size_t rows_size;
  uint32_t row_count;
  void* owner;
} quipu_cassandra_completion;

/// Which driver this is, and its version. Static text.
const char* quipu_cassandra_driver(void);

/// Connects, within `connect_ms` and some requests; waits. On failure *session is NULL and `error` says why.
int32_t quipu_cassandra_open(const quipu_cassandra_options* options, quipu_cassandra_session** session, char* error,
                             size_t error_size);

/// Drops what was not completed, and ends the driver's threads. No wake is called during or after it.
void quipu_cassandra_close(quipu_cassandra_session* session);

/// How a statement is carried out: any of these, added.
enum {
  QUIPU_CASSANDRA_REPEATABLE = 1,    ///< It changes nothing when it is carried out twice: it is sent again after UNKNOWN
                                     ///< and UNAVAILABLE.
  QUIPU_CASSANDRA_ALL_REPLICAS = 2,  ///< At ALL: every replica must answer.
};

/// Prepares a statement and says by which number to call it; waits.
int32_t quipu_cassandra_prepare(quipu_cassandra_session* session, const char* cql, uint32_t how, uint32_t* statement,
                                char* error, size_t error_size);

/// Carries out a statement that changes the schema, until all nodes that can be reached have it; waits, at most a minute for
/// the statement.
int32_t quipu_cassandra_run(quipu_cassandra_session* session, const char* cql, char* error, size_t error_size);

/// Carries out a prepared statement `count` times, `concurrency` at once and in any order. `values` has for each: uint16
/// number of values, highest byte first, then the values as in completions. Copied. Of several failures the first is
/// told; what was not begun by then is left out.
void quipu_cassandra_submit(quipu_cassandra_session* session, uint64_t token, uint32_t statement, const uint8_t* values,
                            size_t values_size, uint32_t count, uint32_t concurrency);

/// The same, waited for. *out is released by the caller.
void quipu_cassandra_call(quipu_cassandra_session* session, uint32_t statement, const uint8_t* values,
                          size_t values_size, uint32_t count, uint32_t concurrency, quipu_cassandra_completion* out);

/// Asks every node of the cluster itself, within `limit_ms`. `cql` selects one value of one row. Each node gives a row of two
/// values: its host id (16 bytes), and the answer, null when the node did not give one.
void quipu_cassandra_nodes(quipu_cassandra_session* session, uint64_t token, const char* cql, uint32_t limit_ms);
void quipu_cassandra_call_nodes(quipu_cassandra_session* session, const char* cql, uint32_t limit_ms,
                                quipu_cassandra_completion* out);

/// Completes `token` after that time.
void quipu_cassandra_after(quipu_cassandra_session* session, uint64_t token, uint32_t milliseconds);

/// Takes at most `max` completions; each is released by the caller, before close.
size_t quipu_cassandra_take(quipu_cassandra_session* session, quipu_cassandra_completion* out, size_t max);
void quipu_cassandra_release(quipu_cassandra_completion* completion);

#ifdef __cplusplus
}  // extern "C"
#endif
