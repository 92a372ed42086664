# One place for what every target of ours has in common.

# Warnings of the project's own code. Linked privately, never exported. Errors
# they are with the compilers that CI has: a newer one knows new warnings, and
# must not fail the first build of somebody who has it.
set(reeve_werror OFF)
if(REEVE_WERROR
    AND (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13
      OR CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
  set(reeve_werror ON)
endif()
add_library(reeve_warnings INTERFACE)
target_compile_options(reeve_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow=local -Wcast-qual -Wundef
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Wold-style-cast>
  -Wno-missing-field-initializers
  $<$<BOOL:${reeve_werror}>:-Werror>)

# reeve_library(<name>): static library reeve_<name> with the alias
# reeve::<name>; headers are checked to stand alone and are installed.
function(reeve_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;PUBLIC;PRIVATE" ${ARGN})
  set(target reeve_${name})
  add_library(${target} STATIC)
  add_library(reeve::${name} ALIAS ${target})
  target_sources(${target}
    PRIVATE ${arg_SOURCES}
    PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${arg_HEADERS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target}
    PUBLIC ${arg_PUBLIC}
    PRIVATE ${arg_PRIVATE} $<BUILD_INTERFACE:reeve_warnings>)
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name} CXX_EXTENSIONS OFF VERIFY_INTERFACE_HEADER_SETS ON)
  install(TARGETS ${target} EXPORT reeveTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT reeve_development
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/reeve"
    COMPONENT reeve_development)
endfunction()

# reeve_unity(<target> [APART <source>...]): with REEVE_UNITY the sources of the
# target are compiled six at a time. What includes CAF spends half of its time on
# the same templates. APART are those whose own names would meet.
function(reeve_unity target)
  cmake_parse_arguments(arg "" "" "APART" ${ARGN})
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD ${REEVE_UNITY} UNITY_BUILD_BATCH_SIZE 6)
  set_source_files_properties(${arg_APART}
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# reeve_tests(<label> SOURCES ... LIBRARIES ...): one Catch2 executable for a
# folder of tests; every test case becomes a ctest with that label.
function(reeve_tests label)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES;PROPERTIES" ${ARGN})
  string(REPLACE "-" "_" stem "${label}")
  set(target reeve_${stem}_tests)
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} reeve_test_main reeve_warnings)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  catch_discover_tests(${target} TEST_PREFIX "${label}/"
    PROPERTIES LABELS "${label}" TIMEOUT 300 SKIP_RETURN_CODE 4 ${arg_PROPERTIES})
endfunction()
