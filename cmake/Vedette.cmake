# Flags, dependencies and the few functions that every folder's CMakeLists.txt uses.

option(VD_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(VD_TSAN "ThreadSanitizer" OFF)
option(VD_FUZZ "libFuzzer targets (clang)" OFF)
option(VD_COVERAGE "count the lines that run (gcov)" OFF)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wformat=2 -Wundef -Wpointer-arith -Werror -fno-common -fstack-protector-strong
    -include ${CMAKE_SOURCE_DIR}/tools/banned.h)
add_compile_definitions(_GNU_SOURCE VD_VERSION="${PROJECT_VERSION}")
include_directories(${CMAKE_SOURCE_DIR})

if(VD_SANITIZE OR VD_FUZZ)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
endif()
if(VD_TSAN)
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
endif()
if(VD_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(VD_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
# The test builds link hundreds of programs, which takes lld a quarter of the time.
if(VD_SANITIZE OR VD_TSAN OR VD_FUZZ)
    find_program(VD_LLD ld.lld)
    if(VD_LLD)
        add_link_options(-fuse-ld=lld)
    endif()
endif()
# Hardening; tests/hardened looks for it in the programs.
if(NOT VD_SANITIZE AND NOT VD_FUZZ AND NOT VD_TSAN AND NOT VD_COVERAGE)
    # -U first: some compilers, and packaging, define another level.
    add_compile_options($<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
        $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3> -fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$")
        add_compile_options(-fcf-protection)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
        add_compile_options(-mbranch-protection=standard)
    endif()
endif()
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent libevent_pthreads)
pkg_check_modules(EVENT_TLS REQUIRED IMPORTED_TARGET libevent_openssl)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)

# DuckDB comes from npm (tools/deps): its shared library, and the header of its stable C API.
set(VD_DEPS ${CMAKE_SOURCE_DIR}/build/deps CACHE PATH "what tools/deps installed from npm")
file(GLOB VD_DUCKDB_LIB ${VD_DEPS}/duckdb/node_modules/@duckdb/node-bindings-linux-*/libduckdb.so)
add_library(duckdb::duckdb SHARED IMPORTED)
set_target_properties(duckdb::duckdb PROPERTIES
    IMPORTED_LOCATION "${VD_DUCKDB_LIB}"
    IMPORTED_NO_SONAME FALSE
    INTERFACE_INCLUDE_DIRECTORIES
        ${VD_DEPS}/duckdb/node_modules/duckdb/src/duckdb/src/include)
if(NOT VD_DUCKDB_LIB)
    message(FATAL_ERROR "DuckDB is not in ${VD_DEPS}: run tools/deps build first")
endif()

# vd_library(name SOURCES a.c ... LIBS other ...)
function(vd_library name)
    cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${A_SOURCES})
    target_link_libraries(${name} PUBLIC ${A_LIBS})
endfunction()

# What `make tsan` builds and runs: the tests in which threads meet.
add_custom_target(thread_tests)
# What `make fuzz` builds.
add_custom_target(fuzz_targets)

# vd_test(name SOURCES ... LIBS ... [LABELS unit|e2e] [THREADS] [TIMEOUT seconds]): a cmocka program and its CTest entry;
# THREADS: `make tsan` runs it
function(vd_test name)
    cmake_parse_arguments(A "THREADS" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
    if(NOT BUILD_TESTING OR VD_FUZZ)
        return()
    endif()
    if(NOT A_LABELS)
        set(A_LABELS unit)
    endif()
    if(A_THREADS)
        list(APPEND A_LABELS threads)
    endif()
    if(NOT A_TIMEOUT)
        set(A_TIMEOUT 60)
    endif()
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET GLOBAL cmocka)
    add_executable(test_${name} ${A_SOURCES})
    target_link_libraries(test_${name} PRIVATE ${A_LIBS} PkgConfig::CMOCKA)
    target_compile_definitions(test_${name} PRIVATE VD_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
        VD_BINARY_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${name} COMMAND test_${name})
    set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT}
        SKIP_RETURN_CODE 77)
    if(A_LABELS MATCHES "faults") # it times what a program does
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    elseif(NOT A_LABELS MATCHES "unit|store") # it may take the machine's network; begun first, since it waits more than it works
        set_tests_properties(${name} PROPERTIES RESOURCE_LOCK network COST 100)
    endif()
    if(A_THREADS)
        add_dependencies(thread_tests test_${name})
    endif()
endfunction()

# vd_fuzz(name SOURCES ... LIBS ... CORPUS dir [DICTIONARY file] [PARSES file...]): libFuzzer with VD_FUZZ, else the corpus
# replayed by CTest. PARSES names, from the root, the parsers of which the corpora must reach nearly every line (tools/coverage).
function(vd_fuzz name)
    cmake_parse_arguments(A "" "CORPUS;DICTIONARY" "SOURCES;LIBS;PARSES" ${ARGN})
    if(NOT BUILD_TESTING)
        return()
    endif()
    set_property(GLOBAL APPEND PROPERTY VD_PARSERS ${A_PARSES})
    if(VD_FUZZ)
        add_executable(fuzz_${name} ${A_SOURCES})
        target_link_libraries(fuzz_${name} PRIVATE ${A_LIBS})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        add_dependencies(fuzz_targets fuzz_${name})
        set_property(GLOBAL APPEND PROPERTY VD_FUZZERS "fuzz_${name}|${A_CORPUS}|${A_DICTIONARY}")
    else()
        add_executable(fuzz_${name} ${A_SOURCES} ${CMAKE_SOURCE_DIR}/fuzz/replay.c)
        target_link_libraries(fuzz_${name} PRIVATE ${A_LIBS})
        add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${A_CORPUS})
        set_tests_properties(fuzz_${name} PROPERTIES LABELS "unit;fuzz" TIMEOUT 60)
    endif()
endfunction()

# vd_bench(name SOURCES ... LIBS ...): a measuring program, never part of the tests
function(vd_bench name)
    cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
    if(VD_FUZZ)
        return()
    endif()
    add_executable(bench_${name} ${A_SOURCES})
    target_link_libraries(bench_${name} PRIVATE ${A_LIBS})
endfunction()
