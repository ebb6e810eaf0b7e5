# The build options that turn collectors off, and ASC_COLLECTORS_OFF: the definitions of those that are.
if(POLICY CMP0077)
    cmake_policy(SET CMP0077 NEW) # a variable that the including project has set counts as the option
endif()
option(collector_heartbeat_enabled "heartbeat collector" ON)
option(collector_network_activity_enabled "network activity collector" ON)
option(collector_system_information_enabled "system information collector" ON)

set(ASC_COLLECTORS_OFF)
foreach(collector heartbeat network_activity system_information)
    if(NOT collector_${collector}_enabled)
        string(TOUPPER ${collector} name)
        list(APPEND ASC_COLLECTORS_OFF ASC_COLLECTOR_${name}_ENABLED=false)
    endif()
endforeach()
set(ASC_COLLECTORS_OFF ${ASC_COLLECTORS_OFF} CACHE INTERNAL "of asc_core_library(), from any folder")

# What every `#include` of the module begins at.
get_filename_component(ASC_ROOT ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)
set(ASC_ROOT ${ASC_ROOT} CACHE INTERNAL "of asc_core_library(), from any folder")
