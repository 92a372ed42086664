# What belongs to no target of its own: the CMake package, the unit for systemd
# and the licence.
include(CMakePackageConfigHelpers)

set(reeve_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Reeve")

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/reeveConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/ReeveConfig.cmake"
  INSTALL_DESTINATION "${reeve_package_dir}"
  PATH_VARS CMAKE_INSTALL_LIBEXECDIR)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/ReeveConfigVersion.cmake"
  COMPATIBILITY SameMajorVersion)

install(EXPORT reeveTargets
  NAMESPACE reeve::
  DESTINATION "${reeve_package_dir}" COMPONENT reeve_development)
install(FILES
  "${PROJECT_BINARY_DIR}/ReeveConfig.cmake"
  "${PROJECT_BINARY_DIR}/ReeveConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindCAF.cmake"
  DESTINATION "${reeve_package_dir}" COMPONENT reeve_development)

configure_file(supervisor/reeved.service.in
  "${PROJECT_BINARY_DIR}/reeved.service" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/reeved.service"
  DESTINATION lib/systemd/system COMPONENT reeve_runtime)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT reeve_runtime)

# Together: reeve-bench looks for the program of the floors beside itself.
if(REEVE_BUILD_BENCHMARKS)
  install(TARGETS reeve_bench_program reeve_bench_floor_program
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT reeve_bench)
endif()
