# What `cmake --install` puts where, by component: `vedette` (hub and security center), `agent`, `dev` (the module for
# firmware). A firmware's own build never comes here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(VD_PRIVATE_LIBDIR ${CMAKE_INSTALL_LIBDIR}/vedette)
set(packaging ${CMAKE_SOURCE_DIR}/packaging)
set(made ${CMAKE_BINARY_DIR}/packaging)

# ---- vedette ----

# DuckDB is in a folder of its own, and only this program looks there. Linked so at once: a path that is replaced leaves its length.
set_target_properties(vedette PROPERTIES
    INSTALL_RPATH "${CMAKE_INSTALL_PREFIX}/${VD_PRIVATE_LIBDIR}"
    BUILD_WITH_INSTALL_RPATH ON)
install(TARGETS vedette RUNTIME COMPONENT vedette)
install(FILES ${VD_DUCKDB_LIB} DESTINATION ${VD_PRIVATE_LIBDIR} COMPONENT vedette)
install(DIRECTORY ${CMAKE_BINARY_DIR}/portal/dist/ DESTINATION ${CMAKE_INSTALL_DATADIR}/vedette/portal COMPONENT vedette)
install(DIRECTORY ${packaging}/grafana ${packaging}/prometheus DESTINATION ${CMAKE_INSTALL_DATADIR}/vedette COMPONENT vedette)
install(FILES ${packaging}/vedette.service DESTINATION lib/systemd/system COMPONENT vedette)

# Manuals and completion come from the tables by which the programs parse.
foreach(document vedette.1 vedette.conf.5 vedette-agent.8 completion)
    add_custom_command(OUTPUT ${made}/${document}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
        COMMAND manual ${document} ${made}/${document}
        DEPENDS manual VERBATIM)
    list(APPEND documents ${made}/${document})
endforeach()
add_custom_command(OUTPUT ${made}/vedette.spdx.json
    COMMAND ${VD_NODE} ${CMAKE_SOURCE_DIR}/tools/sbom.mjs ${made}/vedette.spdx.json ${PROJECT_VERSION} ${VD_DEPS}
        $<TARGET_FILE:vedette> $<TARGET_FILE:vedette-agent>
    DEPENDS vedette vedette-agent ${CMAKE_SOURCE_DIR}/tools/sbom.mjs ${CMAKE_SOURCE_DIR}/portal/package-lock.json
        ${CMAKE_SOURCE_DIR}/tools/duckdb/package-lock.json
    VERBATIM)
add_custom_target(installed ALL DEPENDS ${documents} ${made}/vedette.spdx.json)
add_dependencies(installed vedette vedette-agent portal iot-security-module)

install(FILES ${made}/vedette.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT vedette)
install(FILES ${made}/vedette.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT vedette)
install(FILES ${made}/completion DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME vedette
    COMPONENT vedette)
install(FILES ${made}/vedette.spdx.json DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT vedette)
# As in the tree, so that links from page to page lead there.
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT vedette)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT vedette)

# ---- agent ----

install(TARGETS vedette-agent RUNTIME COMPONENT agent)
install(FILES ${CMAKE_SOURCE_DIR}/azure_iot_security_module/ports/linux/vedette-agent.service
    DESTINATION lib/systemd/system COMPONENT agent)
install(FILES ${made}/vedette-agent.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT agent)

# ---- dev: for the host as a library, for firmware as sources, since it compiles them with its own settings ----

set(ASC_INCLUDES ${CMAKE_INSTALL_INCLUDEDIR}/iot-security-module)
set(ASC_SOURCES ${CMAKE_INSTALL_DATADIR}/iot-security-module)
set(ASC_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/iot-security-module)
asc_core_library(iot-security-module)
target_sources(iot-security-module PRIVATE ${ASC_ROOT}/azure_iot_security_module/src/asc_mqtt.c
    ${ASC_ROOT}/azure_iot_security_module/src/asc_sas.c)
target_include_directories(iot-security-module INTERFACE)
set_property(TARGET iot-security-module PROPERTY INTERFACE_INCLUDE_DIRECTORIES
    "$<BUILD_INTERFACE:${ASC_ROOT}>;$<INSTALL_INTERFACE:${ASC_INCLUDES}>")
install(TARGETS iot-security-module EXPORT iot-security-module ARCHIVE COMPONENT dev)
install(EXPORT iot-security-module NAMESPACE iot-security-module:: DESTINATION ${ASC_CMAKE} COMPONENT dev)
install(DIRECTORY ${ASC_ROOT}/azure_iot_security_module/inc
    DESTINATION ${ASC_INCLUDES}/azure_iot_security_module COMPONENT dev)
install(FILES ${ASC_ROOT}/azure_iot_security_module/src/asc_mqtt.h ${ASC_ROOT}/azure_iot_security_module/src/asc_sas.h
    DESTINATION ${ASC_INCLUDES}/azure_iot_security_module/src COMPONENT dev)
install(FILES ${ASC_ROOT}/proto/protocol.h DESTINATION ${ASC_INCLUDES}/proto COMPONENT dev)
install(DIRECTORY ${ASC_ROOT}/azure_iot_security_module DESTINATION ${ASC_SOURCES} COMPONENT dev)
install(FILES ${ASC_ROOT}/proto/protocol.h ${ASC_ROOT}/proto/security_message.fbs DESTINATION ${ASC_SOURCES}/proto
    COMPONENT dev)
install(FILES ${CMAKE_SOURCE_DIR}/docs/device.md ${CMAKE_SOURCE_DIR}/docs/netxduo.md ${CMAKE_SOURCE_DIR}/docs/lwip.md
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libiot-security-module-dev COMPONENT dev)
configure_file(${packaging}/iot-security-module.pc.in ${made}/iot-security-module.pc @ONLY)
install(FILES ${made}/iot-security-module.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
configure_package_config_file(${packaging}/iot-security-module-config.cmake.in ${made}/iot-security-module-config.cmake
    INSTALL_DESTINATION ${ASC_CMAKE} PATH_VARS ASC_SOURCES)
write_basic_package_version_file(${made}/iot-security-module-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${made}/iot-security-module-config.cmake ${made}/iot-security-module-config-version.cmake
    DESTINATION ${ASC_CMAKE} COMPONENT dev)
