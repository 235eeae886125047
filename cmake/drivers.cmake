# The drivers of Kafka and Cassandra: drivers/ is a Rust crate that cargo makes one static library of. All presets share it.
set(QUIPU_RUST_VERSION 1.89)
set(QUIPU_DRIVERS_DIR ${CMAKE_SOURCE_DIR}/build/drivers CACHE PATH "Where cargo builds the drivers")
find_program(CARGO cargo HINTS $ENV{HOME}/.cargo/bin)
set(usable OFF)
if(CARGO)
  execute_process(COMMAND ${CARGO} --version OUTPUT_VARIABLE version ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed AND version MATCHES "cargo ([0-9.]+)" AND CMAKE_MATCH_1 VERSION_GREATER_EQUAL QUIPU_RUST_VERSION)
    set(usable ON)
  endif()
endif()
# The sanitizers see nothing of what Rust does, so their builds go without unless they are told.
if(usable AND NOT QUIPU_SANITIZE)
  set(default ON)
else()
  set(default OFF)
endif()
option(QUIPU_DISTRIBUTED "Build what needs Kafka, Cassandra, Redis or PostgreSQL (needs cargo ${QUIPU_RUST_VERSION})" ${default})

add_custom_target(drivers)
if(NOT QUIPU_DISTRIBUTED)
  message(STATUS "QUIPU_DISTRIBUTED is off: the embedded form alone")
  return()
endif()
if(NOT usable)
  message(FATAL_ERROR "QUIPU_DISTRIBUTED needs cargo ${QUIPU_RUST_VERSION} or newer; found: ${CARGO} ${version}")
endif()

set(library ${QUIPU_DRIVERS_DIR}/release/libquipu_drivers.a)
set(include ${QUIPU_DRIVERS_DIR}/include)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/drivers/src/*.rs)
add_custom_command(OUTPUT ${library}
  COMMAND ${CMAKE_COMMAND} -E env QUIPU_DRIVERS_INCLUDE=${include}
    ${CARGO} build --quiet --release --locked --manifest-path ${CMAKE_SOURCE_DIR}/drivers/Cargo.toml --target-dir ${QUIPU_DRIVERS_DIR}
  COMMAND ${CMAKE_COMMAND} -E touch ${library}
  DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/drivers/Cargo.toml ${CMAKE_SOURCE_DIR}/drivers/Cargo.lock ${CMAKE_SOURCE_DIR}/drivers/build.rs
  COMMENT "Building the drivers of Kafka and Cassandra with cargo (minutes, the first time)" USES_TERMINAL VERBATIM)
add_custom_target(drivers_library DEPENDS ${library})
add_dependencies(drivers drivers_library)

file(MAKE_DIRECTORY ${include})
add_library(quipu_drivers STATIC IMPORTED GLOBAL)
set_target_properties(quipu_drivers PROPERTIES IMPORTED_LOCATION ${library})
add_dependencies(quipu_drivers drivers_library)
target_include_directories(quipu_drivers SYSTEM INTERFACE ${include} ${CMAKE_SOURCE_DIR}/drivers/include)
target_link_libraries(quipu_drivers INTERFACE ssl crypto z zstd m ${CMAKE_DL_LIBS} Threads::Threads)
