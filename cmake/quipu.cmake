# One library a folder of src/, one test program a folder of test/.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

option(QUIPU_HARDENED "Harden the program: checked libc calls, stack protector, PIE, full RELRO" OFF)
option(QUIPU_PLANTED_BUGS "Build the bugs, marks and failpoints of src/base/planted.h and failpoint.h in, for tests alone" OFF)
option(QUIPU_FUZZ "Build the fuzzers of test/fuzz and nothing else (needs clang and its libFuzzer)" OFF)
set(QUIPU_SANITIZE "" CACHE STRING "Sanitizers to build with, such as address,undefined or thread")

add_library(quipu_options INTERFACE)
target_compile_options(quipu_options INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  -fno-omit-frame-pointer)
target_include_directories(quipu_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(quipu_options INTERFACE Threads::Threads)

if(QUIPU_PLANTED_BUGS)
  target_compile_definitions(quipu_options INTERFACE QUIPU_PLANTED_BUGS)
endif()

if(QUIPU_SANITIZE)
  # GCC's flow warnings are unreliable in instrumented code; the other builds keep them as errors.
  target_compile_options(quipu_options INTERFACE -fsanitize=${QUIPU_SANITIZE} -fno-sanitize-recover=all
    -D_GLIBCXX_ASSERTIONS $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-stringop-overflow;-Wno-tsan>)
  target_link_options(quipu_options INTERFACE -fsanitize=${QUIPU_SANITIZE})
elseif(QUIPU_HARDENED)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  include(CheckPIESupported)
  check_pie_supported()
  target_compile_options(quipu_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
    -fstack-clash-protection)
  target_link_options(quipu_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(QUIPU_FUZZ)
  # The library that both compilers use here calls what it deprecates.
  target_compile_options(quipu_options INTERFACE -fsanitize=fuzzer-no-link -Wno-deprecated-declarations)
endif()

# Takes what needs the drivers, and its tests, out of a list of sources where QUIPU_DISTRIBUTED is off.
macro(quipu_leave_out_distributed list)
  if(NOT QUIPU_DISTRIBUTED)
    list(FILTER ${list} EXCLUDE REGEX "/(cassandra|kafka|postgres|redis)_[a-z_]+\\.cc$")
  endif()
endmacro()

# In sanitized builds several sources of a target are compiled as one, which takes less than half as long. The other builds
# compile each alone, so that each includes what it uses.
function(quipu_compile_together target)
  if(QUIPU_SANITIZE AND NOT QUIPU_FUZZ AND NOT QUIPU_DISTRIBUTED)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# quipu_library(event DEPENDS base [LINK xxhash]): src/<name>/*.cc, or an interface library where there is none.
function(quipu_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  quipu_leave_out_distributed(sources)
  set(depends ${ARG_DEPENDS})
  list(TRANSFORM depends PREPEND quipu_)
  if(sources)
    add_library(quipu_${name} STATIC ${sources})
    target_link_libraries(quipu_${name} PUBLIC quipu_options ${depends} PRIVATE ${ARG_LINK})
    quipu_compile_together(quipu_${name})
  else()
    add_library(quipu_${name} INTERFACE)
    target_link_libraries(quipu_${name} INTERFACE quipu_options ${depends} ${ARG_LINK})
  endif()
endfunction()

# quipu_build_info(base): adds what base/build_info.h declares to that library.
function(quipu_build_info name)
  set(kind release)
  if(QUIPU_SANITIZE)
    set(kind ${QUIPU_SANITIZE})
  elseif(CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(kind debug)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(compiler "GCC ${CMAKE_CXX_COMPILER_VERSION}")
  else()
    set(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
  endif()
  set(output ${CMAKE_BINARY_DIR}/build_info.cc)
  add_custom_target(quipu_build_info BYPRODUCTS ${output} COMMENT ""
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${output} -DVERSION=${PROJECT_VERSION}
      "-DCOMPILER=${compiler}" -DKIND=${kind} -P ${CMAKE_SOURCE_DIR}/cmake/build_info.cmake VERBATIM)
  target_sources(quipu_${name} PRIVATE ${output})
  add_dependencies(quipu_${name} quipu_build_info)
endfunction()

# Undefined behaviour is sought in the product; in test code the checks would double the compile time. The last flag wins,
# so tests link this last.
add_library(quipu_test_options INTERFACE)
if(QUIPU_SANITIZE MATCHES undefined)
  target_compile_options(quipu_test_options INTERFACE -fno-sanitize=undefined)
endif()

# quipu_test(event DEPENDS event): test/<name>/*.cc as the program test_<name>. Its tests are found when ctest starts,
# so that a sanitizer's runtime gets the surroundings that it needs. SERVICES: they need real servers (`tools/test --only
# services`) and are left out of the unit tests. WITH: sources of other folders.
function(quipu_test name)
  cmake_parse_arguments(ARG "SERVICES" "" "DEPENDS;LINK;WITH" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/${name}/*.cc)
  if(NOT QUIPU_DISTRIBUTED)
    list(FILTER sources EXCLUDE REGEX "/(cassandra|kafka|postgres|redis)_[a-z_]+\\.cc$")
  endif()
  if(NOT sources)
    return()
  endif()
  list(APPEND sources ${ARG_WITH})
  if(QUIPU_PLANTED_BUGS)
    list(APPEND sources coverage/marks_of_tests.cc)
  endif()
  set(depends ${ARG_DEPENDS})
  list(TRANSFORM depends PREPEND quipu_)
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/test)
  target_compile_definitions(test_${name} PRIVATE QUIPU_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE quipu_options ${depends} ${ARG_LINK} GTest::gmock GTest::gtest_main
    quipu_test_options)
  # Parsed once for all tests, which takes a third off each of them; the linter reads them without, so that each includes
  # what it needs. GCC's warnings are wrong about what comes out of it.
  target_compile_options(test_${name} PRIVATE -fpch-preprocess -Wno-array-bounds -Wno-stringop-overflow)
  if(TARGET test_base AND NOT name STREQUAL base)
    target_precompile_headers(test_${name} REUSE_FROM test_base)
  else()
    target_precompile_headers(test_${name} PRIVATE <gmock/gmock.h> <gtest/gtest.h> <chrono> <filesystem> <fstream> <functional>
      <map> <memory> <string> <thread> <vector>)
  endif()
  set(labels)
  if(ARG_SERVICES)
    set(labels PROPERTIES LABELS services TIMEOUT 600)
  endif()
  gtest_discover_tests(test_${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 ${labels})
endfunction()
